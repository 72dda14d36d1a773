"""Rows of what helped to tell stages apart: delays that were added, and calls that were repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from energyprof.model.attribution import PROVENANCES, Attribution, RepeatedWhole, RepeatFigures
from energyprof.model.cure_rows import DelayRow, RepeatedRow, RepeatedSumRow, RepeatRow
from energyprof.model.cures import Cures
from energyprof.model.recorded_names import REPEAT_STAGE
from energyprof.model.span import Stage

_WHY_NOT: Final = {
    "stage": "a `with` block has no inputs that could be kept",
    "function": "not declared with @stage(..., repeatable=True)",
    "module": "none of its calls was kept",
}


def delay_row(cures: Cures | None, wall_s: float) -> DelayRow | None:
    """Return what was delayed; None: nothing was."""
    found = None if cures is None else cures.dephasing
    if found is None:
        return None
    return DelayRow(
        low_s=found.low_ns / 1e9,
        high_s=found.high_ns / 1e9,
        delays=found.delays,
        delay_s=found.delay_ns / 1e9,
        wall_without_s=max(0.0, wall_s - found.main_ns / 1e9),
    )


def repeat_row(stages: tuple[Stage, ...], attribution: Attribution) -> RepeatRow | None:
    """Return what repeating has shown; None: nothing was repeated."""
    found = attribution.repeats
    if found is None:
        return None
    phase = [stage.id for stage in stages if stage.name == REPEAT_STAGE and stage.kind == "stage"]
    return RepeatRow(
        stage=phase[0] if phase else None,
        visit_s=found.visit_ns / 1e9,
        rounds=found.rounds,
        is_cut=found.is_cut,
        calls=tuple(
            RepeatedRow(
                domain=call.domain,
                name=call.name,
                kind=stages[call.stage].kind if call.stage >= 0 else "stage",
                stage=stages[call.stage].id if call.stage >= 0 else None,
                visits=call.visits,
                repeated_calls=call.repeated_calls,
                wall_s=call.wall_ns / 1e9,
                energy_j=call.energy_j,
                low_j=call.low_j,
                high_j=call.high_j,
                provenance=PROVENANCES[call.provenance],
                data_share=call.data_share,
                reason=call.reason,
            )
            for call in found.calls
        ),
        sums=tuple(_sum_row(stages, whole) for whole in found.wholes),
        skipped=(*found.skipped, *_never_kept(stages, found)),
    )


def _never_kept(stages: tuple[Stage, ...], found: RepeatFigures) -> Iterator[tuple[str, str]]:
    """Yield the innermost stages that nobody could have repeated, with the reason."""
    inner = {stage.parent for stage in stages}
    done = {call.stage for call in found.calls}
    named = {(call.name, call.kind) for call in found.calls} | {(name, "") for name, _ in found.skipped}
    for index, stage in enumerate(stages):
        if index in inner or index in done or stage.name == REPEAT_STAGE or (stage.name, "") in named:
            continue
        if (stage.name, stage.kind) in named:
            yield "/".join(stage.path), "called again on the inputs of another stage of this name only"
        elif stage.kind in _WHY_NOT:
            yield "/".join(stage.path), _WHY_NOT[stage.kind]


def _sum_row(stages: tuple[Stage, ...], whole: RepeatedWhole) -> RepeatedSumRow:
    ratio = whole.repeated_j / whole.whole_j if whole.whole_j is not None and whole.whole_j > 0 else None
    return RepeatedSumRow(
        domain=whole.domain,
        stage=stages[whole.stage].id,
        layers=whole.layers,
        repeated_j=whole.repeated_j,
        repeated_low_j=whole.repeated_low_j,
        repeated_high_j=whole.repeated_high_j,
        whole_j=whole.whole_j,
        whole_low_j=whole.whole_low_j,
        whole_high_j=whole.whole_high_j,
        ratio=ratio,
        time_share=whole.time_share,
    )
