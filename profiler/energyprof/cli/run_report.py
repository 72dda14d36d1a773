"""What `energyprof run` shows at the end: the report, the diagram, where both are. It never fails the run."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from energyprof.cli import terminal
from energyprof.cli.analysis_bar import AnalysisBar
from energyprof.errors import EnergyprofError

if TYPE_CHECKING:
    from energyprof.model.footprint_rows import Assumptions
    from energyprof.remembering import Memory
    from energyprof.run import Run


class Wishes(NamedTuple):
    """What is to be shown."""

    is_quiet: bool
    has_graph: bool
    memory: Memory | None = None
    """None: nothing is remembered."""
    footprint: Mapping[str, str | None] = {}
    """What flags say of carbon and cost."""


def show_report(path: str, wishes: Wishes) -> str:
    """Analyse the run, print its report and draw its diagram; return one line saying what went wrong, or nothing."""
    try:
        return _show(Path(path), wishes)
    except KeyboardInterrupt:
        return f"interrupted; the recording is kept: energyprof report {_shown(path)}"
    except EnergyprofError as error:
        return str(error)
    except OSError as error:
        return f"the report cannot be shown: {error}; the recording is kept: energyprof report {_shown(path)}"
    except Exception as error:  # the program has done its work, and no fault of ours may change its exit status
        if os.environ.get("ENERGYPROF_DEBUG"):
            raise
        return (
            f"internal error in the analysis: {type(error).__name__}: {error}; the recording is kept in "
            f"{_shown(path)}; please report it with the output under ENERGYPROF_DEBUG=1"
        )


def preloads(wishes: Wishes) -> tuple[Callable[[], None], ...]:
    """Return what imports parts of ours while the program still runs: first what will be needed in any case."""
    if wishes.is_quiet and not wishes.has_graph:
        return _load_analysis, _load_fit
    return lambda: _load_report(wishes), _load_flows, _load_fit


def _load_analysis() -> None:
    import energyprof.run  # noqa: F401


def _load_report(wishes: Wishes) -> None:
    import energyprof.assumptions
    import energyprof.graph.build
    import energyprof.report.build  # noqa: F401
    from energyprof.run import exporter, rules

    if not wishes.is_quiet:
        exporter("terminal")
        rules()
    if wishes.has_graph:
        exporter("svg")


def _load_flows() -> None:
    """Import what a flow of data needs besides; whether there is one, the recording alone knows."""
    import energyprof.graph.directed  # noqa: F401


def _load_fit() -> None:
    """Import what readings of a sensor need besides; which sensors are read, the collector alone knows."""
    from energyprof.attribute.inference import sensor  # noqa: F401


def _show(path: Path, wishes: Wishes) -> str:
    """Show what is wished for; return what of it could not be, or nothing."""
    from energyprof.run import analyse

    gc.disable()  # nothing of what comes is garbage before we end, and looking for it costs a tenth of the time
    is_shown = not wishes.is_quiet
    with AnalysisBar(sys.stderr, is_shown and terminal.is_terminal(sys.stderr)) as bar:
        run = analyse(path, bar.tell)
    faults = [] if wishes.memory is None else _remember(run, path, wishes.memory)
    if is_shown:
        run.assumptions, fault = _assumptions(wishes.footprint)
        faults += [fault] if fault else []
        text = run.render(
            "terminal",
            width=terminal.width(),
            color=terminal.color("auto", sys.stderr),
            unicode=terminal.unicode(sys.stderr),
            options={"run": _shown(path)},
        )
        terminal.write(text, sys.stderr)
    drawn = _draw(run, path) if wishes.has_graph else []
    if is_shown:
        places = [f"recording {_shown(path)}", *([f"diagram {' and '.join(drawn)}"] if drawn else [])]
        terminal.write(f"{' · '.join(places)}\n", sys.stderr)
    return "; ".join(faults)


def _remember(run: Run, path: Path, memory: Memory) -> list[str]:
    """Keep the run for later ones to be held against; return what went wrong: the report is shown all the same."""
    try:
        run.recall(memory.after(run.report(), str(path.absolute())))
    except EnergyprofError as error:
        return [f"this run is not remembered: {error}"]
    return []


def _assumptions(flags: Mapping[str, str | None]) -> tuple[Assumptions, str]:
    """Return what turns joules into grams and money, or what is wrong with it: the report is shown all the same."""
    from energyprof.assumptions import assumptions_said
    from energyprof.model.footprint_rows import Assumptions

    try:
        return assumptions_said(flags), ""
    except EnergyprofError as error:
        return Assumptions(), f"no carbon and cost in the report: {error}"


def _draw(run: Run, path: Path) -> list[str]:
    """Write the diagram as SVG and PNG beside the recording, or as Graphviz source where nothing can draw it."""
    source = str(run.render("dot"))
    run.report()
    with ThreadPoolExecutor(2) as drawing:  # the renderer is a program of its own: both draw at once
        tasks = {suffix: drawing.submit(run.render, suffix, options={"source": source}) for suffix in ("svg", "png")}
    try:
        drawings = {suffix: task.result() for suffix, task in tasks.items()}
    except LookupError:
        drawings = {"dot": source}
    written = []
    for suffix, content in drawings.items():
        data = content.encode() if isinstance(content, str) else content
        written.append(_shown(_write_new(path, suffix, data)))
    return written


def _write_new(path: Path, suffix: str, data: bytes) -> Path:
    """Write to a file of the recording's name; one that is there already belongs to somebody else."""
    for number in range(1, 1000):
        place = path.with_suffix(f".{suffix}" if number == 1 else f".{number}.{suffix}")
        try:
            with place.open("xb") as stream:
                stream.write(data)
        except FileExistsError:
            continue
        return place
    raise FileExistsError(f"no free name for {path.with_suffix('.' + suffix)}")


def _shown(path: Path | str) -> str:
    """Return the path as a person in this folder would write it."""
    try:
        near = os.path.relpath(path)
    except OSError:  # the current folder has been deleted
        return str(path)
    return str(path) if near.startswith(os.pardir) else near
