"""The doors: what a power source, an instrument and an exporter must be, and what they are handed.

Standard library only at run time, for instruments import it inside the profiled program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof.model.render_context import FinishedRun as FinishedRun  # noqa: PLC0414 - handed on
from energyprof.model.render_context import RenderContext as RenderContext  # noqa: PLC0414 - handed on

if TYPE_CHECKING:
    from energyprof.model.finding import Finding
    from energyprof.model.imported import ImportedPower, ImportedSpans, ImportWishes
    from energyprof.model.report import Report


# --- power sources (run in the collector) -------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """One raw value of one domain; `t_ns` (CLOCK_MONOTONIC) only where the sensor itself says when it was taken."""

    domain: DomainId
    raw: int
    t_ns: int | None = None


@dataclass(frozen=True)
class ReadFailure:
    """A read that gave no value. It becomes a gap in the data and a warning, never a zero."""

    domain: DomainId
    status: ReadStatus
    message: str = ""


@dataclass(frozen=True)
class SourceContext:
    """What the collector hands to a source it opens; sources reach for no clock and no process by themselves."""

    argument: str = ""
    """What stood behind the colon in `--source NAME:ARGUMENT`."""
    start_ns: int = 0
    """CLOCK_MONOTONIC at which the program was started; readings may be dated back to it, never before it."""
    now_ns: Callable[[], int] = lambda: 0
    """Return CLOCK_MONOTONIC in nanoseconds."""
    cpu_time_ns: Callable[[], int] = lambda: 0
    """Return the CPU time in nanoseconds used so far by the program and its descendants; never decreases."""
    root: str = "/"
    """Where `/sys`, `/proc` and `/dev` are looked for; tests hand in a temporary folder."""
    cache: str = ""
    """The user's folder with what has been found out about this machine before; empty: there is none."""


class PowerSource(Protocol):
    """Read the power domains of one kind of hardware, or model them.

    Life: constructed without arguments, `why_unavailable` (again, where it says no), `open`, many `read`s, `close`
    (twice is safe). Only the collector calls it, never two of these at once, `read` always from one thread. A source
    may besides be a `PartedSource`, a `FactSource`, a `ShareSource`, a `RemarkingSource`, a `QuickSource`, a
    `PartialSource` or an `ArgumentSource`. One that never looks at its context's argument says so with
    `takes_argument = False`, and `--source NAME:ARGUMENT` is refused for it.
    """

    name: str
    measures: Literal["sensor", "model", "replay"]
    rank: int
    """Where two sources offer the same domain the one of lower rank is read; built-in ones have 10 to 90."""

    def why_unavailable(self, context: SourceContext) -> str | None:
        """Return None if `open` can serve, else one line: the fact and the remedy. Never raises."""
        ...

    def open(self, context: SourceContext) -> Sequence[Domain]:
        """Get ready and return the domains; raises SourceError with a remedy."""
        ...

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Read every domain once. The collector stamps the time before and after; a domain left out was not due."""
        ...

    def close(self) -> None:
        """Release everything; a second call does nothing."""
        ...


class Part(Protocol):
    """One device of a source: if its driver hangs, the other parts are read on.

    A part may besides be a `FactSource` and a `ShareSource`, of its own domains; then the source itself is not asked.
    One whose readings are kept for it is a `KeepingPart`.
    """

    name: str
    domains: Sequence[Domain]

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Read the part's domains once, as `PowerSource.read` does."""
        ...


@runtime_checkable
class KeepingPart(Protocol):
    """A part whose device keeps its readings, each with the time it was taken, until somebody fetches them."""

    keeps_ns: int
    """For at least so long; it is read about twice in that, where that is affordable. What is fetched later is lost."""


@runtime_checkable
class PartedSource(Protocol):
    """A source whose devices answer independently of each other, such as several GPUs."""

    def parts(self) -> Sequence[Part]:
        """Return the parts after `open`, each domain in exactly one; the parts are read, the source itself is not.

        Two are read in threads of their own; more share one as long as they answer soon, and one that does not is left
        alone with it. Each is read from one thread at a time. The last to end closes the source; while one hangs nobody
        does.
        """
        ...


@runtime_checkable
class FactSource(Protocol):
    """A source that knows more of its devices than power: limits, clocks, temperature, utilisation."""

    def facts(self) -> Mapping[DomainId, Mapping[str, float]]:
        """Return the figures of now by domain and name; never raises.

        Units end the names: `power_limit_w`, `sm_clock_hz`, `temperature_c`, `utilization_ratio`. Asked for about once
        a second; what is not known is left out. Of parts, and of a source with parts, it is asked in a thread that
        reads nothing; else between two reads.
        """
        ...


@runtime_checkable
class ShareSource(Protocol):
    """A source that knows which processes use its devices."""

    def process_shares(self) -> Mapping[DomainId, Mapping[int, float]]:
        """Return by domain the part, 0..1, of the device's work done by each process (pid) of late. Never raises."""
        ...


@runtime_checkable
class RemarkingSource(Protocol):
    """A source that has something to say of what it reads or leaves out, such as a device shared with others."""

    remarks: Sequence[str]
    """After `open`: lines, each of one fact, with its remedy where there is one. They become warnings of the run."""


@runtime_checkable
class QuickSource(Protocol):
    """A sensor that knows from the kernel's own files whether it can serve, and asks no driver that could hang.

    Where `--source` names it, it is asked before the program starts, and a run that it cannot serve is refused.
    """

    answers_at_once: Literal[True]


@runtime_checkable
class ArgumentSource(Protocol):
    """A source that can tell from its argument alone, without a driver, whether that means anything.

    It is asked before the program starts, and a run with an argument that means nothing is refused.
    """

    def argument_fault(self, argument: str) -> str | None:
        """Return None for an argument that can be looked for here, else one line: the fact and the remedy."""
        ...


@runtime_checkable
class PartialSource(Protocol):
    """A source that finds devices it cannot use, beside those it can; `doctor` shows them."""

    def left_out(self, context: SourceContext) -> Sequence[str]:
        """Return one line for each: what was found, why it is not used, what to do. Never raises."""
        ...


# --- instruments (run inside the profiled program: standard library only until their framework is imported) ---------


class SpanSink(Protocol):
    """Where an instrument writes its events: the recorder as seen from a plugin."""

    def stage_code(
        self, name: str, *, kind: str = "stage", file: str | None = None, line: int | None = None, module: bool = False
    ) -> int:
        """Return the code of a stage name, the same for the same (name, kind, module); thread-safe, bounded."""
        ...

    def tell(self, code: int, facts: dict[str, str | int]) -> None:
        """Have the report know `facts` of the stage with this code, besides those told before: names with units."""
        ...

    def extend(self) -> Callable[[tuple[int, int]], None]:
        """Return this thread's `extend`: call it with `(code, perf_counter_ns())` to begin, `(-code, ...)` to end."""
        ...

    def local(self) -> object:
        """Return the thread-local object whose attribute `ext` is this thread's `extend`; the hot path's short cut.

        A forked child gets a new one, so an instrument fetches it through `on_fork`, or asks again.
        """
        ...

    def on_fork(self, call: Callable[[], None]) -> None:
        """Have `call` called in a forked child after the recorder has been renewed there."""
        ...


class Repeatable(Protocol):
    """Something the program has called, that can be called again on the same inputs."""

    code: int
    """Of its stage."""
    name: str
    seen_ns: int
    """`perf_counter_ns` just before the call whose inputs were kept: it tells which stage they belong to."""

    def why_not(self) -> str:
        """Try it; return why it cannot be repeated, or nothing. Called once before all calls."""
        ...

    def call(self, times: int) -> None:
        """Call it so many times and return when all of its work is done, on devices too."""
        ...


class RepeatSource(Protocol):
    """Who keeps inputs while the program runs, and calls again when its main part is over."""

    def begin(self) -> tuple[Sequence[Repeatable], Mapping[str, str]]:
        """Return what can be called again, and by name why others cannot; nothing is kept from now on."""
        ...

    def end(self) -> None:
        """Put back whatever the calls have changed: state of the framework, random numbers."""
        ...


@runtime_checkable
class RepeatSink(Protocol):
    """A `SpanSink` that may be asked to repeat; ask with `isinstance`, others know nothing of it."""

    def repeats(self, source: RepeatSource) -> bool:
        """Return whether layers are to be repeated; if so `source` is asked for them when the time has come."""
        ...


class Instrument(Protocol):
    """Record the spans of one framework, active only when the program itself imports that framework."""

    name: str
    framework: str
    """The module whose import activates the instrument, such as `torch`."""

    def install(self, sink: SpanSink) -> None:
        """Hook into the framework, which has just been imported."""
        ...

    def remove(self) -> None:
        """Undo everything; a second call does nothing."""
        ...


@runtime_checkable
class NamingInstrument(Protocol):
    """An instrument that records the modules of models, whose names and depth a program can choose."""

    def name_root(self, module: object, name: str, depth: int | None) -> str:
        """Name a model from its next call on, and record no module deeper than `depth` below it; thread-safe.

        Deeper ones count to the module that calls them. Returns the name: that of its class if `name` is empty,
        `name#2` where another living model has it. Its parts are named below it. Nothing is written to the module.
        """
        ...

    def unname_root(self, module: object) -> None:
        """Have the model named and recorded as without `name_root`; a second call does nothing."""
        ...


# --- exporters (pure; run where the report is read) -----------------------------------------------------------------


class Exporter(Protocol):
    """Format a report. Pure: the same report and context give the same bytes, and it computes no figure of its own."""

    name: str
    suffix: str
    """File suffix with its dot, such as `.json`."""
    summary: str
    """One line for `report --format list`: what it is and what opens it."""

    def render(self, report: Report, context: RenderContext) -> str | bytes:
        """Return the whole file."""
        ...


@runtime_checkable
class TimelineExporter(Protocol):
    """An exporter that shows when things happened: it asks its context for the trace and the power; others never do."""

    shows_time: Literal[True]


@runtime_checkable
class ComparisonExporter(Exporter, Protocol):
    """An exporter of what several runs are together: one command has that, and `energyprof report` has it not."""

    command: str
    """How it is called: `energyprof diff OLD.eprof NEW.eprof`."""


# --- findings (pure; run where the report is read) ------------------------------------------------------------------


class FindingRule(Protocol):
    """Find one kind of waste in a run. Pure: the same run gives the same findings.

    A rule speaks only where what was recorded shows the fault; where it cannot be sure its finding has no saving.
    """

    name: str
    summary: str
    """One line: what it looks for."""

    def find(self, run: FinishedRun) -> Iterable[Finding]:
        """Return what is to be changed; nothing where nothing was spent or the energy is not known."""
        ...


# --- importers (run where a recording made elsewhere is read) -------------------------------------------------------


class SpanImporter(Protocol):
    """Read the spans of a recording that another program has made."""

    name: str
    option: str
    """The word of `energyprof import` that hands it a file, without its dashes: `spans`, `chrome`."""

    def read(self, path: str, wishes: ImportWishes, progress: Callable[[float], None]) -> ImportedSpans:
        """Return all spans; raises InputError that names the file, the first bad rows and the remedy.

        `progress` is told the part of the file that has been read, 0..1.
        """
        ...


class PowerImporter(Protocol):
    """Read the power of a recording that another program has made."""

    name: str
    rank: int
    """Importers are asked in this order whether a file is theirs; the last one takes any."""

    def knows(self, head: str) -> bool:
        """Return whether a file that begins like this is of this kind."""
        ...

    def read(self, path: str, wishes: ImportWishes, progress: Callable[[float], None]) -> ImportedPower:
        """Return all readings, in order of time; raises InputError as above."""
        ...
