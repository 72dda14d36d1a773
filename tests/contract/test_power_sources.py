"""What every registered power source must keep to, whoever wrote it.

A source is tried in a world of its own: the folder it looks for hardware in, its argument, and how to break it. A new
source adds one function to WORLDS.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from nvml_world import GPU_IS_LOST, Gpu, NvmlWorld, use_here

from energyprof.errors import SourceError
from energyprof.interfaces import PowerSource, ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus
from energyprof.testing import SECOND, FakeClock

GROUP = "energyprof.power_sources"
SOURCES = {entry.name: entry for entry in entry_points(group=GROUP)}
HEAVY = ("amdsmi", "networkx", "numpy", "psutil", "pynvml", "rich", "scipy", "torch")
START_NS = 1_000 * SECOND


@dataclass(frozen=True)
class World:
    """Where a source works, what breaks it while it is being read, and where it cannot work (None: anywhere)."""

    clock: FakeClock | NvmlWorld
    context: SourceContext
    kill: Callable[[], None]
    absent: SourceContext | None
    vanish: Callable[[], None] = lambda: None
    """Takes away what no context can: to be called before `absent` is used."""
    make: Callable[[Callable[..., PowerSource]], PowerSource] = lambda plugin: plugin()
    """How the source is constructed, where what it asks of the kernel must be played."""


def context(root: Path, clock: FakeClock | NvmlWorld, **rest: object) -> SourceContext:
    return SourceContext(start_ns=START_NS, now_ns=clock.now_ns, root=str(root), **rest)  # type: ignore[arg-type]


def load_model_world(folder: Path) -> World:
    clock = FakeClock(START_NS)

    def cpu_time_ns() -> int:
        return min(clock.now_ns() - START_NS, 60 * SECOND)

    # A model has nothing that could die but the program itself, whose CPU time then stands still.
    return World(clock, context(folder, clock, cpu_time_ns=cpu_time_ns), lambda: clock.advance(3600 * SECOND), None)


def replay_world(folder: Path) -> World:
    clock = FakeClock(START_NS)
    path = folder / "power.csv"
    rows = "".join(f"gpu:0,{second * SECOND},{50 * second},J\n" for second in range(60))
    path.write_text("domain,t_ns,value,unit\n" + rows)
    absent = context(folder, clock, argument=str(folder / "none.csv"))
    return World(clock, context(folder, clock, argument=str(path)), lambda: clock.advance(3600 * SECOND), absent)


def nvml_world(folder: Path) -> World:
    # Its clock is the one by which its GPUs spend energy.
    machine = NvmlWorld.create(folder / "gpus", [Gpu(), Gpu()], fake_ns=START_NS)
    machine.use_here()
    return World(
        machine,
        context(folder, machine),
        kill=lambda: machine.fail("energy", GPU_IS_LOST),
        absent=context(folder, machine),
        vanish=lambda: use_here(None),
    )


def written(folder: Path, files: dict[str, object]) -> Path:
    """Write files of /sys and /proc, with the newline that the kernel gives; return the folder."""
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return folder


def sysfs_world(folder: Path, files: dict[str, object], *read: str) -> World:
    """Return a machine of files, of which those in `read` hold no number any more once it is killed."""
    clock = FakeClock(START_NS)
    root = written(folder / "machine", files)

    def kill() -> None:
        for name in read:
            (root / name).write_text("")

    return World(clock, context(root, clock), kill, context(folder / "none", clock))


def rapl_world(folder: Path) -> World:
    package, dram = (f"sys/class/powercap/intel-rapl:{numbers}" for numbers in ("0", "0:0"))
    files: dict[str, object] = {"proc/cpuinfo": "vendor_id\t: GenuineIntel"}
    for zone, name in ((package, "package-0"), (dram, "dram")):
        files |= {f"{zone}/name": name, f"{zone}/energy_uj": 5_000_000, f"{zone}/max_energy_range_uj": 262_143_328_850}
    return sysfs_world(folder, files, f"{package}/energy_uj", f"{dram}/energy_uj")


def hwmon_world(folder: Path) -> World:
    chip = "sys/class/hwmon/hwmon0"
    return sysfs_world(
        folder, {f"{chip}/name": "amdgpu", f"{chip}/power1_average": 35_000_000}, f"{chip}/power1_average"
    )


def battery_world(folder: Path) -> World:
    pack = "sys/class/power_supply/BAT0"
    files: dict[str, object] = {"type": "Battery", "status": "Discharging", "power_now": 9_000_000}
    return sysfs_world(folder, {f"{pack}/{name}": value for name, value in files.items()}, f"{pack}/power_now")


def perf_world(folder: Path) -> World:
    pmu = "sys/bus/event_source/devices/power"
    files: dict[str, object] = {"proc/cpuinfo": "vendor_id\t: GenuineIntel", f"{pmu}/type": 21, f"{pmu}/cpumask": 0}
    files |= {f"{pmu}/events/energy-pkg": "event=0x02", f"{pmu}/events/energy-pkg.unit": "Joules"}
    world = sysfs_world(folder, files | {f"{pmu}/events/energy-pkg.scale": 2.0**-32})
    is_alive = [True]

    def open_event(kind: int, config: int, cpu: int) -> int:
        return os.open(os.devnull, os.O_RDONLY)

    def read_event(descriptor: int) -> int | None:
        os.fstat(descriptor)
        return 2**33 if is_alive else None

    return replace(world, kill=is_alive.clear, make=lambda plugin: plugin(open_event, read_event))


WORLDS: dict[str, Callable[[Path], World]] = {
    "battery": battery_world,
    "hwmon": hwmon_world,
    "load_model": load_model_world,
    "nvml": nvml_world,
    "perf": perf_world,
    "rapl": rapl_world,
    "replay": replay_world,
}


@pytest.fixture(params=sorted(SOURCES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(name: str, world: World) -> PowerSource:
    return world.make(SOURCES[name].load())


@pytest.fixture
def world(name: str, tmp_path: Path) -> World:
    return WORLDS[name](tmp_path)


def checked(answers: Sequence[object], domains: Sequence[Domain]) -> list[Reading | ReadFailure]:
    """Return the answers of one read, each of which must be one the sampler can use."""
    announced = {domain.id for domain in domains}
    kept: list[Reading | ReadFailure] = []
    for answer in answers:
        assert isinstance(answer, (Reading, ReadFailure))
        assert answer.domain in announced
        if isinstance(answer, Reading):
            assert type(answer.raw) is int
            assert 0 <= answer.raw < 2**63
        else:
            assert ReadStatus(answer.status) is not ReadStatus.OK
        kept.append(answer)
    return kept


def test_every_registered_source_has_a_world_to_be_tried_in():
    assert SOURCES.keys() == WORLDS.keys()


def test_source_says_what_it_is(name, source):
    assert source.name == name
    assert source.measures in ("sensor", "model", "replay")


def test_source_that_can_serve_says_so_again_and_again(source, world):
    assert [source.why_unavailable(world.context) for _ in range(2)] == [None, None]


def test_absent_hardware_is_one_line_with_a_remedy_and_open_agrees(source, world):
    if world.absent is None:
        assert source.why_unavailable(replace(world.context, root="/nowhere")) is None
        return

    world.vanish()
    reason = source.why_unavailable(world.absent)

    assert reason
    assert "\n" not in reason
    assert "; " in reason, "the fact and the remedy, parted by a semicolon"
    with pytest.raises(SourceError, match="; "):
        source.open(world.absent)


def test_domains_have_unique_ids_name_their_source_and_keep_to_its_kind(source, world):
    domains = source.open(world.context)

    assert domains
    assert len({domain.id for domain in domains}) == len(domains)
    assert all(domain.source.startswith(source.name) for domain in domains)
    assert {domain.provenance for domain in domains} == {"model" if source.measures == "model" else "sensor"}
    source.close()


def test_reads_give_announced_domains_only_and_times_within_the_run(source, world):
    domains = source.open(world.context)

    read = set()
    for _ in range(5):
        world.clock.advance(SECOND)
        for answer in checked(list(source.read()), domains):
            assert isinstance(answer, Reading)
            assert answer.t_ns is None or START_NS <= answer.t_ns <= world.clock.now_ns()
            read.add(answer.domain)

    assert read == {domain.id for domain in domains}
    source.close()


def test_source_that_dies_in_the_middle_gives_failures_not_exceptions(source, world):
    domains = source.open(world.context)
    world.clock.advance(SECOND)
    alive = checked(list(source.read()), domains)

    world.kill()
    world.clock.advance(SECOND)
    dying = checked(list(source.read()), domains)
    dead = [answer for _ in range(3) for answer in checked(list(source.read()), domains)]

    assert any(isinstance(answer, Reading) for answer in alive)
    if source.measures != "model":
        assert any(isinstance(answer, ReadFailure) for answer in dying + dead)
        assert not any(isinstance(answer, Reading) for answer in dead)
    source.close()


def test_source_may_be_closed_twice_and_unopened(source, world):
    source.close()
    source.open(world.context)

    source.close()
    source.close()

    assert source.why_unavailable(world.context) is None, "what has been closed can serve again"


def test_two_runs_in_one_process_do_not_share_anything(name, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = WORLDS[name](tmp_path / "a"), WORLDS[name](tmp_path / "b")
    first, second = (world.make(SOURCES[name].load()) for world in (one, other))
    domains = first.open(one.context)
    second.open(other.context)

    second.close()
    one.clock.advance(SECOND)

    assert checked(list(first.read()), domains)


def test_importing_the_plugin_imports_nothing_heavy(name):
    code = f"import sys, {SOURCES[name].module}; print([name for name in {HEAVY} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
