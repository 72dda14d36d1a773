"""The modelled machine: which CPU it is, what it draws, and how far the model may be off."""

from __future__ import annotations

import os

import pytest

from energyprof.interfaces import Reading, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.fitted_power import FittedPower, fitted_file, text_of_fit
from energyprof.testing import SECOND, FakeClock
from energyprof_plugins.power.load_model import CPU, LoadModel
from energyprof_plugins.power.load_table import TABLE, UNKNOWN, gain_error, identify

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
    (root / "proc").mkdir(exist_ok=True)
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

    processor = identify(root)

    assert (processor.generation.name, processor.name, processor.threads) == (expected, name, 4)


def test_machine_without_cpuinfo_is_unknown_with_the_threads_python_counts(tmp_path):
    processor = identify(str(tmp_path))

    assert (processor.generation, processor.threads, processor.chips) == (UNKNOWN, os.cpu_count(), 1)


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

    (milan,) = (row for row in TABLE if row.name == "EPYC 3rd gen")
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


def opened(root, cache="", **facts):
    """Return the model's domain on the machine under `root`."""
    machine(root, **{**MILAN, **facts})
    (domain,) = LoadModel().open(SourceContext(root=str(root), cache=str(cache)))
    return domain


def spent_uj(root, *busy, step_ns=SECOND):
    """Return the energy above idle of each step in which so many CPUs are busy."""
    clock, cpu_ns = FakeClock(), [0]
    model = LoadModel()
    context = SourceContext(now_ns=clock.now_ns, cpu_time_ns=lambda: cpu_ns[0], root=str(root))
    (domain,) = model.open(context)
    total_uj, spent = 0, []
    for cpus in busy:
        clock.advance(step_ns)
        cpu_ns[0] += round(cpus * step_ns)
        raw = list(model.read())[-1].raw
        spent.append(raw - total_uj - round(domain.baseline_w * step_ns / 1000))
        total_uj = raw
    return spent


def test_kinds_of_cores_are_filled_in_order_and_add_up_to_the_full_load(tmp_path, tree):
    """Two performance cores with two threads each, and four efficiency cores of a fifth of their power."""
    machine(tmp_path, threads=8, **MILAN)
    tree.write(tmp_path, {"sys/devices/cpu_core/cpus": "0-3", "sys/devices/cpu_atom/cpus": "4-7"})
    tree.write(tmp_path, {"sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0-1"})

    one, four, five, all_busy = spent_uj(tmp_path, 1, 4, 5, 8)

    full_uj = 8 * (1.96 - 0.46) * 1e6
    strong_uj = full_uj / (4 + 4 * 0.4)
    assert [one, four, five, all_busy] == [
        pytest.approx(expected, abs=2) for expected in (strong_uj, 4 * strong_uj, 4.4 * strong_uj, full_uj)
    ]


def test_capacity_stands_for_power_where_cores_state_it(tmp_path, tree):
    machine(tmp_path, threads=4, **MILAN)
    for cpu, capacity in enumerate([512, 1024, 512, 1024]):
        tree.write(tmp_path, {f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity": capacity})

    two, four = spent_uj(tmp_path, 2, 4)

    assert (four, two) == (pytest.approx(6e6, abs=2), pytest.approx(6e6 * 2 / 3, abs=2))


def test_more_cpu_time_than_cpus_loses_nothing(tmp_path):
    machine(tmp_path, threads=2, **MILAN)

    assert spent_uj(tmp_path, 10) == [pytest.approx(10 * 1.5e6, abs=2)]


@pytest.mark.parametrize(
    ("files", "described", "idle_w", "error"),
    [
        ({}, "EPYC 3rd gen, 4 threads", 1.84, None),
        ({"sys/class/dmi/id/chassis_type": 10}, "laptop, 4 threads", 8.0, (2 / 3, 2.0)),
        ({"sys/class/power_supply/BAT0/type": "Battery"}, "laptop, 4 threads", 8.0, (2 / 3, 2.0)),
        ({"sys/class/dmi/id/chassis_type": 3}, "desktop, 4 threads", 35.0, (2 / 3, 2.0)),
        (
            {
                "sys/class/dmi/id/chassis_type": 9,
                "sys/class/powercap/intel-rapl:0/name": "package-0",
                "sys/class/powercap/intel-rapl:0/constraint_0_max_power_uw": 15_000_000,
            },
            "laptop, 4 threads, 15 W limit",
            8.0,
            (2 / 3, 2.0),
        ),
    ],
)
def test_laptops_and_desktops_are_told_from_servers_with_a_wider_error(tmp_path, tree, files, described, idle_w, error):
    tree.write(tmp_path, files)

    domain = opened(tmp_path)

    assert (domain.source, domain.baseline_w) == (f"load_model ({described})", pytest.approx(idle_w))
    if error is not None:
        assert domain.gain_error == pytest.approx(error)


def test_stated_limit_is_the_full_load(tmp_path, tree):
    zone = "sys/class/powercap/intel-rapl:0"
    tree.write(tmp_path, {"sys/class/dmi/id/chassis_type": 9, f"{zone}/name": "package-0"})
    tree.write(tmp_path, {f"{zone}/constraint_0_max_power_uw": 15_000_000})
    machine(tmp_path, threads=4, **MILAN)

    assert spent_uj(tmp_path, 4) == [pytest.approx(15e6, abs=2)]


def test_memory_beyond_what_such_servers_have_adds_to_idle_and_widens_the_error(tmp_path, tree):
    (tmp_path / "usual").mkdir()
    (tmp_path / "large").mkdir()
    tree.write(tmp_path / "large", {"proc/meminfo": "MemTotal:       500000000 kB\nMemFree: 1 kB"})

    usual, large = opened(tmp_path / "usual"), opened(tmp_path / "large")

    extra_w = 0.392 * (512.0 - 137)
    assert large.baseline_w == pytest.approx(usual.baseline_w + extra_w)
    assert large.source == "load_model (EPYC 3rd gen, 4 threads, 375 GB more than such servers have)"
    low, high = large.gain_error
    assert (1 - low) * large.baseline_w == pytest.approx((1 - usual.gain_error[0]) * usual.baseline_w)
    assert high >= usual.gain_error[1]


def test_fitted_machine_is_modelled_as_it_was_fitted(tmp_path):
    fitted = FittedPower("AMD EPYC 7763", 4, 30.0, 4.5, (0.04, 0.05), "2026-11-25", "wall.csv")
    with open(fitted_file(str(tmp_path), fitted.cpu, 4), "w") as file:
        file.write(text_of_fit(fitted))

    domain = opened(tmp_path, tmp_path)

    assert domain.source == "load_model (fitted on 2026-11-25 against wall.csv)"
    assert (domain.provenance, domain.baseline_w, domain.gain_error) == ("model", 30.0, (0.04, 0.05))


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', '{"version": 1, "gain_error": [0, 0], "cpu": 5}', "[]"])
def test_file_that_is_no_fit_is_passed_over(tmp_path, text):
    with open(fitted_file(str(tmp_path), "AMD EPYC 7763", 4), "w") as file:
        file.write(text)

    assert opened(tmp_path, tmp_path).source == "load_model (EPYC 3rd gen, 4 threads)"
