"""The options of `energyprof graph`, by the names that pprof's users know."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energyprof.model.view import Level, View

NODES = 40
"""Boxes of a diagram where nobody says how many."""
LEVELS = ("stage", "layer", "function")
THEMES = ("auto", "light", "dark")
METRICS = ("self", "total", "embodied", "time", "per-call")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="FILE.svg, .png, .pdf, .dot, .json or .graphml (default: RUN.svg)"
    )
    parser.add_argument("--open", action="store_true", help="open the file when it is written")
    parser.add_argument(
        "--diff", metavar="BEFORE", help="show what changed from the run BEFORE to RUN, and what of it is significant"
    )
    parser.add_argument(
        "--theme",
        choices=THEMES,
        default="auto",
        help="of FILE.svg: auto, as each reader prefers (default), light or dark",
    )
    what = parser.add_argument_group("what is shown")
    what.add_argument(
        "--level", choices=LEVELS,
        help="stage: layers count to their stage; layer: both (default); function: sampled functions, too (default "
        "where a run has neither stages nor layers)",
    )  # fmt: skip
    what.add_argument(
        "--domain", default="all", metavar="ID", help="gpu:0, cpu:0:package, ... or a family: cpu, gpu (default: all)"
    )
    what.add_argument("--focus", default="", metavar="RE", help="only stages that match, with all below them")
    what.add_argument("--ignore", default="", metavar="RE", help="without stages that match and all below them")
    what.add_argument(
        "--group-repeats", action="store_true", help="like siblings (encoder.layer.*) as one node, dear ones apart"
    )
    what.add_argument("--each-trial", action="store_true", help="trials of a search one by one, not as one node")
    what.add_argument(
        "--metric", choices=METRICS, default="self", help="what makes a node hot and large (default: self)"
    )
    size = parser.add_argument_group("how much is drawn (the rest is folded, with its joules)")
    size.add_argument("--node-count", type=count, default=None, metavar="N", help="about how many nodes (default: 40)")
    size.add_argument(
        "--node-fraction", type=fraction, metavar="F",
        help="fold nodes below this part of all stage energy (default: 0.005, where not all fit)",
    )  # fmt: skip
    size.add_argument(
        "--edge-fraction", type=fraction, metavar="F",
        help="leave out arrows that carry less than this part of all energy (default: 0.001, where not all fit)",
    )  # fmt: skip
    size.add_argument(
        "--trim", nargs="?", const="true", default="true", choices=("true", "false"),
        help="--trim=false: draw up to 400 nodes however small",
    )  # fmt: skip


def as_view(args: argparse.Namespace, natural: Level = "layer", *, is_pictured: bool = False) -> View:
    """Return what of a run is asked for: in its `natural` detail, unless another is asked for.

    `is_pictured`: functions are chosen so that a picture can be read, unless all of them are asked for.
    """
    from energyprof.model.view import View

    level: Level = args.level or natural
    is_chosen = is_pictured and level == "function" and args.trim != "false" and args.node_fraction is None
    return View(
        level=level, domain=args.domain, focus=args.focus, ignore=args.ignore, each_trial=args.each_trial,
        functions=max((args.node_count or NODES) - 1, 1) if is_chosen else None,
    )  # fmt: skip


def as_options(args: argparse.Namespace) -> dict[str, str]:
    """Return what is asked of the exporters."""
    options = {"metric": args.metric, "trim": args.trim}
    for name, value in (("nodes", args.node_count), ("node_fraction", args.node_fraction)):
        options |= {} if value is None else {name: str(value)}
    options |= {} if args.theme == "auto" else {"theme": args.theme}
    options |= {} if args.edge_fraction is None else {"edge_fraction": str(args.edge_fraction)}
    return options | ({"group": "repeats"} if args.group_repeats else {})


def count(text: str) -> int:
    """Return a number of nodes; raises ArgumentTypeError, whose message argparse shows with the option's name."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of nodes from 1 on")
    return number


def fraction(text: str) -> float:
    """Return a part of the whole; raises ArgumentTypeError as above."""
    try:
        part = float(text)
    except ValueError:
        part = -1.0
    if not 0 <= part <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no part from 0 to 1")
    return part
