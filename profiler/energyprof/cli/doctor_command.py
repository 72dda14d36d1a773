"""`energyprof doctor`: what can be measured on this machine, what cannot, and what to do about it."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from typing import Any

NAME = "doctor"
SUMMARY = "Say which power sources this machine has, which one a run would use, and what to mend."
EXAMPLES = """\
examples:
  energyprof doctor           a table for people
  energyprof doctor --json    the same for programs

exit status: 0 if a power sensor can be read here, 1 if figures would come from a model.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0 if a measured source exists, else 1."""
    findings = examine()
    if args.json:
        print(json.dumps(findings, indent=2))
    else:
        _print(findings)
    return 0 if any(row["measures"] == "sensor" and row["available"] for row in findings["sources"]) else 1


def examine() -> dict[str, Any]:
    """Return everything the command prints, as JSON-ready values."""
    from energyprof import __version__
    from energyprof.report.renderer import describe_renderer
    from energyprof.run import formats, power_source_findings

    return {
        "energyprof": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "sources": power_source_findings(),
        "renderer": describe_renderer(),
        "formats": [exporter.name for exporter in formats()],
    }


def _print(findings: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    console.print(f"energyprof {findings['energyprof']} · Python {findings['python']} · {findings['platform']}")
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("source", "kind", "usable", "domains or remedy"):
        table.add_column(heading, overflow="fold")
    for row in findings["sources"]:
        usable = "yes" if row["available"] else "no"
        table.add_row(row["name"], row["measures"], usable, Text(_detail(row)))
    console.print(table)
    chosen = ", ".join(row["name"] for row in findings["sources"] if row["used"]) or "nothing"
    console.print(f"a run here would use: {chosen}")
    console.print(f"diagrams: {findings['renderer']}")
    if not any(row["measures"] == "sensor" and row["available"] for row in findings["sources"]):
        console.print("no power sensor can be read here: figures are estimates of a model, and labelled so", style=None)
    sys.stdout.flush()


def _detail(row: dict[str, Any]) -> str:
    if not row["available"]:
        return str(row["reason"])
    return "; ".join(
        f"{domain['id']} from {domain['source']}, error {_error(domain['gain_error'])}" for domain in row["domains"]
    )


def _error(gain_error: tuple[float, float]) -> str:
    below, above = gain_error
    return f"-{below:.0%}/+{above:.0%}" if below or above else "not stated"
