"""What they are handed who look at a finished run: exporters besides the report, and rules that find waste."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energyprof.model.call_tree import CallTree
    from energyprof.model.comparison import Comparison
    from energyprof.model.difference import Difference
    from energyprof.model.footprint_rows import Assumptions
    from energyprof.model.history import PowerHistory
    from energyprof.model.power_series import PowerSeries
    from energyprof.model.report import Report
    from energyprof.model.run_queue import RunQueue
    from energyprof.model.trace import Trace
    from energyprof.model.variants import Variants


def _no_renderer(_dot: str, _suffix: str) -> bytes:
    raise LookupError("no diagram renderer was handed in")


def _no_trace() -> Trace:
    raise LookupError("no trace was handed in")


def _no_power() -> tuple[PowerSeries, ...]:
    raise LookupError("no power over time was handed in")


def _no_calls() -> None:
    return None


def _no_history() -> None:
    return None


def _unfolded(report: Report) -> Report:
    return report


def _as_it_is(report: Report, _nodes: int) -> Report:
    return report


@dataclass(frozen=True)
class RenderContext:
    """What an exporter may need beyond the report; it reaches for no terminal, file or program by itself."""

    width: int = 100
    """Columns of the terminal, 60 to 200."""
    color: bool = False
    unicode: bool = True
    draw: Callable[[str, str], bytes] = _no_renderer
    """Lay out DOT source and return it as `svg` or `png` bytes; raises LookupError where no renderer is installed."""
    trace: Callable[[], Trace] = _no_trace
    """Return the recorded data, read only when asked for: a report of a long run needs none of its spans."""
    power: Callable[[], Sequence[PowerSeries]] = _no_power
    """Return the power of each domain over time, worked out from the readings only when asked for."""
    calls: Callable[[], CallTree | None] = _no_calls
    """Return the sampled stacks with their joules, read only when asked for; None: no stacks were sampled."""
    history: Callable[[], PowerHistory | None] = _no_history
    """Return power and open stages over time, worked out only when asked for; None: none was handed in."""
    folded: Callable[[Report], Report] = _unfolded
    """Return a report with what the trials of a search do alike as one stage, for people; a report of none as it is."""
    drawn: Callable[[Report, int], Report] = _as_it_is
    """Return a report as a diagram of about so many boxes shows it: folded, and down to functions where nothing else of
    the run is known."""
    comparison: Comparison | None = None
    """What changed from another run to this one, for formats that show that instead; None: nothing is compared."""
    difference: Difference | None = None
    """What changed between two groups of runs, for formats of `energyprof diff`; None: nothing is compared."""
    variants: Variants | None = None
    """Ways to do the same thing, for formats that set them beside each other; None: nothing is compared."""
    assumptions: Assumptions | None = None
    """What turns the joules of these comparisons into CO2e and money; None: nobody said. A report has its footprint."""
    options: dict[str, str] = field(default_factory=dict)
    """Exporter-specific settings by name."""


@dataclass(frozen=True)
class FinishedRun:
    """What a rule looks at."""

    report: Report
    """All rows but the findings: stages, edges, layers, functions, ledger."""
    trace: Callable[[], Trace] = _no_trace
    """Return the recorded data; that of a long run takes seconds to read, so look for a sign in the report first."""
    run_queue: RunQueue | None = None
    """How long its threads waited for processors; None: not known."""
