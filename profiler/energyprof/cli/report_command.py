"""`energyprof report`: print a recorded run in any format."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.footprint_options import HELP, add_footprint_options, assumptions_of
from energyprof.cli.recorded_run import add_run_argument, resolve_run
from energyprof.errors import InputError
from energyprof.interfaces import ComparisonExporter, Exporter

NAME = "report"
SUMMARY = "Print the report of a recorded run: where the joules went, how sure that is, and the ledger that closes."
EXAMPLES = f"""\
examples:
  energyprof report                             the newest run in this folder
  energyprof report RUN.eprof --format json     every figure, schema energyprof-report/1
  energyprof report RUN.eprof -o report.json    the ending says the format: .html, .csv, .md, .svg and more
  energyprof report --region FR --price '0.25 EUR'   grams of CO2e and money besides joules
  energyprof report RUN.eprof --format html --open       one page with everything, RUN.html, in the browser
  energyprof report RUN.eprof --format chrome -o run.trace.json      spans and power over time, for Perfetto
  energyprof report RUN.eprof --format markdown | gh pr comment -F -  the costliest stages, for a pull request
  energyprof report --format list               the formats, and what opens each

{HELP}"""


ENDINGS = {
    ".txt": "terminal",
    ".html": "html",
    ".json": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".prom": "prometheus",
    ".svg": "svg",
    ".png": "png",
    ".dot": "dot",
    ".pdf": "pdf",
    ".speedscope.json": "speedscope",
    ".trace.json": "chrome",
    ".firefox.json": "firefox",
    ".folded": "folded",
    ".graphml": "graphml",
}
"""Of files whose name says what they hold; the longest that fits counts."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_run_argument(parser)
    parser.add_argument(
        "-f", "--format", metavar="NAME", help="format (default: that of FILE's ending, else terminal); list: all"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE, in the format that its ending says")
    parser.add_argument(
        "--open", action="store_true", help="have the desktop show the file; without -o it is written beside the run"
    )
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")
    add_footprint_options(parser)
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour (default: auto)")


def run(args: argparse.Namespace) -> int:
    """Print the report; 0, or an error's own status."""
    from energyprof.run import exporter, formats, load

    if args.format == "list":
        print("\n".join(_list(formats())))
        return 0
    args.format = args.format or ("terminal" if args.output is None else format_of(Path(args.output)))
    wanted = exporter(args.format)
    if isinstance(wanted, ComparisonExporter):
        raise InputError(f"--format {args.format} is of several runs; it is written by: {wanted.command}")
    path = resolve_run(args.run)
    assumptions = assumptions_of(args)
    recorded = load(path)
    recorded.assumptions = assumptions
    output = _output(args, path, wanted.suffix)
    to_file = output is not None
    try:
        content = recorded.render(
            args.format,
            width=terminal.width(args.width),
            color=not to_file and terminal.color(args.color, sys.stdout),
            unicode=to_file or terminal.unicode(sys.stdout),
            options={"run": str(path)},
        )
    except LookupError as missing:
        raise InputError(str(missing)) from missing
    if output is not None:
        write_file(output, content)
        if args.open:
            print(output)
            open_file(output)
        return 0
    if isinstance(content, bytes) and terminal.is_terminal(sys.stdout):
        raise InputError(f"--format {args.format} is no text; add -o FILE")
    terminal.write(content, sys.stdout)
    return 0


def _list(known: Sequence[Exporter]) -> list[str]:
    """Return a line for each format that is of one run, then those of several with the command that writes each."""
    own = [one for one in known if not isinstance(one, ComparisonExporter)]
    others = [one for one in known if isinstance(one, ComparisonExporter)]
    widths = [max(len(getattr(one, field)) for one in known) for field in ("name", "suffix")]
    rows = [(one.name, one.suffix, one.summary) for one in own]
    rows_of_others = [(one.name, one.suffix, one.command) for one in others]
    lines, other_lines = (
        [f"{name:{widths[0]}}  {suffix:{widths[1]}}  {text}" for name, suffix, text in found]
        for found in (rows, rows_of_others)
    )
    return [*lines, *(["of several runs, each written by a command of its own:", *other_lines] if others else [])]


def _output(args: argparse.Namespace, run_path: Path, suffix: str) -> Path | None:
    """Return the file to write; None: standard output."""
    if args.output is not None:
        return Path(args.output)
    return default_output(run_path, suffix.removeprefix(".")) if args.open else None


def format_of(output: Path) -> str:
    """Return the format that the ending of a file says; raises InputError where it says none."""
    from energyprof.run import formats

    if output.exists() and not output.is_file():
        return "terminal"  # a pipe, a terminal: nothing that somebody opens by its ending
    endings = {suffix: name for suffix, name in ENDINGS.items() if output.name.lower().endswith(suffix)}
    if endings:
        return endings[max(endings, key=len)]
    refuse_recording(output)
    known = {exporter.name for exporter in formats()}
    told = ", ".join(suffix for suffix, name in ENDINGS.items() if name in known)
    raise InputError(f"{output}: end it in {told}, or say --format")


def columns(text: str) -> int:
    """Return the number asked for; raises ArgumentTypeError, whose message argparse shows with the option's name."""
    columns = int(text) if text.isascii() and text.isdigit() else 0
    if not terminal.NARROWEST <= columns <= terminal.WIDEST:
        raise argparse.ArgumentTypeError(f"{text} is no number of columns from 60 to 200")
    return columns


def write_file(path: Path, content: str | bytes) -> None:
    """Write a rendering to a file, over an earlier one but never over a recording; raises InputError with a remedy."""
    refuse_recording(path)
    try:
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another place with -o") from error


def refuse_recording(path: Path) -> None:
    """Raise InputError where a file to be written is a recording."""
    from energyprof.capture.open_file import has_sidecar, is_recording

    if is_recording(path) or (path.exists() and has_sidecar(path, "-wal")):
        raise InputError(f"{path} is a recording and is never overwritten; choose another name with -o")


def default_output(run_path: Path, suffix: str) -> Path:
    """Return RUN.svg beside the run, or in the temporary folder where that place cannot be written."""
    beside = run_path.with_suffix(f".{suffix}")
    if os.access(beside.parent, os.W_OK):
        return beside
    return Path(tempfile.gettempdir()) / beside.name


def open_file(path: Path) -> None:
    """Have the desktop show a file; raises InputError where it has no program for that, or there is no file."""
    import webbrowser

    if not path.exists():
        raise InputError(f"{path} was not drawn and cannot be opened")
    if not webbrowser.open(path.absolute().as_uri()):
        raise InputError(f"no program was found that opens {path}; open it yourself")
