"""Probes are kept per device, used by the run that finds that device again, and ignored aloud where they are broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.probe.record import Record, record_json, record_of
from energyprof.probe.store import KeptProbes, ProbeStore, identity_of

GPU = Domain(
    DomainId("gpu:0"),
    "nvml (H100, GPU-1f2e)",
    "sensor",
    "power",
    1e-3,
    "device",
    period_ns=100_000_000,
    timing="by class",
)
CPU = "EPYC 7763"


def record(**changes: object) -> Record:
    made = Record(identity_of("nvml", GPU, CPU), "0.1.0", "2026-07-01", 9000, 99_700_000, 40, 1e-3, 6000, 170_000)
    return replace(made, **changes)


LOADED = {
    "load_date": "2026-07-01",
    "response": "boxcar",
    "lag_ns": (51_000_000, 53_000_000),
    "window_ns": 25_000_000,
    "window_range_ns": (24_000_000, 26_000_000),
}


def test_record_survives_its_file(tmp_path: Path) -> None:
    store, kept = ProbeStore(str(tmp_path)), record(**LOADED, remarks=("a", "b"))

    assert store.keep(kept) == ""
    assert store.find(kept.identity).record == kept
    assert [found.record for found in store.all()] == [kept]
    assert record_of(json.loads(json.dumps(record_json(kept)))) == kept


def test_run_takes_period_window_and_lag_from_the_probe_of_its_device(tmp_path: Path) -> None:
    ProbeStore(str(tmp_path)).keep(record(**LOADED))
    probes = KeptProbes(str(tmp_path), CPU)

    known = probes.known("nvml", GPU)

    assert (known.period_ns, known.window_ns, known.lag_ns) == (99_700_000, 25_000_000, (51_000_000, 53_000_000))
    assert known.timing == "period, window, lag from the probe of 2026-07-01"
    assert probes.news() == []


def test_device_with_a_serial_is_found_again_under_another_number(tmp_path: Path) -> None:
    channel = replace(GPU, id=DomainId("gpu:0:instant"), serial="GPU-1f2e-77")
    ProbeStore(str(tmp_path)).keep(record(identity=identity_of("nvml", channel, CPU), **LOADED))
    probes = KeptProbes(str(tmp_path), CPU)

    renumbered = probes.known("nvml", replace(channel, id=DomainId("gpu:3:instant")))
    others = [replace(channel, serial="GPU-9999-00"), replace(channel, id=DomainId("gpu:0"))]

    assert (renumbered.id, renumbered.period_ns) == ("gpu:3:instant", 99_700_000)
    assert [probes.known("nvml", other) for other in others] == others


def test_probe_without_load_leaves_window_and_lag_to_what_the_source_knows(tmp_path: Path) -> None:
    ProbeStore(str(tmp_path)).keep(record())

    known = KeptProbes(str(tmp_path), CPU).known("nvml", GPU)

    assert (known.period_ns, known.window_ns, known.lag_ns) == (99_700_000, GPU.window_ns, GPU.lag_ns)
    assert known.timing == "period from the probe of 2026-07-01; window, lag by class"


@pytest.mark.parametrize(
    "other",
    [
        (replace(GPU, source="nvml (H100, GPU-9999)"), "nvml", CPU),
        (replace(GPU, id=DomainId("gpu:1")), "nvml", CPU),
        (GPU, "amdsmi", CPU),
        (GPU, "nvml", "Xeon 8480"),
        (replace(GPU, provenance="model"), "nvml", CPU),
    ],
)
def test_another_device_gets_nothing_of_it(tmp_path: Path, other: tuple[Domain, str, str]) -> None:
    ProbeStore(str(tmp_path)).keep(record(**LOADED))
    domain, source, cpu = other

    assert KeptProbes(str(tmp_path), cpu).known(source, domain) == domain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": "energyprof-probe/2"}',
        '{"schema": "energyprof-probe/1"}',
        json.dumps({**record_json(record()), "period_ns": -5}),
        json.dumps({**record_json(record()), "period_ns": "soon"}),
        json.dumps({**record_json(record()), "lag_ns": [2, 1]}),
        json.dumps({**record_json(record()), "identity": {"source": "nvml"}}),
        json.dumps({**record_json(record()), "identity": {**record_json(record())["identity"], "domain": "gpu:7"}}),
        "\0" * 100,
        "[" * 5000,
    ],
)
def test_broken_or_foreign_file_is_ignored_and_said(tmp_path: Path, text: str) -> None:
    store = ProbeStore(str(tmp_path))
    store.keep(record())
    path = Path(store.path_of(record().identity))
    path.write_text(text)
    probes = KeptProbes(str(tmp_path), CPU)

    known, (said,) = probes.known("nvml", GPU), probes.news()

    assert known == GPU
    assert said.startswith(f"the probe kept in {path} is ignored: ")
    assert said.endswith("make it anew with: energyprof doctor --probe")


def test_new_probe_without_load_keeps_what_an_earlier_load_has_shown() -> None:
    earlier, later = record(**LOADED), record(date="2026-08-01", period_ns=100_000_000)

    merged = later.with_load_of(earlier)

    assert (merged.date, merged.load_date, merged.lag_ns) == ("2026-08-01", "2026-07-01", LOADED["lag_ns"])
    known = merged.applied_to(GPU)
    assert known.timing == "period from the probe of 2026-08-01; window, lag from the probe of 2026-07-01"


def test_what_was_wrong_with_the_sensor_is_said_in_every_run(tmp_path: Path) -> None:
    ProbeStore(str(tmp_path)).keep(record(remarks=("gpu:0: the counter stood still; update the driver",)))
    probes = KeptProbes(str(tmp_path), CPU)

    probes.known("nvml", GPU)

    assert probes.news() == ["gpu:0: the counter stood still; update the driver (probe of 2026-07-01)"]
    assert probes.news() == []


def test_folder_that_cannot_be_written_costs_the_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "probe").write_text("in the way")

    assert "cannot be written" in ProbeStore(str(tmp_path)).keep(record())
    assert "no cache folder" in ProbeStore("").keep(record())
    assert KeptProbes("", CPU).known("nvml", GPU) == GPU


def test_a_first_order_response_is_kept_as_its_time_constant_and_is_no_window() -> None:
    curved = replace(record(), **{**LOADED, "window_ns": 180_000_000, "response": "exponential"})

    known = curved.applied_to(GPU)

    assert (known.response_ns, known.window_ns) == (90_000_000, None)
