"""A world of GPUs whose true power is known, for the stand-in of the NVIDIA driver's library (nvml.c).

    world = NvmlWorld.create(folder / "world", [Gpu()])
    world.power(0, 60.0, t_ns)                           # true watts from t_ns on
    world.fail("energy", GPU_IS_LOST, since_ns=...)
    world.environment()                                  # a process with these variables finds these GPUs and no other
    world.energy_j(0, start_ns, end_ns)                  # the truth

pynvml loads "libnvidia-ml.so.1" by that name. A program of its own finds the stand-in through LD_LIBRARY_PATH. In this
process the loader takes a library that is loaded already and has that name inside (its soname): `use_here`.

Standard library only: the programs under test change the world themselves, by `NvmlWorld(path)`. All times are
CLOCK_MONOTONIC nanoseconds. `Gpu` describes sensors in the driver's units: milliwatts and millijoules.
"""

from __future__ import annotations

import atexit
import ctypes
import mmap
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SECOND = 1_000_000_000
MS = 1_000_000
ALWAYS = 2**62
NAME = "libnvidia-ml.so.1"
CALLS = (
    *("init", "shutdown", "count", "handle", "name", "uuid", "architecture"),
    *("energy", "usage", "fields", "instant", "average", "module", "buffer"),
    *("limit", "set_limit", "clocks", "temperature", "utilization", "process", "mig"),
)
FAIL, SPIKE, FREEZE, RESTART = range(4)
NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND, DRIVER_NOT_LOADED, TIMEOUT = 3, 4, 6, 9, 10
GPU_IS_LOST, RESET_REQUIRED, OPERATING_SYSTEM, VERSION_MISMATCH, UNKNOWN = 15, 16, 17, 18, 999
_GPUS, _MIGS, _STEPS, _FAULTS, _PROCESSES, _CALLS, _TEXT = 16, 8, 8192, 64, 16, 32, 96
_Text = ctypes.c_char * _TEXT


def _structure(name: str, /, **fields: object) -> type[ctypes.Structure]:
    kinds = {int: ctypes.c_int64, float: ctypes.c_double}
    return type(name, (ctypes.Structure,), {"_fields_": [(key, kinds.get(kind, kind)) for key, kind in fields.items()]})


_Step = _structure("_Step", t_ns=int, watts=float, joules=float)
_Truth = _structure("_Truth", steps=int, at=_Step * _STEPS)
_Sensor = _structure(
    "_Sensor",
    works=int,
    period_ns=int,
    phase_ns=int,
    window_ns=int,
    lag_ns=int,
    response_ns=int,
    quantum=float,
    gain=float,
)
_Fault = _structure("_Fault", gpu=int, call=int, kind=int, code=int, from_ns=int, to_ns=int, delay_ns=int, value=float)
_Process = _structure("_Process", pid=int, sm=int, mem=int, is_running=int)
_SENSORS = ("counter", "instant", "average", "usage", "buffer", "module")
_Gpu = _structure(
    "_Gpu",
    name=_Text,
    uuid=_Text,
    mig_uuid=_Text * _MIGS,
    **dict.fromkeys(("architecture", "major", "minor", "migs", "counter_start"), int),
    **dict.fromkeys(("limit_mw", "most_mw", "sm_mhz", "mem_mhz", "temperature_c", "utilization", "processes"), int),
    process=_Process * _PROCESSES,
    **dict.fromkeys(_SENSORS, _Sensor),
    power=_Truth,
    rest=_Truth,
)
_World = _structure(
    "_World",
    size=int,
    fake_ns=int,
    wall_offset_ns=int,
    gpus=int,
    faults=int,
    calls=ctypes.c_int64 * _CALLS,
    fault=_Fault * _FAULTS,
    gpu=_Gpu * _GPUS,
)


@dataclass(frozen=True)
class Sensor:
    """The habits of one sensor; `window_ns` 0: the power of that very instant; `response_ns`: a first-order filter."""

    period_ns: int = 100 * MS
    phase_ns: int = 0
    window_ns: int = 0
    lag_ns: int = 0
    response_ns: int = 0
    quantum: float = 1.0
    gain: float = 1.0


ABSENT = None
COUNTER = Sensor(period_ns=100 * MS)
INSTANT = Sensor(period_ns=100 * MS, window_ns=25 * MS)
AVERAGE = Sensor(period_ns=100 * MS, window_ns=SECOND)


@dataclass(frozen=True)
class Gpu:
    """One GPU as its driver shows it; by default an A100: counter, 25 of 100 ms, no module scope, no sample buffer."""

    name: str = "NVIDIA A100-SXM4-80GB"
    uuid: str = ""
    capability: tuple[int, int] = (8, 0)
    migs: tuple[str, ...] = ()
    counter: Sensor | None = COUNTER
    instant: Sensor | None = INSTANT
    average: Sensor | None = AVERAGE
    usage: Sensor | None = INSTANT
    buffer: Sensor | None = ABSENT
    module: Sensor | None = ABSENT
    counter_start: int = 123_456_789
    limit_mw: int = 400_000
    most_mw: int = 400_000
    sm_mhz: int = 1410
    mem_mhz: int = 1593
    temperature_c: int = 41
    utilization: int = 87
    processes: tuple[tuple[int, int], ...] = ()
    """(pid, per cent of the multiprocessors) of each."""
    steps: tuple[tuple[int, float], ...] = field(default=((0, 60.0),))
    """The true power: (since when, watts)."""
    rest: tuple[tuple[int, float], ...] = ((0, 0.0),)
    """What the module draws beside the GPU."""


class NvmlWorld:
    """The file that the stand-in reads, mapped."""

    def __init__(self, path: str | Path) -> None:
        """Map an existing world."""
        self.path = Path(path)
        with open(path, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), ctypes.sizeof(_World))
        self._world = _World.from_buffer(self._memory)

    @classmethod
    def create(cls, path: Path, gpus: Sequence[Gpu], fake_ns: int | None = None) -> NvmlWorld:
        """Write a world; with `fake_ns` its clock stands until `set_clock` moves it."""
        with open(path, "wb") as file:
            file.truncate(ctypes.sizeof(_World))
        world = cls(path)
        raw = world._world
        raw.size, raw.gpus, raw.fake_ns = ctypes.sizeof(_World), len(gpus), -1 if fake_ns is None else fake_ns
        raw.wall_offset_ns = 1_700_000_000 * SECOND
        for index, gpu in enumerate(gpus):
            world._describe(index, gpu)
        return world

    def _describe(self, index: int, gpu: Gpu) -> None:
        raw = self._world.gpu[index]
        raw.name = gpu.name.encode()
        raw.uuid = (gpu.uuid or f"GPU-{index:08x}-aaaa-bbbb-cccc-{index:012x}").encode()
        raw.major, raw.minor = gpu.capability
        raw.migs = len(gpu.migs)
        for at, uuid in enumerate(gpu.migs):
            raw.mig_uuid[at].value = uuid.encode()
        for name in ("counter_start", "limit_mw", "most_mw", "sm_mhz", "mem_mhz", "temperature_c", "utilization"):
            setattr(raw, name, getattr(gpu, name))
        for name in _SENSORS:
            sensor: Sensor | None = getattr(gpu, name)
            if sensor is not None:
                fields = {key: getattr(sensor, key) for key in Sensor.__dataclass_fields__}
                setattr(raw, name, _Sensor(works=1, **fields))
        self.processes(index, *gpu.processes)
        for t_ns, watts in gpu.steps:
            self.power(index, watts, t_ns)
        for t_ns, watts in gpu.rest:
            _add_step(raw.rest, t_ns, watts)

    def power(self, gpu: int, watts: float, t_ns: int | None = None) -> int:
        """Let a GPU draw so many watts from `t_ns` (now) on; return that time."""
        at_ns = time.monotonic_ns() if t_ns is None else t_ns
        _add_step(self._world.gpu[gpu].power, at_ns, watts)
        return at_ns

    def steps(self, gpu: int) -> list[tuple[int, float]]:
        """Return the true power of a GPU: (since when, watts)."""
        truth = self._world.gpu[gpu].power
        return [(truth.at[row].t_ns, truth.at[row].watts) for row in range(truth.steps)]

    def energy_j(self, gpu: int, start_ns: int, end_ns: int) -> float:
        """Return the energy a GPU really spent between two instants."""
        steps = self.steps(gpu)
        ends = [t_ns for t_ns, _ in steps[1:]] + [ALWAYS]
        return sum(
            watts * max(0, min(end_ns, until_ns) - max(start_ns, t_ns)) * 1e-9
            for (t_ns, watts), until_ns in zip(steps, ends, strict=True)
        )

    def limit_w(self, gpu: int) -> float:
        """Return the power limit that a GPU is held at."""
        return float(self._world.gpu[gpu].limit_mw) / 1000

    def processes(self, gpu: int, *using: tuple[int, int]) -> None:
        """State which processes use a GPU: (pid, per cent of its multiprocessors)."""
        raw = self._world.gpu[gpu]
        for row, (pid, percent) in enumerate(using):
            raw.process[row] = _Process(pid, percent, 0, 1)
        raw.processes = len(using)

    def fail(
        self, call: str, code: int = 0, *, gpu: int = -1, since_ns: int = 0, until_ns: int = ALWAYS, delay_ns: int = 0
    ) -> None:
        """Have a call of the driver return `code` (0: work), after `delay_ns`, from `since_ns` until `until_ns`."""
        self._fault(call, gpu, FAIL, code, since_ns, until_ns, delay_ns, 0.0)

    def cost(self, call: str, cpu_ns: int) -> None:
        """Have a call of the driver take so much CPU time."""
        self.fail(call, delay_ns=-cpu_ns)

    def spike(self, call: str, value: int, since_ns: int, until_ns: int, gpu: int = -1) -> None:
        """Have a sensor answer `value` (mW or mJ) for a time."""
        self._fault(call, gpu, SPIKE, 0, since_ns, until_ns, 0, float(value))

    def freeze(self, since_ns: int, until_ns: int, gpu: int = -1) -> None:
        """Have the energy counter stand still for a time; what flows meanwhile is never counted."""
        self._fault("energy", gpu, FREEZE, 0, since_ns, until_ns, 0, 0.0)

    def restart(self, at_ns: int, gpu: int = -1) -> None:
        """Have the energy counter begin at 0 again."""
        self._fault("energy", gpu, RESTART, 0, at_ns, ALWAYS, 0, 0.0)

    def heal(self) -> None:
        """Take all faults away."""
        self._world.faults = 0

    def _fault(
        self, call: str, gpu: int, kind: int, code: int, since: int, until: int, delay: int, value: float
    ) -> None:
        row = self._world.faults
        if row >= _FAULTS:
            raise ValueError(f"a world has room for {_FAULTS} faults")
        self._world.fault[row] = _Fault(gpu, CALLS.index(call), kind, code, since, until, delay, value)
        self._world.faults = row + 1

    def calls(self, call: str) -> int:
        """Return how often a call has been made."""
        return int(self._world.calls[CALLS.index(call)])

    def set_clock(self, now_ns: int) -> None:
        """Move the clock of a world that has one of its own."""
        self._world.fake_ns = now_ns

    def now_ns(self) -> int:
        """Return the world's time."""
        return int(self._world.fake_ns) if self._world.fake_ns >= 0 else time.monotonic_ns()

    def advance(self, duration_ns: int) -> None:
        """Let time pass in a world that has a clock of its own."""
        self._world.fake_ns += duration_ns

    def wall_ns(self) -> int:
        """Return the time since 1970 in such a world."""
        return int(self._world.fake_ns + self._world.wall_offset_ns)

    def set_wall_clock(self, by_ns: int) -> None:
        """Set the wall clock forward, or back, in a world that has a clock of its own."""
        self._world.wall_offset_ns += by_ns

    def environment(self, library: Path | None = None) -> dict[str, str]:
        """Return the variables by which a new process finds this world; `library`: the folder of another stand-in."""
        folder = library_folder() if library is None else library
        return {"LD_LIBRARY_PATH": str(folder), "NVML_WORLD": str(self.path), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

    def use_here(self) -> None:
        """Make this the world of the present process."""
        use_here(self.path)


def _add_step(truth: object, t_ns: int, watts: float) -> None:
    row = truth.steps  # type: ignore[attr-defined]
    if row >= _STEPS:
        raise ValueError(f"a world has room for {_STEPS} steps of power")
    joules = 0.0
    if row:
        last = truth.at[row - 1]  # type: ignore[attr-defined]
        if t_ns < last.t_ns:
            raise ValueError(f"power at {t_ns} ns comes before the last, at {last.t_ns} ns")
        joules = last.joules + last.watts * (t_ns - last.t_ns) * 1e-9
    truth.at[row] = _Step(t_ns, watts, joules)  # type: ignore[attr-defined]
    truth.steps = row + 1  # type: ignore[attr-defined]


def use_here(world: Path | None) -> None:
    """Load the stand-in into this process, whose pynvml then finds it, with this world; None: its driver is absent."""
    loaded = ctypes.CDLL(str(library_folder() / NAME), mode=ctypes.RTLD_GLOBAL)
    loaded.standin_use.argtypes = [ctypes.c_char_p]
    status = loaded.standin_use(None if world is None else str(world).encode())
    if world is not None and status:
        raise OSError(f"the stand-in cannot use {world} (status {status})")


@cache
def library_folder() -> Path:
    """Return the folder of the stand-in, compiled once for this process, which can load no second one of its name."""
    folder = Path(tempfile.mkdtemp(prefix="nvml-stand-in-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build_library(folder)


def build_library(folder: Path, *defines: str) -> Path:
    """Compile the stand-in into `folder` and return it; raises RuntimeError with the remedy where that fails."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError(
            "the tests compile a stand-in for the NVIDIA driver's library and need a C compiler named cc; "
            "Debian, Ubuntu: sudo apt install gcc libc6-dev"
        )
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).with_name("nvml.c")
    words = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{NAME}"]
    defined = [f"-D{name}" for name in defines]
    done = subprocess.run(
        [*words, *defined, "-o", str(folder / NAME), str(source), "-lm"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the stand-in for the NVIDIA driver's library does not compile with cc:\n{done.stderr}")
    return folder
