"""`energyprof recover`: finish a run whose collector was killed."""

from __future__ import annotations

import argparse
from pathlib import Path

NAME = "recover"
SUMMARY = "Finish a run whose collector was killed: what it had stored and what the program went on to record."
EXAMPLES = """\
examples:
  energyprof recover /tmp/energyprof-1f0c2a9b     the folder that `energyprof run` says it has kept
  energyprof recover RUN.eprof                    the same by its recording, unfinished or empty
  energyprof recover RUN.eprof -o whole.eprof     into another file: a full disk, a folder that cannot be written

The folder is removed once everything in it is in the recording. `energyprof report FOLDER` recovers and reports.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("place", metavar="FOLDER|RUN", help="the run folder, or the .eprof file")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the finished recording to FILE")


def run(args: argparse.Namespace) -> int:
    """Recover the run and say where it is; 0, or an error's own status."""
    from energyprof.recovery import recover

    done = recover(Path(args.place), None if args.output is None else Path(args.output))
    if done.was_finished:
        print(f"{done.path} is complete: there is nothing to do")
    else:
        print(f"recovered {done.spans:,} spans; see them with: energyprof report {done.path}")
    return 0
