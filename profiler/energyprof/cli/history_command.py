"""`energyprof history`: the runs that were remembered, what repeated what, and what that cost."""

from __future__ import annotations

import argparse
import re
import sys
import time
from datetime import datetime
from pathlib import Path

from energyprof.cli import terminal
from energyprof.cli.file_endings import TABLES, format_asked
from energyprof.cli.report_command import columns, write_file
from energyprof.errors import InputError

NAME = "history"
SUMMARY = "List the runs that were remembered, sum up what repetition cost, and forget them."
EXAMPLES = """\
examples:
  energyprof run --remember train.py      remember a run, and say whether it repeats an earlier one
  energyprof history                      the runs, newest last, and what repeating cost
  energyprof history --format json        the same for programs, trials too
  energyprof history forget 3f2a91c4      one run, by its id (or the beginning of it)
  energyprof history forget --all         everything
  energyprof history prune --older-than 90   what is more than 90 days old
  energyprof history prune --keep 500        all but the newest 500

A run repeats another of the same program (script and the modules of its own that it imports), arguments and data that
came to its end. Those that failed, and the runs of one `--runs` or sweep, repeat nothing. A program that draws at
random is repeated for a reason: where it told other figures (energyprof.metric), the run is summed up apart.
The file is history.jsonl in energyprof/ below XDG_STATE_HOME (~/.local/state), a line for each run, yours alone.
"""
ACTIONS = ("list", "forget", "prune")
ROWS = 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the action and the options."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list", help="what to do (default: list)")
    parser.add_argument("ids", nargs="*", metavar="ID", help="the runs to forget")
    parser.add_argument("--all", action="store_true", help="forget every run")
    parser.add_argument("--older-than", type=_whole, metavar="DAYS", help="prune runs older than this")
    parser.add_argument("--keep", type=_whole, metavar="N", help="prune all but the newest N")
    parser.add_argument("--rows", type=_whole, metavar="N", help=f"runs to list, the newest (default: {ROWS})")
    parser.add_argument("-f", "--format", choices=("table", "json"), help="default: table, or what FILE ends in")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--width", type=columns, metavar="N", help="columns, 60 to 200 (default: the terminal's)")


def run(args: argparse.Namespace) -> int:
    """Do it; 0, or an error's own status."""
    _check(args)
    format_asked(args.format, args.output, TABLES)  # before anything is forgotten
    text = {"list": _list, "forget": _forget, "prune": _prune}[args.action](args)
    if args.output is not None:
        write_file(Path(args.output), text)
    else:
        terminal.write(text if terminal.unicode(sys.stdout) else text.replace("\u00b5", "u"), sys.stdout)
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.action != "forget" and (args.ids or args.all):
        raise InputError("ids and --all are of forget: energyprof history forget ID")
    if args.action == "forget" and bool(args.ids) == args.all:
        raise InputError("say what to forget: ids of energyprof history, or --all")
    is_said = args.older_than is not None or args.keep is not None
    if (args.action == "prune") != is_said:
        raise InputError("--older-than DAYS and --keep N are of prune, which needs one of them")


def _list(args: argparse.Namespace) -> str:
    from energyprof.cli import history_page
    from energyprof.remembering import run_store

    store = run_store()
    kept = store.all()
    if format_asked(args.format, args.output, TABLES) == "json":
        return history_page.document(kept, store.path)
    return history_page.page(kept, store.path, args.rows or ROWS, terminal.width(args.width))


def _forget(args: argparse.Namespace) -> str:
    from energyprof.remembering import run_store

    store = run_store()
    if args.all:
        return _told(store.keep_if(lambda _: False))
    known = [one.id for one in store.all().runs]
    for wanted in args.ids:
        found = [id_ for id_ in known if id_.startswith(wanted)]
        if len(found) != 1 or not re.fullmatch("[0-9a-f]+", wanted):
            which = "no run" if not found else f"{len(found)} runs"
            raise InputError(f"{which} {wanted} in {store.path or 'the history'}; energyprof history lists their ids")
    return _told(store.keep_if(lambda run: not run.id.startswith(tuple(args.ids))))


def _prune(args: argparse.Namespace) -> str:
    from energyprof.remembering import run_store

    store = run_store()
    kept = {run.id for run in store.all().runs[-args.keep :]} if args.keep else set()
    oldest_s = None if args.older_than is None else time.time() - args.older_than * 86_400.0
    return _told(
        store.keep_if(
            lambda run: (
                (args.keep is None or run.id in kept) and (oldest_s is None or _time_s(run.start, oldest_s) >= oldest_s)
            )
        )
    )


def _time_s(start: str, unknown_s: float) -> float:
    """Return when a run began, in seconds of Unix time; what is no time is never too old."""
    try:
        return datetime.fromisoformat(start).timestamp()
    except (ValueError, OverflowError, OSError):
        return unknown_s


def _told(count: int) -> str:
    return f"{count} {'run' if count == 1 else 'runs'} forgotten\n"


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text} is no whole number of 0 or more")
    return int(text)
