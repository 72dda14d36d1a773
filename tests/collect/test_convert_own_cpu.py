"""What children read of their own CPU times becomes rows that never go back, whoever gets an id next."""

from __future__ import annotations

import numpy as np

from energyprof.collect.convert_lanes import LaneTable
from energyprof.collect.convert_own_cpu import OwnReadings
from energyprof.collect.convert_process import Process
from energyprof.collect.convert_stages import StageTable
from energyprof.model.ids import OWN_READING

TABLES = StageTable(100), LaneTable(None)


def process_of(spool: str, pid: int = 7, made_by: int = 3) -> Process:
    process = Process(spool, *TABLES)
    process.take_head({"pid": pid, "ppid": made_by, "monotonic_ns": 1_000, "perf_counter_ns": 0})
    return process


def frame(*rows: tuple[int, int, int, int]) -> bytes:
    return np.array(rows, "<i8").tobytes()


def told(readings: OwnReadings, process: Process, payload: bytes, *, only_ends: bool = False):
    cpu = readings.rows(process, payload, only_ends=only_ends)
    columns = (cpu.pid.tolist(), cpu.tid.tolist(), cpu.t_ns.tolist(), cpu.cpu_ns.tolist())
    return list(zip(*columns, strict=True))


def test_each_thread_has_rows_and_so_has_the_child_under_its_maker():
    rows = told(OwnReadings(), process_of("7-1"), frame((10, 7, 4, 4), (30, 7, 9, 12), (20, 8, 2, 7)))

    assert rows == [
        (7, OWN_READING + 7, 1_010, 4),
        (7, OWN_READING + 7, 1_030, 9),
        (7, OWN_READING + 8, 1_020, 2),
        (3, OWN_READING - 7, 1_010, 4),
        (3, OWN_READING - 7, 1_020, 7),
        (3, OWN_READING - 7, 1_030, 12),
    ]


def test_a_reused_id_goes_on_from_where_its_predecessor_stood():
    readings = OwnReadings()
    told(readings, process_of("7-1"), frame((10, 7, 50, 50)))

    rows = told(readings, process_of("7-2"), frame((90, 7, 4, 4)))

    assert [cpu_ns for _, _, _, cpu_ns in rows] == [54, 54]


def test_a_program_that_took_over_by_exec_goes_on_by_itself():
    readings = OwnReadings()
    told(readings, process_of("7-1"), frame((10, 7, 50, 50)))

    rows = told(readings, process_of("7-2"), frame((90, 7, 80, 80)))

    assert [cpu_ns for _, _, _, cpu_ns in rows] == [80, 80]


def test_only_the_ends_are_told_where_spans_are_counted():
    payload = frame(*((t, 7, t, t) for t in range(1, 6)))

    rows = told(OwnReadings(), process_of("7-1"), payload, only_ends=True)

    assert [cpu_ns for _, _, _, cpu_ns in rows] == [1, 5, 1, 5]
