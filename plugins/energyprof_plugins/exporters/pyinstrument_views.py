"""The sampled stacks as pyinstrument shows them, with joules in place of seconds: console, web page and speedscope.

pyinstrument lays out a session of samples, each a stack with a weight; here the weight is what was spent in the stack.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final

from energyprof.interfaces import RenderContext
from energyprof.model.call_tree import CallTree
from energyprof.model.report import Report
from energyprof_plugins.exporters.account import microjoules
from energyprof_plugins.exporters.figures import joules, percent
from energyprof_plugins.exporters.footprint_note import footprint_note
from energyprof_plugins.exporters.visible import program_name, visible

NO_SAMPLES: Final = "no functions were sampled in this run; record it with: energyprof run --stacks"
MOST_STACKS: Final = 50_000
"""A page of more is slow to open; the cheapest are shown as one."""
SHOWN_AS: Final = {
    "CPU utilization:": "Part of the run's energy:",
    "Absolute time in seconds": "Absolute energy in joules",
    "Percentage of the total run time": "Percentage of the energy shown",
}
"""What the page calls things, and what they are here."""


FOREIGN: Final = re.compile(r"https://fonts\.googleapis\.com/[^\"'`)]*")
"""Fonts that the page would load from elsewhere; it has others to fall back on."""


class PyinstrumentConsole:
    """Print the call tree with the joules of each call."""

    name = "pyinstrument"
    suffix = ".txt"
    summary = "sampled functions with their joules as a call tree, by pyinstrument"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the text."""
        tree = context.calls()
        if tree is None or not len(tree.node):
            return f"{NO_SAMPLES}\n"
        from pyinstrument.renderers import ConsoleRenderer

        preamble = f"\n{_title(report, tree)}\n{_said(report, tree)}\n\n"

        class JouleRenderer(ConsoleRenderer):  # type: ignore[misc]  # pyinstrument ships no types that mypy follows
            """Call numbers joules: they are weights, whatever pyinstrument takes them for."""

            def render_preamble(self, _session: Any) -> str:
                return preamble

            def frame_description(self, frame: Any, *, precision: int = 3, override_time: float | None = None) -> str:
                text = super().frame_description(frame, precision=precision, override_time=override_time)
                energy_j = frame.time if override_time is None else override_time
                return str(
                    re.sub(r"^((?:\033\[[\d;]*m)*)[\d.]+", lambda found: found[1] + joules(energy_j), text, count=1)
                )

        renderer = JouleRenderer(unicode=context.unicode, color=context.color)
        text = str(renderer.render(_session(report, tree, _plain_names(tree), 1e-6)))
        return text if context.unicode else text.encode("ascii", "backslashreplace").decode()


class PyinstrumentHtml:
    """Write pyinstrument's page; each function is labelled with the joules of that call and all it called."""

    name = "pyinstrument-html"
    suffix = ".html"
    summary = "sampled functions with their joules as pyinstrument's web page"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the page, which loads nothing."""
        tree = context.calls()
        if tree is None or not len(tree.node):
            return (
                f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>energyprof</title><p>{NO_SAMPLES}</p>\n'
            )
        from pyinstrument.renderers import HTMLRenderer
        from pyinstrument.renderers.html import JSONForHTMLRenderer

        session = _session(report, tree, _labelled_names(tree), 1e-6)
        page, content = HTMLRenderer().render(session), JSONForHTMLRenderer().render(session)
        before, found, after = page.partition(content)
        for text, meant in SHOWN_AS.items():
            before = before.replace(text, meant)
        before = FOREIGN.sub("data:text/css,", before)
        # A name may hold `</script>`: within strings the letter `<` can be written so that no tag begins.
        return f"{before}{found.replace('<', chr(92) + 'u003c')}{after.rstrip()}\n"


class PyinstrumentSpeedscope:
    """Write the stacks for speedscope, in millijoules: its units are of time or memory, so this one is none."""

    name = "pyinstrument-speedscope"
    suffix = ".speedscope.json"
    summary = "sampled functions with their millijoules for speedscope, by pyinstrument"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the document."""
        from pyinstrument.renderers import SpeedscopeRenderer

        tree = context.calls() or CallTree.none()
        document = json.loads(SpeedscopeRenderer().render(_session(report, tree, _plain_names(tree), 1e-3)))
        for profile in document["profiles"]:
            profile |= {"unit": "none", "name": f"energy (mJ) of {visible(program_name(report.run.command))}"}
        document["name"] = f"{_title(report, tree)}; {_said(report, tree)}" if len(tree.node) else NO_SAMPLES
        document["exporter"] = "energyprof, by pyinstrument"
        return f"{json.dumps(document)}\n"


def _title(report: Report, tree: CallTree) -> str:
    energy_j = int(tree.energy_uj.sum()) / 1e6
    spent_j = report.measured.energy_j or 0.0
    share = f", {percent(energy_j / spent_j)} of the run's {joules(spent_j)}" if spent_j > 0 else ""
    return f"{visible(program_name(report.run.command))}: {joules(energy_j)} in sampled functions{share}"


def _said(report: Report, tree: CallTree) -> str:
    """Return how the figures came about: joules of a call with all it called, by samples."""
    ways = dict.fromkeys(row.provenance for row in report.functions)
    how = ", ".join(ways) or "inferred"
    count = int(tree.samples.sum())
    said = f"joules of each call with all it called, {how} from {count} samples; intervals: energyprof report"
    note = footprint_note(report)
    return f"{said}; the whole run: {note}" if note else said


def _session(report: Report, tree: CallTree, names: list[str], scale: float) -> Any:  # pyinstrument's own type
    """Return the stacks as samples, weights in microjoules times `scale`, like calls together."""
    from pyinstrument.frame import DUMMY_ROOT_FRAME_IDENTIFIER
    from pyinstrument.session import Session

    records = _records(tree, names, scale)
    energy = sum(weight for _, weight in records)
    spent = microjoules(report.measured.energy_j) * scale
    start = report.run.start
    return Session(
        frame_records=records,
        start_time=datetime.fromisoformat(start).timestamp() if start else 0.0,
        duration=energy,
        min_interval=0.001,
        max_interval=0.001,
        sample_count=int(tree.samples.sum()),
        start_call_stack=[
            DUMMY_ROOT_FRAME_IDENTIFIER,
            *(records[0][0][:1] if records else []),
        ],  # where the tree begins
        target_description=f"{_title(report, tree)}; {_said(report, tree)}",
        cpu_time=energy * energy / spent if spent > 0 else 0.0,  # the page shows it by `duration`
        sys_path=_folders(tree),
        sys_prefixes=_prefixes(tree),
    )


def _records(tree: CallTree, names: list[str], scale: float) -> list[tuple[list[str], float]]:
    weights: dict[tuple[int, ...], int] = {}
    for node, energy_uj in zip(tree.node.tolist(), tree.energy_uj.tolist(), strict=True):
        calls = _calls_above(tree, node)
        weights[calls] = weights.get(calls, 0) + energy_uj
    kept = sorted(weights, key=lambda calls: (-weights[calls], calls))[:MOST_STACKS]
    records = [
        ([names[call] for call in calls], weights[calls] * scale) for calls in sorted(kept) if weights[calls] > 0
    ]
    left_uj = sum(weights.values()) - sum(weights[calls] for calls in kept)
    if left_uj > 0:
        records.append(([f"{len(weights) - len(kept)} cheaper stacks\x00<folded>\x000"], left_uj * scale))
    return records


def _calls_above(tree: CallTree, node: int) -> tuple[int, ...]:
    """Return the calls from the outermost one to this one."""
    found = []
    while node >= 0:
        found.append(node)
        node = int(tree.parent[node])
    return tuple(reversed(found))


def _plain_names(tree: CallTree) -> list[str]:
    """Return per call the words by which pyinstrument knows a function."""
    functions = [f"{visible(one.name)}\x00{visible(one.file)}\x00{one.line}" for one in tree.functions]
    return [functions[function] for function in tree.function.tolist()]


def _labelled_names(tree: CallTree) -> list[str]:
    total_uj = [0] * len(tree.parent)
    for node, energy_uj in zip(tree.node.tolist(), tree.energy_uj.tolist(), strict=True):
        total_uj[node] += energy_uj
    parents = tree.parent.tolist()
    for call in range(len(parents) - 1, -1, -1):  # parents stand first
        if parents[call] >= 0:
            total_uj[parents[call]] += total_uj[call]
    return [
        f"{name.partition(chr(0))[0]} \u00b7 {joules(energy_uj / 1e6)}\x00{name.partition(chr(0))[2]}"
        for name, energy_uj in zip(_plain_names(tree), total_uj, strict=True)
    ]


def _prefixes(tree: CallTree) -> list[str]:
    """Return the folders of the interpreters whose libraries were seen: what lies there is not the program's own."""
    places = (re.match(r"(.+?)[/\\]lib[/\\]python3", function.file) for function in tree.functions)
    return sorted({place.group(1) for place in places if place})


def _folders(tree: CallTree) -> list[str]:
    """Return the folders of libraries that were seen, and those of outermost functions: paths are shown from there."""
    inside = r"(.+?[/\\]lib[/\\]python3[^/\\]*(?:[/\\]site-packages)?)[/\\]"
    places = (re.match(inside, function.file) for function in tree.functions)
    outermost = {
        tree.functions[function].file
        for function, above in zip(tree.function.tolist(), tree.parent.tolist(), strict=True)
        if above < 0
    }
    folders = {str(PurePath(file).parent) for file in outermost if PurePath(file).is_absolute()}
    return sorted({place.group(1) for place in places if place} | folders)
