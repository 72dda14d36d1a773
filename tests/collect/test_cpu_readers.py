"""CPU times as the operating system tells them, checked against this process's own clocks."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading

import pytest

from energyprof.collect.cpu_readers import THREAD_FILES_KEPT_OPEN, ProcReader, PsutilReader, cpu_reader
from energyprof.collect.wakeup import SCHED_SETATTR, ask_prompt_wakeups


@pytest.fixture
def other():
    """A process that has used at least 50 ms of CPU time and waits."""
    code = "import time\nwhile time.process_time() < 0.05: pass\nprint(time.process_time_ns(), flush=True)\ninput()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.used_ns = int(process.stdout.readline())
    yield process
    process.communicate(b"\n")


def test_clock_of_another_process_is_exact(other):
    read_ns = cpu_reader().process_clock(other.pid)

    assert 0 <= read_ns() - other.used_ns < 50_000_000


def test_psutil_agrees_to_its_ticks(other):
    by_psutil_ns = PsutilReader().process_clock(other.pid)()

    assert abs(by_psutil_ns - cpu_reader().process_clock(other.pid)()) <= 20_000_000


@pytest.mark.parametrize("reader", [ProcReader(), PsutilReader()])
def test_clock_of_an_ended_process_raises(reader):
    process = subprocess.Popen([sys.executable, "-c", ""])
    read_ns = reader.process_clock(process.pid)
    process.wait()

    with pytest.raises(OSError):  # noqa: PT011 - the kind differs between systems
        read_ns()


def test_threads_of_a_process_add_up_to_it(other):
    reader = cpu_reader()

    threads = [reader.open_thread(other.pid, tid) for tid in reader.thread_ids(other.pid)]

    assert len(threads) == 1
    # The kernel brings a thread's figure up to date when it stops running: it may lag by a tick.
    assert abs(threads[0].read_ns() - reader.process_clock(other.pid)()) < 20_000_000
    threads[0].close()


def test_kernel_without_schedstat_tells_threads_in_ticks(tmp_path):
    task = tmp_path / "10" / "task" / "11"
    task.mkdir(parents=True)
    (task / "stat").write_text("11 (a) b) S 1 0 0 0 0 0 0 0 0 0 7 5 0 0 20 0 1 0 0\n")

    thread = ProcReader(str(tmp_path)).open_thread(10, 11)

    assert thread.read_ns() == 12 * 10**9 // os.sysconf("SC_CLK_TCK")
    assert thread.waited_ns() is None
    thread.close()


def test_thread_is_read_anew_each_time_from_the_open_file(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "schedstat").write_text("0 0 0\n")
    schedstat = tmp_path / "10" / "task" / "11" / "schedstat"
    schedstat.parent.mkdir(parents=True)
    schedstat.write_text("123456789 5 6\n")

    thread = ProcReader(str(tmp_path)).open_thread(10, 11)
    first_ns = thread.read_ns()
    schedstat.write_text("223456789 75 6\n")
    before_ns = thread.waited_ns()

    assert (first_ns, thread.read_ns()) == (123456789, 223456789)
    assert (before_ns, thread.waited_ns()) == (5, 75)
    thread.close()


def test_open_files_are_limited_and_threads_beyond_are_still_read(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "schedstat").write_text("0 0 0\n")
    count = THREAD_FILES_KEPT_OPEN + 5
    for tid in range(count):
        folder = tmp_path / "10" / "task" / str(tid)
        folder.mkdir(parents=True)
        (folder / "schedstat").write_text(f"{tid} 0 0\n")
    reader = ProcReader(str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))

    threads = [reader.open_thread(10, tid) for tid in range(count)]
    during = len(os.listdir("/proc/self/fd"))
    values = [thread.read_ns() for thread in threads]
    for thread in threads:
        thread.close()

    assert values == list(range(count))
    assert (during - before, len(os.listdir("/proc/self/fd")) - before) == (THREAD_FILES_KEPT_OPEN, 0)


def test_asking_for_prompt_wakeups_is_granted_and_keeps_nice_and_policy():
    answers = []

    def ask():
        os.setpriority(os.PRIO_PROCESS, 0, 7)  # Of this thread alone, on Linux.
        answers.append(ask_prompt_wakeups())
        answers.append((os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()

    assert answers == [platform.machine() in SCHED_SETATTR, (os.SCHED_OTHER, 7)]
