"""Who used the processors and devices: what counts as busy, whose it was, and what stays unknown."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from energyprof.collect.allowance import ALWAYS, MOST, sources_share
from energyprof.collect.control_group import ControlGroup
from energyprof.collect.device_use import DeviceUse, sees_host_pids
from energyprof.collect.host_use import EVERY_NS, HostUse
from energyprof.testing import SECOND, FakeClock, ScriptedSource

TICK_NS = SECOND // os.sysconf("SC_CLK_TCK")


class Host:
    """A /proc/stat, a program and its profiler that use what they are told to."""

    def __init__(self, folder: Path) -> None:
        self.stat = folder / "stat"
        self.clock = FakeClock(5 * SECOND)
        self.program_ns = self.profiler_ns = 0
        self.write()

    def write(self, **ticks: int) -> None:
        names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
        self.stat.write_text("cpu  " + " ".join(str(ticks.get(name, 0)) for name in names) + "\ncpu0 1 2 3 4\n")

    def watch(self, group: object = None) -> HostUse:
        return HostUse(lambda: self.program_ns, lambda: self.profiler_ns, group, str(self.stat), self.clock.now_ns)


def rows(watch: HostUse) -> list[tuple[int, int, int]]:
    use = watch.drain()
    return list(zip(use.own_ns.tolist(), use.others_ns.tolist(), use.profiler_ns.tolist(), strict=True))


@pytest.mark.parametrize(
    ("idle_cpus", "bound", "share"),
    [
        (None, 0.03, ALWAYS),
        (0.0, 0.03, ALWAYS),
        (2.0, 0.03, ALWAYS),
        (4.0, 0.03, 3 * ALWAYS),
        (14.0, 0.03, MOST),
        (14.0, None, MOST),
        (14.0, 0.01, 0.01),
        (0.0, 0.002, 0.002),
    ],
)
def test_sensors_may_take_more_where_cpus_are_idle_and_never_more_than_recording_may_cost(
    idle_cpus: float | None, bound: float | None, share: float
) -> None:
    assert sources_share(idle_cpus, bound) == pytest.approx(share)


def test_processors_that_worked_between_two_looks_are_known_from_the_second_on(tmp_path: Path) -> None:
    host = Host(tmp_path)
    watch = host.watch()
    watch.look()
    first = watch.busy_cpus

    host.clock.advance(SECOND)
    host.write(user=250 * SECOND // (100 * TICK_NS))
    watch.look()

    assert first is None
    assert watch.busy_cpus == pytest.approx(2.5)


@pytest.mark.parametrize(("text", "has_quota"), [("max 100000", False), ("200000 100000", True)])
def test_group_whose_cpu_time_is_limited_is_known(tmp_path: Path, text: str, has_quota: bool) -> None:
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text("0::/box\n")
    folder = tmp_path / "sys/fs/cgroup/box"
    folder.mkdir(parents=True)
    (folder / "cpu.stat").write_text("usage_usec 1500\n")
    (folder / "cpu.max").write_text(f"{text}\n")

    assert ControlGroup(7, lambda: (7,), (), str(tmp_path)).has_quota() is has_quota


def test_others_are_what_neither_the_program_nor_we_used(tmp_path: Path) -> None:
    host = Host(tmp_path)
    watch = host.watch()
    watch.look()

    host.clock.advance(EVERY_NS)
    host.write(user=60, nice=10, system=20, irq=5, softirq=5)
    host.program_ns, host.profiler_ns = 30 * TICK_NS, 10 * TICK_NS
    watch.look()

    assert rows(watch) == [(0, 0, 0), (30 * TICK_NS, 60 * TICK_NS, 10 * TICK_NS)]


def test_waiting_stolen_and_guest_time_is_not_counted_as_work_of_its_own(tmp_path: Path) -> None:
    host = Host(tmp_path)
    watch = host.watch()
    watch.look()

    host.clock.advance(EVERY_NS)
    host.write(user=40, idle=500, iowait=100, steal=50, guest=40, guest_nice=7)
    watch.look()

    assert rows(watch)[-1] == (0, 40 * TICK_NS, 0)


def test_it_is_looked_at_now_and_then_and_a_last_time(tmp_path: Path) -> None:
    host = Host(tmp_path)
    watch = host.watch()

    for _ in range(10):
        watch.look()
        host.clock.advance(EVERY_NS // 4)
    watch.look(is_last=True)

    assert len(watch.drain()) == 4
    assert len(watch.drain()) == 0


def test_others_never_become_less_where_ticks_and_clocks_disagree(tmp_path: Path) -> None:
    host = Host(tmp_path)
    watch = host.watch()
    for user, program in ((0, 0), (10, 5), (10, 12), (30, 14)):
        host.write(user=user)
        host.program_ns = program * TICK_NS
        watch.look()
        host.clock.advance(EVERY_NS)

    assert [others // TICK_NS for _, others, _ in rows(watch)] == [0, 5, 5, 16]


@pytest.mark.parametrize("text", ["", "intr 5\n", "cpu  1 2\n", "cpu  a b c d e f g h i j\n"])
def test_host_that_does_not_tell_has_no_rows(tmp_path: Path, text: str) -> None:
    host = Host(tmp_path)
    host.stat.write_text(text)
    watch = host.watch()

    watch.look()
    watch.look(is_last=True)

    assert rows(watch) == []


class Group:
    """A control group that has used what it is told to."""

    def __init__(self) -> None:
        self.value: int | None = 0

    def used_ns(self) -> int | None:
        return self.value


def test_children_that_came_and_went_unseen_are_found_in_the_control_group(tmp_path: Path) -> None:
    host, group = Host(tmp_path), Group()
    watch = host.watch(group)
    watch.look()

    host.clock.advance(EVERY_NS)
    host.write(user=100)
    host.program_ns, host.profiler_ns, group.value = 20 * TICK_NS, 10 * TICK_NS, 80 * TICK_NS
    watch.look()
    host.clock.advance(EVERY_NS)
    host.write(user=200)
    group.value = None  # a stranger has joined it: from now on the tree alone tells
    watch.look()

    assert [(own // TICK_NS, others // TICK_NS) for own, others, _ in rows(watch)] == [(0, 0), (70, 20), (70, 120)]


def group_folder(root: Path, text: str, folder: str) -> Path:
    (root / "proc/7").mkdir(parents=True)
    (root / "proc/7/cgroup").write_text(text)
    path = root / folder
    path.mkdir(parents=True)
    return path


def test_control_group_of_version_2_counts_while_the_program_is_alone_with_us(tmp_path: Path) -> None:
    path = group_folder(tmp_path, "0::/user.slice/run-1.scope\n", "sys/fs/cgroup/user.slice/run-1.scope")
    (path / "cpu.stat").write_text("usage_usec 1500\nuser_usec 1000\n")
    (path / "cgroup.procs").write_text("7\n8\n99\n")
    group = ControlGroup(7, lambda: (7, 8), (99,), str(tmp_path))

    assert group.used_ns() == 1_500_000

    (path / "cgroup.procs").write_text("7\n8\n99\n100\n")
    assert group.used_ns() is None
    (path / "cgroup.procs").write_text("7\n99\n")
    assert group.used_ns() is None
    (path / "cgroup.procs").write_text("7\n8\n")
    (path / "below").mkdir()
    assert group.used_ns() is None


def test_control_group_of_version_1_counts_in_nanoseconds(tmp_path: Path) -> None:
    path = group_folder(tmp_path, "4:memory:/m\n2:cpu,cpuacct:/job\n0::/\n", "sys/fs/cgroup/cpuacct/job")
    (path / "cpuacct.usage").write_text("123456\n")
    (path / "cgroup.procs").write_text("7\n")

    assert ControlGroup(7, lambda: (7,), (), str(tmp_path)).used_ns() == 123456


def test_no_control_group_is_no_error(tmp_path: Path) -> None:
    assert ControlGroup(7, lambda: (7,), (), str(tmp_path)).used_ns() is None


def test_device_is_used_by_the_program_and_by_others_for_as_long_as_each_answer_holds() -> None:
    clock = FakeClock(SECOND)
    watch = DeviceUse(lambda: (10, 11), knows_pids=True, now_ns=clock.now_ns)

    watch.take({"gpu:0": {10: 0.9}})
    clock.advance(SECOND)
    watch.take({"gpu:0": {10: 0.25, 11: 0.25, 500: 0.5}})
    clock.advance(2 * SECOND)
    watch.take({"gpu:0": {500: 1.0}})

    use = watch.drain()["gpu:0"]
    assert use.own_ns.tolist() == [0, SECOND // 2, SECOND // 2]
    assert use.others_ns.tolist() == [0, SECOND // 2, SECOND // 2 + 2 * SECOND]
    assert watch.drain() == {}


def test_in_a_container_nobody_can_tell_whose_the_processes_are() -> None:
    watch = DeviceUse(lambda: (10,), knows_pids=False)

    watch.take({"gpu:0": {31010: 0.5, 31011: 0.5}, "gpu:1": {31010: 1.0}})

    assert watch.drain() == {}
    (said,) = watch.news()
    assert said.startswith("gpu:0: 2 processes use it, ")
    assert "--pid=host" in said


def test_first_pid_namespace_is_known_by_its_number(tmp_path: Path) -> None:
    for name, pid_namespace in (("host", "pid:[4026531836]"), ("container", "pid:[4026532201]")):
        (tmp_path / name / "self/ns").mkdir(parents=True)
        (tmp_path / name / "self/ns/pid").symlink_to(pid_namespace)

    assert [sees_host_pids(str(tmp_path / name)) for name in ("host", "container", "none")] == [True, False, False]


def test_part_that_hangs_when_asked_for_its_processes_keeps_those_of_the_others_from_nobody() -> None:
    let_go, asked = threading.Event(), threading.Event()
    clock = FakeClock()

    class Part:
        def __init__(self, number: int) -> None:
            self.name, self.domains, self._number = f"gpu {number}", (), number

        def read(self) -> tuple[()]:
            return ()

        def process_shares(self) -> dict[str, dict[int, float]]:
            if self._number == 0:
                asked.set()
                let_go.wait(10)
            return {f"gpu:{self._number}": {1: 1.0}}

    source = ScriptedSource((), [])
    source.parts = lambda: [Part(number) for number in range(3)]  # type: ignore[attr-defined]
    watch = DeviceUse(lambda: (1,), knows_pids=True, now_ns=clock.now_ns)

    watch.add([source])
    assert asked.wait(10)
    clock.advance(2 * SECOND)
    told: set[str] = set()
    deadline_s = time.monotonic() + 10
    while len(told) < 2 and time.monotonic() < deadline_s:
        told |= watch.drain().keys()
        time.sleep(0.01)
    watch.end()
    let_go.set()

    assert told == {"gpu:1", "gpu:2"}


def test_driver_that_hangs_or_raises_when_asked_delays_nobody() -> None:
    class Shares:
        name, measures, rank, calls = "odd", "sensor", 50, 0

        def process_shares(self) -> dict[str, dict[int, float]]:
            self.calls += 1
            raise OSError("gone")

        def why_unavailable(self, context: object) -> None: ...
        def open(self, context: object) -> tuple[()]:
            return ()

        def read(self) -> tuple[()]:
            return ()

        def close(self) -> None: ...

    source = Shares()
    watch = DeviceUse(lambda: (1,), knows_pids=True)

    watch.add([source])

    deadline_s = time.monotonic() + 10
    while not source.calls and time.monotonic() < deadline_s:
        time.sleep(0.01)
    watch.end()
    assert source.calls
    assert watch.drain() == {}
