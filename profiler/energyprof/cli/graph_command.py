"""`energyprof graph`: draw the stages of a recorded run, or what changed between two, and say where the picture is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from energyprof.cli.footprint_options import add_footprint_options, assumptions_of
from energyprof.cli.graph_options import add_options, as_options, as_view
from energyprof.cli.recorded_run import add_run_argument, resolve_run
from energyprof.cli.report_command import default_output, open_file, write_file
from energyprof.errors import InputError

if TYPE_CHECKING:
    from energyprof.model.comparison import Comparison
    from energyprof.model.report import Report

NAME = "graph"
SUMMARY = "Draw the hotspot diagram of a recorded run: the pipeline down the spine, the costliest nodes hottest."
EXAMPLES = """\
examples:
  energyprof graph                                    the newest run in this folder, as RUN.svg beside it
  energyprof graph RUN.eprof -o hot.png               as a picture; .dot: Graphviz source; .pdf: for papers
  energyprof graph RUN.eprof --level stage            without the layers of models
  energyprof graph RUN.eprof --level function         down to sampled functions (recorded with --stacks)
  energyprof graph RUN.eprof --domain gpu:0           the energy of one device alone
  energyprof graph RUN.eprof --focus attention        what contains attention, and what that contains
  energyprof graph RUN.eprof --ignore 'eval|save'     without these
  energyprof graph RUN.eprof --group-repeats          encoder.layer.0 to .11 as one node
  energyprof graph RUN.eprof --metric per-call        hot is what costs most each time
  energyprof graph NEW.eprof --diff OLD.eprof         what costs more or less than in OLD, and whether that is chance
  energyprof graph RUN.eprof --region FR --price 0.25 grams of CO2e and money above the diagram
  energyprof graph RUN.eprof -o run.graphml           for Gephi, yEd, networkx; .json: node-link

--focus, --ignore, --node-fraction, --edge-fraction, --node-count and --trim mean what they mean in pprof: percentages
stay those of the whole run. Files of .json and .graphml hold every node of the view; nothing is folded there.
"""
FORMATS = {"svg": "svg", "png": "png", "dot": "dot", "pdf": "pdf", "json": "graph-json", "graphml": "graphml"}
"""Suffix of the file -> exporter."""
DRAWN = {"svg", "png", "pdf"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_argument(parser)
    add_options(parser)
    add_footprint_options(parser)


def run(args: argparse.Namespace) -> int:
    """Draw the diagram and say where it is; 0, or an error's own status."""
    options = as_options(args)
    path = resolve_run(args.run)
    output = Path(args.output) if args.output else default_output(path, "svg")
    suffix = output.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise InputError(f"cannot tell the format of {output}; end it in .{', .'.join(FORMATS)}")
    if args.theme == "dark" and suffix != "svg":
        raise InputError(f"only SVG has a dark theme, {output} has none; write FILE.svg, or leave out --theme")
    from energyprof.run import compare_reports, load, views_to_compare

    assumptions = assumptions_of(args)
    shown = load(path)
    shown.assumptions = assumptions
    earlier = None if args.diff is None else load(resolve_run(args.diff))
    told_by_functions = all(one.is_told_by_functions for one in (shown, earlier) if one is not None)
    is_pictured = suffix in DRAWN | {"dot"}
    view = as_view(args, "function" if told_by_functions else "layer", is_pictured=is_pictured)
    if earlier is None:
        report, comparison = shown.view(view), None
    else:
        before, report = views_to_compare(earlier, shown, view)
        comparison = compare_reports(before, report)
    print(draw(report, output, options, comparison))
    if args.open:
        open_file(output)
    return 0


def draw(report: Report, output: Path, options: dict[str, str], comparison: Comparison | None = None) -> str:
    """Write the graph and return the line that says so; without a renderer the Graphviz source is written instead."""
    from energyprof.run import draw_graph

    suffix = output.suffix.lower().removeprefix(".")
    try:
        write_file(output, draw_graph(FORMATS[suffix], report, options, comparison))
    except LookupError as missing:
        if suffix not in DRAWN:
            raise
        source = output.with_suffix(".dot")
        write_file(source, draw_graph("dot", report, options, comparison))
        return f"{source} (not drawn: {missing}; draw it with: dot -T{suffix} {source} -o {output})"
    return str(output)
