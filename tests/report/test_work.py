"""What a token costs: the joules of a prefill or decode with all below it, by the tokens handed to it."""

from __future__ import annotations

import pytest

from energyprof.model.ids import StageId
from energyprof.model.report import StageRow, SumRow
from energyprof.report.work import token_rows


def row(name: str, total: SumRow, kind: str = "generation", wall_s: float = 4.0, **facts: int) -> StageRow:
    own = SumRow(0.0, 0.0, 0.0, "measured", None)
    return StageRow(
        StageId(name), name, (name,), None, kind, None, None, 10, 0, wall_s, 0.0, 1.0, (), (), own, total, None, facts  # type: ignore[arg-type]
    )  # fmt: skip


def total(energy_j: float | None) -> SumRow:
    return SumRow(energy_j, 1.0, 4.0, "inferred", None)


def test_a_token_costs_what_its_stage_costs_by_its_tokens() -> None:
    (decode,) = token_rows([row("decode", total(2.0), tokens=20)])

    assert (decode.per_token_j, decode.low_j, decode.high_j) == (0.1, 0.05, 0.2)
    assert (decode.phase, decode.calls, decode.tokens, decode.tokens_per_s) == ("decode", 10, 20, 5.0)


def test_a_token_of_a_refused_stage_has_bounds_only() -> None:
    (decode,) = token_rows([row("decode", total(None), tokens=20)])

    assert (decode.per_token_j, decode.low_j, decode.high_j) == (None, 0.05, 0.2)


@pytest.mark.parametrize(("kind", "facts"), [("generation", {}), ("stage", {"tokens": 5})])
def test_what_has_no_tokens_or_is_no_generation_has_no_row(kind: str, facts: dict[str, int]) -> None:
    assert token_rows([row("decode", total(2.0), kind, **facts)]) == ()
