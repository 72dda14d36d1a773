"""How long threads wait for a processor: what counts, from when, in how much memory; and how many may be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from energyprof.collect.cpus_allowed import cpus_allowed
from energyprof.collect.run_queue import EVERY_NS, MOST_PERIODS, Looked, QueueLog
from energyprof.model.run_queue import QueuePeriod

MS = 1_000_000


def test_threads_that_want_a_processor_are_counted_with_their_processes() -> None:
    log = QueueLog(start_ns=0)
    for pid, used_ms, waited_ms in ((7, 200, 300), (7, 100, 400), (8, 20, 480), (9, 1, 0), (9, 0, 0)):
        log.note(pid, Looked(), used_ms * MS, waited_ms * MS)

    log.close_period(500 * MS)

    assert log.periods() == (QueuePeriod(0, 500 * MS, 321 * MS, 1180 * MS, 700 * MS, 3, 2),)
    assert log.periods()[0].wanted() == pytest.approx(3.002)


def test_thread_counts_with_what_it_gained_since_the_last_look() -> None:
    log, looked = QueueLog(start_ns=0), Looked()
    log.note(7, looked, 100 * MS, 50 * MS)
    log.close_period(EVERY_NS)

    log.note(7, looked, 130 * MS, 50 * MS)
    log.close_period(2 * EVERY_NS)

    assert [(one.worked_ns // MS, one.waited_ns // MS) for one in log.periods()] == [(100, 50), (30, 0)]


def test_thread_older_than_the_run_has_not_waited_in_it_yet() -> None:
    class Reader:
        has_read = False

        def read_ns(self) -> int:
            self.has_read = True
            return 900 * MS

        def waited_ns(self) -> int | None:
            return 700 * MS if self.has_read else 0

        def close(self) -> None: ...

    log = QueueLog(start_ns=0)
    log.note(7, Looked.at_the_start(Reader(), is_older=True), 10 * MS, 705 * MS)
    log.close_period(EVERY_NS)

    assert log.periods()[0].waited_ns == 5 * MS


def test_where_the_system_tells_no_waits_there_are_no_periods() -> None:
    log = QueueLog(start_ns=0)
    log.note(7, Looked(), 100 * MS, None)

    log.close_period(EVERY_NS)

    assert log.periods() == ()


def test_long_run_keeps_few_periods_and_all_that_was_waited() -> None:
    log, looked = QueueLog(start_ns=0), Looked()
    count = 10 * MOST_PERIODS

    for number in range(1, count + 1):
        log.note(7, looked, number * 3 * MS, number * 2 * MS)
        log.close_period(number * EVERY_NS)

    periods = log.periods()
    assert len(periods) <= MOST_PERIODS
    assert [one.start_ns for one in periods] == [0, *(one.end_ns for one in periods[:-1])]
    assert periods[-1].end_ns == count * EVERY_NS
    assert sum(one.worked_ns for one in periods) == count * 3 * MS
    assert sum(one.waited_ns for one in periods) == count * 2 * MS


def groups(root: Path, text: str, files: dict[str, str]) -> None:
    pid = os.getpid()
    (root / f"proc/{pid}").mkdir(parents=True)
    (root / f"proc/{pid}/cgroup").write_text(text)
    for name, content in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "50000 100000\n"}),
        ("0::/host/path\n", {"cpu.max": "50000 100000\n"}),
        (
            "3:cpu,cpuacct:/job\n",
            {"cpu/job/cpu.cfs_quota_us": "25000\n", "cpu/job/cpu.cfs_period_us": "50000\n"},
        ),
    ],
    ids=["a group above", "inside a container", "version 1"],
)
def test_quota_of_a_group_bounds_the_processors(tmp_path: Path, text: str, files: dict[str, str]) -> None:
    groups(tmp_path, text, files)

    assert cpus_allowed(os.getpid(), str(tmp_path)) == 0.5


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.max": "max 100000\n"},
        {"cpu.max": ""},
        {"cpu.max": "a b\n"},
        {"cpu.max": "0 0\n"},
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
    ],
)
def test_without_a_quota_the_affinity_says_how_many(tmp_path: Path, files: dict[str, str]) -> None:
    groups(tmp_path, "3:cpu:/\n0::/\n", files)

    assert cpus_allowed(os.getpid(), str(tmp_path)) == len(os.sched_getaffinity(0))


def test_of_a_process_that_is_gone_nobody_knows() -> None:
    assert cpus_allowed(2**22 + 1) is None
