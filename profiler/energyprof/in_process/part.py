"""A profile that is a part of another process's run: who has its figures, and what a program that asks gets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energyprof import bootstrap
from energyprof.launch.run_notes import config_of

if TYPE_CHECKING:
    from energyprof.model.report import Report
    from energyprof.model.trace import Trace


class Part:
    """A block of a run that another process keeps; a program that asks for its figures goes on without them."""

    def __init__(self) -> None:
        """Note which run records this process."""
        self._run_dir = bootstrap.recorded_into()
        self._config: dict[str, Any] = {}

    def _known(self) -> dict[str, Any]:
        """Return how the run was started; it may not be written down yet when the program's first lines run."""
        if not self._config:
            self._config = config_of(self._run_dir) or {}
        return self._config

    @property
    def path(self) -> Path | None:
        """The recording of the whole run; None: not known."""
        output = self._known().get("output")
        return Path(output) if output else None

    @property
    def remark(self) -> str:
        """Who has the figures."""
        if self._known().get("in_process"):
            return "this block is part of the run of the process that started this one; ask for the figures there"
        return "this block is part of the run recorded by `energyprof run`; its report comes at the end"

    def report(self) -> Report:
        """Return a report without a row or a figure, whose warning says who has them."""
        from energyprof.model.report import Overhead, Report, SumRow
        from energyprof.model.trace import RunFacts
        from energyprof.report.rows import run_row

        now_ns = time.monotonic_ns()
        start_ns = int(self._known().get("start_ns", now_ns))
        start_unix_ns = int(self._known().get("start_unix_ns", time.time_ns()))
        facts = RunFacts(tuple(self._known().get("command", ())), start_unix_ns, start_ns, now_ns, None)
        nothing = SumRow(None, None, None, "measured", None)
        return Report(
            run=run_row(facts),
            domains=(),
            ledger=(),
            stages=(),
            unsplit=(),
            functions=(),
            edges=(),
            hotspots=(),
            overhead=Overhead(0.0, 0.0, 0, 0, 0.0, 0.0, 0.0, 0, 0),
            warnings=(self.remark,),
            measured=nothing,
            stages_sum=nothing,
            mean_power_w=None,
        )

    def render(self, name: str = "terminal", **options: Any) -> str | bytes:
        """Return the remark as text, or an empty report in another format; raises PluginError for an unknown one."""
        from energyprof.interfaces import RenderContext
        from energyprof.report.renderer import draw
        from energyprof.run import exporter

        chosen = exporter(name)
        wanted = {option: value for option, value in options.items() if value is not None}
        if name != "terminal":
            try:
                return chosen.render(self.report(), RenderContext(draw=draw, trace=_no_trace, **wanted))
            except LookupError:  # it cannot do without what was recorded
                pass
        return f"{self.remark}\n"


def _no_trace() -> Trace:
    raise LookupError("what was recorded is in the run of another process")
