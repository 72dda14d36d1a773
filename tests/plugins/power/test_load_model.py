"""The modelled machine: which CPU it is, what it draws, and how far the model may be off."""

from __future__ import annotations

import os

import pytest

from energyprof.interfaces import Reading, SourceContext
from energyprof.model.domain import Domain
from energyprof.testing import SECOND, FakeClock
from energyprof_plugins.power.load_model import CPU, TABLE, UNKNOWN, Generation, LoadModel, gain_error, identify

CPUINFO = """processor\t: {number}
vendor_id\t: {vendor}
cpu family\t: {family}
model\t\t: {model}
model name\t: {name}
stepping\t: {stepping}

"""
MILAN = {"vendor": "AuthenticAMD", "family": 25, "model": 1, "name": "AMD EPYC 7763", "stepping": 1}


def machine(root, threads=4, **facts):
    """Write /proc/cpuinfo of a machine under `root`."""
    (root / "proc").mkdir()
    text = "".join(CPUINFO.format(number=number, **facts) for number in range(threads))
    (root / "proc" / "cpuinfo").write_text(text)
    return str(root)


@pytest.mark.parametrize(
    ("vendor", "family", "model", "stepping", "name", "expected"),
    [
        ("GenuineIntel", 6, 63, 2, "Intel(R) Xeon(R) CPU E5-2670 v3", "Haswell"),
        ("GenuineIntel", 6, 79, 1, "Intel(R) Xeon(R) CPU E5-2686 v4", "Broadwell"),
        ("GenuineIntel", 6, 85, 4, "Intel(R) Xeon(R) Platinum 8175M", "Skylake"),
        ("GenuineIntel", 6, 85, 7, "Intel(R) Xeon(R) Platinum 8259CL", "Cascade Lake"),
        ("GenuineIntel", 6, 143, 8, "Intel(R) Xeon(R) Platinum 8488C", "Sapphire Rapids"),
        ("AuthenticAMD", 23, 1, 2, "AMD EPYC 7571", "EPYC 1st gen"),
        ("AuthenticAMD", 23, 49, 0, "AMD EPYC 7R32", "EPYC 2nd gen"),
        ("AuthenticAMD", 25, 1, 1, "AMD EPYC", "EPYC 3rd gen"),
        ("AuthenticAMD", 25, 17, 1, "AMD EPYC 9R14", "EPYC 4th gen"),
        ("AuthenticAMD", 25, 33, 0, "AMD Ryzen 9 5950X", "unknown CPU"),
        ("AuthenticAMD", 26, 2, 1, "AMD EPYC 9755", "unknown CPU"),
        ("GenuineIntel", 15, 4, 1, "Intel(R) Pentium(R) 4", "unknown CPU"),
        ("GenuineIntel", "", "", "", "none said", "unknown CPU"),
    ],
)
def test_cpu_is_told_by_its_numbers(tmp_path, vendor, family, model, stepping, name, expected):
    root = machine(tmp_path, vendor=vendor, family=family, model=model, stepping=stepping, name=name)

    generation, threads = identify(root)

    assert (generation.name, threads) == (expected, 4)


def test_machine_without_cpuinfo_is_unknown_with_the_threads_python_counts(tmp_path):
    assert identify(str(tmp_path)) == (UNKNOWN, os.cpu_count())


def test_unknown_cpu_is_the_mean_of_the_table():
    assert (UNKNOWN.idle_w, UNKNOWN.busy_w) == (
        pytest.approx(sum(row.idle_w for row in TABLE) / len(TABLE)),
        pytest.approx(sum(row.busy_w for row in TABLE) / len(TABLE)),
    )


def test_error_of_an_unknown_cpu_covers_every_row_idle_and_busy():
    low, high = gain_error(UNKNOWN)

    for row in TABLE:
        assert (1 - low) * UNKNOWN.idle_w <= row.idle_w <= (1 + high) * UNKNOWN.idle_w
        assert (1 - low) * UNKNOWN.busy_w <= row.busy_w <= (1 + high) * UNKNOWN.busy_w


@pytest.mark.parametrize("generation", TABLE, ids=lambda row: row.name)
def test_knowing_the_cpu_narrows_the_error_but_never_to_less_than_its_vendors_scatter(generation):
    low, high = gain_error(generation)

    assert 0.4 < low < gain_error(UNKNOWN)[0]
    assert 0.8 < high < gain_error(UNKNOWN)[1]


def test_domain_says_what_is_modelled_and_its_baseline(tmp_path):
    root = machine(tmp_path, threads=8, **MILAN)

    (domain,) = LoadModel().open(SourceContext(root=root))

    milan = Generation("AMD", "EPYC 3rd gen", 0.46, 1.96)
    assert domain == Domain(
        id=CPU,
        source="load_model (EPYC 3rd gen, 8 threads)",
        provenance="model",
        quantity="energy",
        scale=1e-6,
        driver="cpu",
        gain_error=gain_error(milan),
        baseline_w=8 * 0.46,
    )


def test_energy_is_idle_power_of_all_threads_plus_more_for_cpu_time(tmp_path):
    clock, cpu_ns = FakeClock(50 * SECOND), [0]
    model = LoadModel()
    context = SourceContext(
        start_ns=50 * SECOND,
        now_ns=clock.now_ns,
        cpu_time_ns=lambda: cpu_ns[0],
        root=machine(tmp_path, threads=4, **MILAN),
    )
    model.open(context)

    clock.advance(2 * SECOND)
    first = list(model.read())
    clock.advance(8 * SECOND)
    cpu_ns[0] = 6 * SECOND
    second = list(model.read())

    idle_uj, busy_uj = 460_000 * 4, 1_500_000
    assert first == [Reading(CPU, 0, 50 * SECOND), Reading(CPU, 2 * idle_uj, 52 * SECOND)]
    assert second == [Reading(CPU, 10 * idle_uj + 6 * busy_uj, 60 * SECOND)]


def test_model_opened_again_begins_again(tmp_path):
    model = LoadModel()
    context = SourceContext(start_ns=7, now_ns=lambda: 7, root=machine(tmp_path, **MILAN))

    model.open(context)
    model.read()
    model.open(context)

    assert list(model.read()) == [Reading(CPU, 0, 7), Reading(CPU, 0, 7)]
