"""What is inferred from bursts, against a program whose power is known at every instant."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from energyprof.attribute.fit import attribute
from energyprof.capture.reader import read_trace
from energyprof.capture.writer import CaptureWriter
from energyprof.collect.bursts import NEVER_NS, Bursts
from energyprof.collect.convert import Converter
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.collect.thinning import Thinning
from energyprof.model.attribution import PROVENANCES
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings
from energyprof.model.spool import END, EVENTS, HEAD, LANES, NAMES, pack_frame, pack_json
from energyprof.model.trace import RunFacts, Trace

S = 1_000_000_000
RUN_NS = 300 * S
WATTS = {"a": 5.0, "b": 11.0, "": 2.0}


def schedule(rng: np.random.Generator) -> list[tuple[str, int, int]]:
    """Stages a and b in turns of random length, with pauses in between."""
    rows, t_ns = [], S
    while t_ns < RUN_NS - 2 * S:
        for name, mean_s in (("a", 0.3), ("b", 0.2)):
            length_ns = int(rng.uniform(0.6, 1.4) * mean_s * S)
            rows.append((name, t_ns, t_ns + length_ns))
            t_ns += length_ns + int(rng.uniform(0, 0.1) * S)
    return rows


def power_at(rows: list[tuple[str, int, int]], t_ns: np.ndarray) -> np.ndarray:
    start = np.array([row[1] for row in rows])
    at = np.maximum(np.searchsorted(start, t_ns, "right") - 1, 0)
    inside = (np.array([row[2] for row in rows])[at] > t_ns) & (start[at] <= t_ns)
    watts = np.array([WATTS[row[0]] for row in rows])[at]
    return np.where(inside, watts, WATTS[""])


def readings(rows: list[tuple[str, int, int]], quantity: str) -> Readings:
    """A sensor that updates every 20 ms and is read as often."""
    fine = np.arange(0, RUN_NS + S, S // 1000)
    energy_uj = np.append(0, np.cumsum(power_at(rows, fine[:-1]) * 1e3)).astype(np.int64)
    at = np.arange(0, len(fine), 20)
    raw = energy_uj[at]
    if quantity == "power":
        raw = np.append(raw[:1], np.diff(raw)) // 20  # milliwatts, the mean since the update before
    return Readings(fine[at], fine[at], raw, np.zeros(len(at), np.uint8))


def recorded(folder: Path, quantity: str, seed: int) -> tuple[Trace, dict[str, float], int]:
    rng = np.random.default_rng(seed)
    rows = schedule(rng)
    spool = folder / "spool"
    spool.mkdir()
    head = {"pid": 7, "spool": "7-1", "segment": 0, "monotonic_ns": 0, "perf_counter_ns": 0}
    names = [{"code": 1, "name": "a", "kind": "stage"}, {"code": 2, "name": "b", "kind": "stage"}]
    events = [event for name, start, end in rows for event in ((1 + (name == "b"), start), (-1 - (name == "b"), end))]
    content = pack_json(HEAD, head) + pack_json(NAMES, names)
    content += pack_json(LANES, [{"lane": 1, "tid": 7, "kind": "thread", "name": "t"}])
    content += pack_frame(EVENTS, 1, b"".join(struct.pack("<qq", *event) for event in events))
    (spool / "7-1.000000.spool").write_bytes(content + pack_frame(END, 0, struct.pack("<q", RUN_NS)))

    edges = [10 * S]
    for period in range(29):  # a burst of 1 s at a random place of every 10 s
        begin = (10 + 10 * period) * S + int(rng.uniform(0, 9) * S)
        edges += [begin, begin + S]
    bursts = Bursts(1 << 30, lambda: 0, seed=0)
    plan = {"forgotten": 0, "period_ns": 10 * S, "period_start_ns": 0, "size_before": 0, "seen_ns": 0}
    bursts.go_on({"edges": [*edges, NEVER_NS], **plan})
    scale = 1e-6 if quantity == "energy" else 1e-3
    domain = Domain(DomainId("gpu:0"), "test", "sensor", quantity, scale, "device", period_ns=20_000_000)
    writer = CaptureWriter(folder / "x.eprof")
    writer.add_domains([domain])
    converter = Converter(SpoolWatcher(spool), writer, now_ns=lambda: RUN_NS, bursts=bursts)
    thinning = Thinning(bursts)
    kept, sums = thinning.readings({domain.id: domain}, {domain.id: readings(rows, quantity)})
    writer.add_readings(kept)
    writer.add_power_sums(sums)
    held_back, _, sums = thinning.rest()
    writer.add_readings(held_back)
    writer.add_power_sums(sums)
    converter.finish(RUN_NS)
    writer.set_run(RunFacts(("x",), 0, 0, RUN_NS, 0))
    writer.set_recorder(converter.recorder_facts())
    writer.finish()
    truth = {name: sum(end - start for at, start, end in rows if at == name) * 1e-9 * WATTS[name] for name in "ab"}
    return read_trace(writer.path), truth, len(rows)


@pytest.mark.parametrize("quantity", ["energy", "power"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_interval_of_what_is_inferred_holds_the_truth(tmp_path: Path, quantity: str, seed: int) -> None:
    trace, truth, spans = recorded(tmp_path, quantity, seed)

    found = attribute(trace)

    part = found.domains[0]
    for row, stage in enumerate(trace.stages):
        own = part.self_energy
        assert own.low_j[row] <= truth[stage.name] <= own.high_j[row]
        assert own.energy_j[row] == pytest.approx(truth[stage.name], rel=0.03)
        assert own.high_j[row] - own.low_j[row] < 0.6 * truth[stage.name]
        assert PROVENANCES[own.provenance[row]] == "inferred"
        assert not own.refused[row]
        assert "inferred from bursts" in own.reason[row]
    assert part.ledger.difference_j() == pytest.approx(0.0, abs=1e-6)
    total_j = sum(truth.values()) + WATTS[""] * (300 - sum(truth[name] / WATTS[name] for name in truth))
    assert part.ledger.measured_j == pytest.approx(total_j, rel=0.01)
    assert found.times.calls.sum() == spans
    assert len(trace.spans) < spans / 3
    assert any("--max-size" in line and "of the run" in line for line in found.warnings)


def test_readings_between_bursts_are_thinned(tmp_path: Path) -> None:
    trace, _, _ = recorded(tmp_path, "energy", 1)

    assert len(trace.readings[DomainId("gpu:0")]) < 0.3 * 300 * 50
