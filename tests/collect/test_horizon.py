"""The run's end where the program lives on: models are asked about that instant, and nobody about what comes after."""

from __future__ import annotations

import numpy as np

from energyprof.collect.horizon import Horizon
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.power import Readings, ThreadCpu

MODEL = Domain(DomainId("cpu"), "load_model", "model", "energy", 1e-6, "cpu")
SENSOR = Domain(DomainId("gpu:0"), "nvml", "sensor", "power", 1e-3, "device")
ROOT = 7


class Clock:
    """A CPU clock whose total grows with every look."""

    def __init__(self) -> None:
        self.used_ns = 100
        self.told: list[tuple[str, int, int]] = []
        self.alive: set[int] = set()

    def ended_ns(self, pid: int, since_ns: int) -> int | None:
        """Say that whoever is not alive was never seen."""
        return None if pid in self.alive else since_ns

    def total_ns(self) -> int:
        self.used_ns += 10
        return self.used_ns

    def settle(self, pid: int, used_ns: int) -> None:
        self.told.append(("settle", pid, used_ns))

    def finish(self, cpu_ns: int) -> None:
        self.told.append(("finish", cpu_ns, 0))


def readings(*times_ns: int) -> Readings:
    at = np.array(times_ns, np.int64)
    return Readings(at, at, at * 2, np.zeros(len(at), np.uint8))


def cpu(*rows: tuple[int, int, int, int]) -> ThreadCpu:
    table = np.array(rows, np.int64).reshape(-1, 4)
    return ThreadCpu(table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), table[:, 2], table[:, 3])


def rows_of(rows: ThreadCpu) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(rows, name).tolist() for name in ("pid", "tid", "t_ns", "cpu_ns")), strict=True))


def test_clocks_stop_at_the_end() -> None:
    clock, times = Clock(), iter([50, 70, 90, 130])
    horizon = Horizon(clock, ROOT, lambda: next(times))
    before = (horizon.now_ns(), horizon.cpu_time_ns())

    horizon.end(80, 60, {0: 55, 1: 50})

    assert before == (50, 110)
    assert clock.told == [("settle", ROOT, 55), ("finish", 60, 0)]
    assert [horizon.now_ns(), horizon.now_ns(), horizon.now_ns()] == [70, 80, 80]
    assert [horizon.cpu_time_ns(), horizon.cpu_time_ns()] == [120, 120]


def test_a_program_that_has_ended_says_nothing_itself() -> None:
    clock = Clock()
    horizon = Horizon(clock, ROOT)

    horizon.end(80, 60, {})

    rows = cpu((ROOT, 0, 70, 5), (ROOT, 0, 90, 6))
    assert clock.told == [("finish", 60, 0)]
    assert horizon.cpu(rows) is rows


def test_models_are_cut_off_at_the_end_and_sensors_are_not() -> None:
    horizon = Horizon(Clock(), ROOT)
    domains = [MODEL, SENSOR]
    early = {MODEL.id: readings(10, 20), SENSOR.id: readings(15)}
    whole = horizon.readings(domains, early)
    horizon.end(80, 60, {})

    late = horizon.readings(domains, {MODEL.id: readings(30, 80, 95), SENSOR.id: readings(40, 95)})

    assert whole is early
    assert late[MODEL.id].raw.tolist() == [60, 160]
    assert late[SENSOR.id].raw.tolist() == [80, 190]


def test_a_reading_handed_on_before_the_end_was_known_is_the_last() -> None:
    horizon = Horizon(Clock(), ROOT)
    horizon.readings([MODEL], {MODEL.id: readings(10, 85)})
    horizon.end(80, 60, {})

    late = horizon.readings([MODEL], {MODEL.id: readings(80, 90)})

    assert late[MODEL.id].raw.tolist() == []


def test_cpu_times_of_a_program_that_lives_on_end_with_its_own_word() -> None:
    horizon = Horizon(Clock(), ROOT)
    horizon.end(80, 60, {0: 55, 1: 50})

    first = horizon.cpu(cpu((ROOT, 0, 70, 40), (ROOT, 0, 90, 70), (ROOT, 2, 85, 9), (9, 0, 90, 7)))
    second = horizon.cpu(cpu((ROOT, 1, 95, 99), (9, 0, 95, 8)))

    assert rows_of(first) == [(ROOT, 0, 70, 40), (9, 0, 90, 7), (ROOT, 0, 80, 55), (ROOT, 1, 80, 50)]
    assert rows_of(second) == [(9, 0, 95, 8)]


def test_a_program_that_was_never_seen_ended_with_the_run() -> None:
    clock = Clock()
    horizon = Horizon(clock, ROOT, lambda: 900)

    horizon.end(400, 0, {})

    assert horizon.ended_ns(ROOT, 100) == 400
    assert horizon.ended_ns(ROOT + 1, 100) == 100


def test_a_program_that_lives_on_has_not_ended() -> None:
    clock = Clock()
    clock.alive.add(ROOT)
    horizon = Horizon(clock, ROOT, lambda: 900)

    horizon.end(400, 0, {0: 5})

    assert horizon.ended_ns(ROOT, 100) is None
