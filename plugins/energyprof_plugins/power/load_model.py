"""Model the power of a machine without a sensor: idle power all of the time, more for each second of CPU time.

What it knows: the kind of machine, the CPU's generation and kinds of cores, the memory, and the CPU time of the
program. What it does not model: clock frequency and its boost, vector units, memory and disk traffic, temperature,
GPUs, and other programs (only the profiled one's CPU time counts). `energyprof calibrate` replaces all of it by what a
meter says of this very machine.

Memory has no domain of its own: the figures of servers and of whole machines include it, and what its traffic adds
cannot be told from CPU time. Only gigabytes beyond what such servers have are added to the idle power.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.fitted_power import FittedPower, read_fitted
from energyprof.model.ids import DomainId
from energyprof_plugins.power.load_machine import core_kinds, kind_of, memory_gb, power_limit_w
from energyprof_plugins.power.load_table import Processor, gain_error, identify

CPU: Final = DomainId("cpu")
# Watts for each gigabyte: Cloud Carbon Footprint's methodology, "Memory", the mean of figures of two makers. A machine
# whose wall power was measured with 32 to 96 GB drew a twentieth of that idle (GreenAlgorithms/green-algorithms-tool,
# issue 14), so below it may be nothing.
MEMORY_W: Final = 0.392
# Idle watts of whole machines, and full-load watts of CPUs that do not state their limit. There is no table of them as
# there is for servers; these are assumed in the middle of what such machines are sold with, and the error says so.
ASSUMED_W: Final = {"laptop": (8.0, 28.0), "desktop": (35.0, 65.0)}
ASSUMED_FACTOR: Final = 3.0
STATED_FACTOR: Final = 2.0
"""Where the CPU states its limit, which it keeps to in the long run."""


@dataclass(frozen=True, slots=True)
class Model:
    """A machine's power: idle, and by how many CPUs are busy."""

    described: str
    idle_w: float
    full_w: float
    """On top of idle, all hardware threads busy."""
    kinds: tuple[tuple[int, float], ...]
    """(hardware threads, relative power of each), the kind that the scheduler fills first at the front."""
    gain_error: tuple[float, float]

    def busy_w(self, cpus: float) -> float:
        """Return the power on top of idle while so many CPUs are busy; the kinds of cores are filled in order."""
        per_weight_w = self.full_w / sum(count * weight for count, weight in self.kinds)
        power_w, left = 0.0, cpus
        for index, (count, weight) in enumerate(self.kinds):
            # More CPU time than there are CPUs is seen where ended processes hand theirs in: it counts as of the last.
            filled = left if index == len(self.kinds) - 1 else min(left, count)
            power_w += filled * weight * per_weight_w
            left -= filled
        return power_w


class LoadModel:
    """Model one domain, `cpu`: baseline and CPU time of the program with its descendants, in microjoules.

    The baseline is the idle power of the whole machine, all hardware threads in /proc/cpuinfo: while the program runs
    the machine is on for it. Where others share the machine that is too much, and the stated error does not cover it.
    """

    name = "load_model"
    measures: Literal["sensor", "model", "replay"] = "model"
    rank = 90
    takes_argument = False

    def __init__(self) -> None:
        self._now_ns: Callable[[], int] = lambda: 0
        self._cpu_time_ns: Callable[[], int] = lambda: 0
        self._model: Model | None = None
        self._start_ns = 0
        self._last = (0, 0)
        self._busy_nj = 0.0
        self._began = False

    def why_unavailable(self, context: SourceContext) -> str | None:  # noqa: ARG002
        """Return None: a clock and the CPU time are all it takes."""
        return None

    def open(self, context: SourceContext) -> Sequence[Domain]:
        """Look up the machine and return the domain."""
        self._model = machine_model(context.root, context.cache)
        self._now_ns, self._cpu_time_ns, self._start_ns = context.now_ns, context.cpu_time_ns, context.start_ns
        self._last, self._busy_nj, self._began = (context.start_ns, 0), 0.0, False
        domain = Domain(
            id=CPU,
            source=f"{self.name} ({self._model.described})",
            provenance="model",
            quantity="energy",
            scale=1e-6,
            driver="cpu",
            gain_error=self._model.gain_error,
            baseline_w=self._model.idle_w,
        )
        return (domain,)

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Return the energy modelled up to now; the first read also says that it was 0 when the program started."""
        if self._model is None:
            return ()
        cpu_ns = self._cpu_time_ns()
        now_ns = self._now_ns()
        last_ns, last_cpu_ns = self._last
        if cpu_ns > last_cpu_ns:
            # Watts times nanoseconds are nanojoules. CPU time that no time has passed for is that of one CPU.
            elapsed_ns = max(now_ns - last_ns, 0) or cpu_ns - last_cpu_ns
            self._busy_nj += self._model.busy_w((cpu_ns - last_cpu_ns) / elapsed_ns) * elapsed_ns
        self._last = (now_ns, max(cpu_ns, last_cpu_ns))
        energy_nj = self._model.idle_w * (now_ns - self._start_ns) + self._busy_nj
        reading = Reading(CPU, round(energy_nj / 1000), now_ns)
        if self._began:
            return (reading,)
        self._began = True
        return (Reading(CPU, 0, self._start_ns), reading)

    def close(self) -> None:
        """Do nothing: nothing is held open."""


def machine_model(root: str, cache: str) -> Model:
    """Return the model of the machine under `root`: the one fitted on it, else one by its kind."""
    processor = identify(root)
    kinds = core_kinds(root, processor.threads)
    fitted = read_fitted(cache, processor.name, processor.threads)
    if fitted is not None:
        return _fitted(fitted)
    kind = kind_of(root)
    if kind == "server":
        return _server(processor, kinds, memory_gb(root))
    limit_w = power_limit_w(root)
    idle_w, full_w = ASSUMED_W[kind]
    factor = ASSUMED_FACTOR if limit_w is None else STATED_FACTOR
    limit = "" if limit_w is None else f", {limit_w:.0f} W limit"
    return Model(
        f"{kind}{_shape(kinds)}, {processor.threads} threads{limit}",
        idle_w,
        full_w if limit_w is None else limit_w,
        kinds,
        # Idle power is assumed in either case, and bounds what can be claimed of a run that mostly waits.
        (1 - 1 / ASSUMED_FACTOR, max(factor, ASSUMED_FACTOR) - 1),
    )


def _fitted(fitted: FittedPower) -> Model:
    threads = fitted.threads
    described = f"fitted on {fitted.fitted_on} against {fitted.meter}"
    # The fit has one figure for all kinds of cores, of the loads it was made with.
    return Model(described, fitted.idle_w, fitted.cpu_w * threads, ((threads, 1.0),), fitted.gain_error)


def _server(processor: Processor, kinds: tuple[tuple[int, float], ...], memory: float) -> Model:
    """Return the model of a server: SPECpower's figures, and memory beyond what the servers measured had."""
    generation, threads = processor.generation, processor.threads
    extra_gb = max(0.0, memory - generation.chip_gb * processor.chips)
    extra_w = MEMORY_W * extra_gb
    idle_w, busy_w = generation.idle_w * threads, generation.busy_w * threads
    low, high = gain_error(generation)
    if extra_gb:
        low = (idle_w * low + extra_w) / (idle_w + extra_w)
    more = f", {extra_gb:.0f} GB more than such servers have" if extra_gb else ""
    described = f"{generation.name}{_shape(kinds)}, {threads} threads{more}"
    return Model(described, idle_w + extra_w, busy_w - idle_w, kinds, (low, max(high, 1.0) if extra_gb else high))


def _shape(kinds: tuple[tuple[int, float], ...]) -> str:
    return "" if len(kinds) == 1 else f" with {len(kinds)} kinds of cores"
