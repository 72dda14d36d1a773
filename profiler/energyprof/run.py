"""The straight line: capture -> trace -> attribution -> graph -> report -> rendering; where the steps meet."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from energyprof import discover
from energyprof.attribute.fit import attribute
from energyprof.attribute.folded import as_folded, without_folded
from energyprof.attribute.passed_over import as_sampled
from energyprof.attribute.repeats import with_repeats
from energyprof.attribute.unvouched import as_vouched
from energyprof.capture.reader import read_run, read_trace, summary_of
from energyprof.capture.recalled import read_recalled, store_recalled
from energyprof.capture.results import awaits_fit, read_attribution, store_attribution
from energyprof.errors import CaptureError
from energyprof.interfaces import Exporter, FindingRule, FinishedRun, RenderContext
from energyprof.model.footprint_rows import Assumptions
from energyprof.model.past import Recalled
from energyprof.probe.remarks import remarks

# A run that shows nothing waits for nothing of a report.
if TYPE_CHECKING:
    from energyprof.model.attribution import Attribution
    from energyprof.model.budget import Limit, Ruling
    from energyprof.model.call_tree import CallTree
    from energyprof.model.comparison import Comparison
    from energyprof.model.difference import Difference
    from energyprof.model.graph import StageGraph
    from energyprof.model.history import PowerHistory
    from energyprof.model.power_series import PowerSeries
    from energyprof.model.report import LayerPhase, Report
    from energyprof.model.trace import Trace
    from energyprof.model.variants import Variants
    from energyprof.model.view import View
    from energyprof.viewing import Seen

Progress = Callable[[float], None]


class Run:
    """One recorded run. Everything is worked out when it is first asked for, and kept.

    The fit is read from the file where it is stored there; else it is done, and stored if the file can be written.
    Of a run that goes on, what is known so far is read at once, and nothing is stored.
    """

    def __init__(self, path: Path, *, is_live: bool = False, is_new: bool = False) -> None:
        """Open a `.eprof` file; raises CaptureError if it cannot be read.

        `is_new`: it has just been recorded. As of any run whose fit is to be done all of it is needed, and read once.
        """
        self.path = path
        self.assumptions = Assumptions()
        """What turns its energy into CO2e and money in its reports; nothing, unless somebody sets it."""
        self._progress: Progress | None = None
        self._so_far = read_trace(path, is_live=True) if is_live else None
        self._read = read_trace(path) if is_new or (not is_live and awaits_fit(path)) else self._so_far
        self._facts = read_run(path) if self._read is None else summary_of(self._read, finished=not is_live)

    def __str__(self) -> str:
        """Return the report as the terminal shows it, without colour."""
        return str(self.render(options={"run": str(self.path)}))

    def _repr_html_(self) -> str:
        """Return what a notebook shows of a cell's value."""
        near = os.path.relpath(self.path)
        shown = str(self.path) if near.startswith("..") else near
        return rendered(self.report(), "notebook", shown, self._folded)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @cached_property
    def trace(self) -> Trace:
        """Everything recorded, spans and readings included."""
        return read_trace(self.path) if self._read is None else self._read

    @cached_property
    def attribution(self) -> Attribution:
        """Who spent the energy, with intervals and the ledger."""
        if self._so_far is not None:
            trace = without_folded(self._so_far)
            so_far = as_folded(as_sampled(attribute(trace), trace), self._so_far)
            return as_vouched(so_far, self._so_far.domains)
        stored = read_attribution(self.path)
        if stored is not None:
            return stored
        trace = without_folded(self.trace)
        fitted = with_repeats(trace, attribute(trace, self._progress), attribute)
        fitted = as_folded(as_sampled(fitted, trace), self.trace)
        fitted = as_vouched(fitted, self.trace.domains)
        fitted = replace(fitted, warnings=(*fitted.warnings, *remarks(self.trace.domains, self.trace.readings)))
        try:
            store_attribution(self.path, fitted)
        except CaptureError:
            return fitted  # a read-only place: the fit is done again the next time
        return fitted

    @cached_property
    def graph(self) -> StageGraph:
        """The stages as a graph with self, total and embodied energy."""
        from energyprof.graph.build import build_graph  # here: a run that shows nothing waits for no graph

        facts, attribution = self._facts, self.attribution
        return build_graph(facts.stages, facts.domains, attribution, facts.flows, facts.outputs)

    def report(self) -> Report:
        """Return every row and figure that a report prints."""
        report = self._report
        if self.recalled:
            from energyprof.report.trials import with_earlier

            trials = None if report.trials is None else with_earlier(report.trials, dict(self.recalled.trials))
            report = replace(report, earlier=self.recalled.run, trials=trials)
        return self._with_footprint(report)

    def _with_footprint(self, report: Report) -> Report:
        if self.assumptions.is_empty:
            return report
        from energyprof.footprint.footprint import footprint_of_sum

        return replace(report, footprint=footprint_of_sum(report.measured, self.assumptions))

    @cached_property
    def recalled(self) -> Recalled:
        """What it repeats of earlier runs; empty where nothing was remembered."""
        return Recalled() if self._so_far is not None else read_recalled(self.path)

    def recall(self, recalled: Recalled) -> None:
        """Say what it repeats of earlier runs, and keep that with it; a file that cannot be written goes without."""
        self.__dict__["recalled"] = recalled  # where a cached property has its value
        with suppress(CaptureError):
            store_recalled(self.path, recalled)

    @cached_property
    def _report(self) -> Report:
        from energyprof.report.build import build_report

        facts = self._facts
        report = build_report(
            facts.run,
            facts.recorder,
            facts.domains,
            facts.stages,
            facts.warnings,
            self.attribution,
            self.graph,
            facts.sampling,
            facts.cures,
            facts.hosts,
            facts.told,
        )
        return report if self._so_far is not None else self._with_findings(report)

    def _with_findings(self, report: Report) -> Report:
        from energyprof.report.findings import findings_of

        run = FinishedRun(report, lambda: self.trace, self._facts.run_queue)
        found, warnings = findings_of(rules(), run)
        return replace(report, findings=found, warnings=(*report.warnings, *warnings))

    def view(self, view: View) -> Report:
        """Return the report of a part of the run, or in another detail; raises InputError for what it has not."""
        from energyprof.viewing import at_level

        return at_level(self.seen(view), view)

    def seen(self, view: View) -> Seen:
        """Return what a view of the run is made of; raises InputError as `view` does."""
        from energyprof.attribute.regroup import regroup, regroup_flows, regroup_outputs
        from energyprof.graph.build import build_graph
        from energyprof.graph.calls import call_tree
        from energyprof.graph.choose import choose_domains, choose_stages
        from energyprof.report.build import build_report
        from energyprof.report.view import with_view
        from energyprof.viewing import Seen

        facts = self._facts
        domains = choose_domains(facts.domains, view.domain)
        grouping = choose_stages(facts.stages, view)
        attribution = regroup(facts.stages, self.attribution, grouping, frozenset(domain.id for domain in domains))
        flows, outputs = regroup_flows(facts.flows, grouping), regroup_outputs(facts.outputs, grouping)
        graph = build_graph(grouping.stages, domains, attribution, flows, outputs)
        report = build_report(
            facts.run,
            facts.recorder,
            domains,
            grouping.stages,
            facts.warnings,
            attribution,
            graph,
            facts.sampling,
            hosts=facts.hosts,
            told=facts.told,
        )
        report = self._with_footprint(with_view(report, view, grouping, domains, attribution))
        is_divided = view.level == "function" and attribution.functions is not None
        calls = call_tree(self.trace.stacks, domains, attribution) if is_divided else None
        return Seen(report, grouping.stages, calls)

    def _folded(self, report: Report) -> Report:
        """Return a report of this run with what trials do alike as one stage; what is told of single ones stays."""
        from energyprof.graph.fold_trials import has_trials
        from energyprof.model.view import View
        from energyprof.viewing import with_stages_of

        if not has_trials(self._facts.stages):
            return report
        return with_stages_of(report, self.view(View()))

    @property
    def is_told_by_functions(self) -> bool:
        """Return whether sampled functions say most of it."""
        from energyprof.report.functions import tell_most

        return tell_most(self._facts.stages, self._facts.domains, self.attribution)

    def _drawn(self, report: Report, nodes: int) -> Report:
        """Return a report of this run as a diagram of about so many boxes shows it."""
        from energyprof.model.view import View

        if not self.is_told_by_functions:
            return self._folded(report)
        return self.view(View(level="function", functions=max(nodes - 1, 1)))

    @cached_property
    def call_tree(self) -> CallTree | None:
        """The sampled stacks with the joules spent in each, read from the whole recording; None: none were sampled."""
        from energyprof.graph.calls import call_tree

        if self.attribution.functions is None:
            return None
        return call_tree(self.trace.stacks, self._facts.domains, self.attribution)

    @cached_property
    def power(self) -> tuple[PowerSeries, ...]:
        """The power of every domain over time, as its readings tell it."""
        from energyprof.attribute.power_series import power_series

        return power_series(self.trace)

    @cached_property
    def history(self) -> PowerHistory:
        """Power and open stages over the time of the run, read from the whole recording; trials are one stage."""
        from energyprof.attribute.history import power_history
        from energyprof.graph.choose import choose_stages
        from energyprof.graph.fold_trials import has_trials
        from energyprof.model.view import View

        stages = self.trace.stages
        return power_history(self.trace, grouping=choose_stages(stages, View()) if has_trials(stages) else None)

    def layers(self, phase: LayerPhase | None = "total") -> list[dict[str, Any]]:
        """Return one row for each layer of the models it called: `pandas.DataFrame(energyprof.load(path).layers())`.

        `phase` is `forward`, `backward`, `recompute`, `total` (all of them together), or None: a row for each phase.
        Energies are in joules; what is refused or unknown is None.
        """
        from energyprof.model.layer_record import flat_layers

        return flat_layers(self.report().layers, phase)

    def render(
        self,
        name: str = "terminal",
        *,
        width: int = 100,
        color: bool = False,
        unicode: bool = True,
        options: dict[str, str] | None = None,
    ) -> str | bytes:
        """Return the report in a format; raises PluginError for an unknown one, LookupError without a renderer."""
        from energyprof.report.renderer import draw

        context = RenderContext(
            width=width,
            color=color,
            unicode=unicode,
            draw=draw,
            trace=lambda: self.trace,
            power=lambda: self.power,
            calls=lambda: self.call_tree,
            history=lambda: self.history,
            folded=self._folded,
            drawn=self._drawn,
            options=options or {},
        )
        return exporter(name).render(self.report(), context)


def rendered(report: Report, name: str, run: str = "", folded: Callable[[Report], Report] = lambda whole: whole) -> str:
    """Return a report in a format that needs nothing else but `folded`; `run` is the file it is of, where known."""
    content = exporter(name).render(report, RenderContext(folded=folded, options={"run": run} if run else {}))
    return content if isinstance(content, str) else content.decode()


def draw_graph(name: str, report: Report, options: dict[str, str], comparison: Comparison | None = None) -> str | bytes:
    """Return the graph of a view, or what changed up to it, in a format; raises as `Run.render` does."""
    from energyprof.report.renderer import draw

    return exporter(name).render(report, RenderContext(draw=draw, comparison=comparison, options=options))


def views_to_compare(before: Run, after: Run, view: View) -> tuple[Report, Report]:
    """Return two runs in one view; where it has functions chosen for a picture, the same ones of both."""
    from energyprof.viewing import with_same_functions

    return with_same_functions(before.seen(view), after.seen(view), view)


def compare_reports(before: Report, after: Report) -> Comparison:
    """Return what changed from one report to another, of the same view."""
    from energyprof.report.compare import compare

    return compare(before, after)


def load(path: str | Path) -> Run:
    """Open a recorded run; raises CaptureError, naming the remedy, if the file cannot be read."""
    return Run(Path(path))


def analyse(path: str | Path, progress: Progress | None = None) -> Run:
    """Do the fit of a run just recorded and store it with the run; `progress` is told the part done, 0..1."""
    run = Run(Path(path), is_new=True)
    run._progress = progress
    _ = run.attribution
    return run


def formats() -> tuple[Exporter, ...]:
    """Return every installed exporter that can be loaded."""
    return tuple(exporter(spec.name) for spec in discover.plugins(discover.EXPORTERS))


def rules() -> tuple[FindingRule, ...]:
    """Return every installed rule that finds what to change."""
    specs = discover.plugins(discover.FINDINGS)
    return tuple(cast(FindingRule, spec.load()()) for spec in specs)  # the contract tests hold every rule to the door


def exporter(name: str) -> Exporter:
    """Return what writes a format; raises PluginError for an unknown one."""
    spec = discover.find(discover.EXPORTERS, name)
    return cast(Exporter, spec.load()())  # the contract tests hold every exporter to the door


def difference_between(before: Sequence[Report], after: Sequence[Report]) -> Difference:
    """Return what each stage and layer takes more or less in one group of runs than in another; each has a run."""
    from energyprof.report.difference import difference

    return difference(before, after)


def render_difference(name: str, report: Report, found: Difference, **context: Any) -> str | bytes:
    """Return a difference in a format, `diff` or one of those; `context` as `RenderContext` has it."""
    return exporter(name).render(report, RenderContext(difference=found, **context))


def check_budget(reports: Sequence[Report], limits: Sequence[Limit], baseline: Sequence[Report]) -> tuple[Ruling, ...]:
    """Return what the mean of these runs makes of each limit; raises InputError for a name that none of them has."""
    from energyprof.report.budget import judge

    return judge(reports, limits, baseline)


def left_out_of_baseline(report: Report) -> str:
    """Return why a run counts in no baseline, or nothing."""
    from energyprof.report.comparable import why_no_baseline

    return why_no_baseline(report)


def changes_of_program(before: Sequence[Report], after: Sequence[Report]) -> tuple[str, ...]:
    """Return how the program changed since the runs before, and what it was told otherwise, as far as that is known."""
    from energyprof.report.changed_program import changed_program
    from energyprof.report.command_words import other_arguments

    otherwise = other_arguments(before, after)
    return (*changed_program(before, after, "since the baseline"), *([otherwise] if otherwise else []))


def compare_ways(runs: Sequence[tuple[str, Report]], unit: str | None, metric: str | None, **wishes: Any) -> Variants:
    """Return ways to do the same thing set beside each other, each run with the name of its way; `compare_variants`."""
    from energyprof.report.variants import compare_variants, names_of

    grouped = names_of([name for name, _ in runs], [report for _, report in runs])
    return compare_variants(grouped, unit, metric, **wishes)


def render_ways(name: str, report: Report, ways: Variants, **context: Any) -> str | bytes:
    """Return the table in a format, `variants` or one of those; `context` as `RenderContext` has it."""
    return exporter(name).render(report, RenderContext(variants=ways, **context))
