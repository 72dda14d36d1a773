"""Parts of the JSON report as documents of their own: what `findings` and `trials` print for programs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from energyprof.run import Run


FORMATS = ("text", "json")
ENDINGS = {".txt": "text", ".json": "json"}


def add_format_options(parser: argparse.ArgumentParser) -> None:
    """Add `--format` and `--output`."""
    parser.add_argument("-f", "--format", choices=FORMATS, help="default: text; of a FILE.json, that")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of standard output")


def part_document(run: Run, path: Path, part: str) -> dict[str, Any]:  # JSON
    """Return a part of a run's JSON report with the run it is of, and the footprint of the whole run."""
    document = json.loads(run.render("json"))
    return {"run": str(path), part: document[part], "footprint": document["footprint"]}


def as_text(schema: str, content: dict[str, Any]) -> str:  # JSON
    """Return a document as it is written."""
    return json.dumps({"schema": schema, **content}, indent=1, allow_nan=False) + "\n"
