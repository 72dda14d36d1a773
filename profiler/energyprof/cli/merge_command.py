"""`energyprof merge`: join the recordings of several hosts."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from energyprof.errors import InputError
from energyprof.model.shell import in_shell

NAME = "merge"
SUMMARY = "Join recordings that several hosts made of one program at the same time."
EXAMPLES = """\
examples:
  energyprof merge node0.eprof node1.eprof -o all.eprof
  energyprof merge a=run.eprof b=other/run.eprof -o all.eprof    hosts of the same name, or without one
  energyprof merge n0.eprof n1.eprof --offset n1=-0.25           n1's clock is a quarter of a second fast

Each host keeps its own power domains (`node0/gpu:0`), processes and ledger; stages with the same id are one stage, and
ranks stand in one table. Clocks are matched by wall clock: how well that is kept shows in the order of things between
hosts and in no energy. The recordings stay as they are. `report`, `graph` and `layers` read the result.
"""
_SECONDS = re.compile(r"[+-]?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("parts", metavar="[HOST=]RUN", nargs="+", help="a .eprof file; HOST: the name of its host")
    parser.add_argument("-o", "--output", metavar="FILE", default="merged.eprof", help="default: merged.eprof")
    parser.add_argument(
        "--offset",
        metavar="HOST=SECONDS",
        action="append",
        default=[],
        type=_offset,
        help="add SECONDS to the clock of HOST; for as many hosts as needed",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Merge and say what came of it; 0, or an error's own status."""
    from energyprof.cli import terminal
    from energyprof.cli.progress_line import ProgressLine
    from energyprof.merging import MergeRequest, merge

    parts = tuple(_part(text) for text in args.parts)
    if len(parts) < 2:
        raise InputError("one recording is nothing to merge; name those of all hosts")
    request = MergeRequest(parts, Path(args.output), dict(args.offset))
    line = ProgressLine("merging", is_wanted=not args.quiet and terminal.is_terminal(sys.stderr))
    try:
        done = merge(request, line.tell)
    finally:
        line.clear()
    if not args.quiet:
        for warning in done.warnings:
            print(f"energyprof: {warning}", file=sys.stderr)
        spans, domains = done.counts
        ranks = f", {done.ranks} ranks" if done.ranks else ""
        print(
            f"merged {len(done.hosts)} hosts ({', '.join(done.hosts)}){ranks}, {domains} power domains and "
            f"{spans:,} spans; see them with: energyprof report {in_shell(str(done.path))}"
        )
    return 0


def _part(text: str) -> tuple[str, Path]:
    """Return host and file; a file whose own name has a `=` in it is that file."""
    name, mark, path = text.partition("=")
    place, host = (Path(path), name) if mark and name and not Path(text).exists() else (Path(text), "")
    if not place.exists():
        raise InputError(f"no file {place}; name a .eprof file, or HOST=FILE")
    if not place.is_file():
        raise InputError(f"{place} is no file; name a .eprof file, or HOST=FILE")
    return host, place


def _offset(text: str) -> tuple[str, int]:
    host, _, seconds = text.rpartition("=")
    if not host or not _SECONDS.fullmatch(seconds):
        raise argparse.ArgumentTypeError(f"{text} is not HOST=SECONDS; try: --offset node1=-0.25")
    sign = -1 if seconds.startswith("-") else 1
    whole, _, part = seconds.lstrip("+-").partition(".")
    return host, sign * (int(whole or 0) * 1_000_000_000 + int(part.ljust(9, "0")))
