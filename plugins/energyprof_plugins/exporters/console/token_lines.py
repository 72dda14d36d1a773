"""What a token of a generation costs, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model.report import Report
from energyprof.model.work_rows import TokenRow
from energyprof_plugins.exporters.console.glyphs import Glyphs
from energyprof_plugins.exporters.console.stage_table import fit_path
from energyprof_plugins.exporters.figures import grouped, joules, joules_with_bounds

SHOWN: Final = 6
"""Parts of generations that are listed, those of the most tokens; the JSON report has all."""


def token_lines(report: Report, glyphs: Glyphs) -> Iterator[str]:
    """Yield a line for each prefill and decode: joules a token, tokens and how fast; nothing where none was seen."""
    paths = {stage.stage: stage.path for stage in report.stages}
    most = sorted(report.tokens, key=lambda row: -row.tokens)[:SHOWN]
    for row in report.tokens:
        if row in most:
            yield f"{fit_path(paths[row.stage], 40, glyphs)}: {glyphs.text(_cost(row))}"
    if len(report.tokens) > SHOWN:
        yield f"+ {len(report.tokens) - SHOWN} more, listed in the JSON report"


def _cost(row: TokenRow) -> str:
    tokens = "1 token" if row.tokens == 1 else f"{grouped(row.tokens)} tokens"
    calls = "1 call" if row.calls == 1 else f"{grouped(row.calls)} calls"
    speed = "" if row.tokens_per_s is None else f", {grouped(row.tokens_per_s, 0 if row.tokens_per_s >= 10 else 1)}/s"
    return f"{_each(row)}; {tokens} in {calls}{speed}"


def _each(row: TokenRow) -> str:
    if row.per_token_j is not None:
        return f"{joules_with_bounds(row.per_token_j, row.low_j, row.high_j)} a token"
    return "not known" if row.high_j is None else f"at most {joules(row.high_j)} a token"
