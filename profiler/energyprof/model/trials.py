"""Trials of a search as recorded: facts of the stage that each of them is. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    TrialState = Literal["complete", "pruned", "failed", "open"]
    """`open`: its end was never seen."""

NUMBER, STUDY, PARAMS, FINGERPRINT, STATE, VALUE, UNORDERED, BETTER = (
    "trial",
    "trial_study",
    "trial_params",
    "trial_fingerprint",
    "trial_state",
    "trial_value",
    "trial_unordered",
    "trial_better",
)
"""Names of the facts."""
LOWER = "lower"
"""What the fact `BETTER` says of values of which lower ones are better; where it is missing nobody said so."""
LONGEST_PARAMS = 300
"""Characters kept of the parameters for people; the fingerprint is of all of them."""


def trial_facts(  # noqa: PLR0913, PLR0917 - what a trial is known by, all of it plain
    number: int,
    params: Mapping[str, object],
    state: TrialState,
    value: float | None,
    study: str = "",
    unordered: str = "",
    *,
    lower_is_better: bool = False,
) -> dict[str, str | int]:
    """Return the facts of a trial's stage. Equal parameters, by `repr` and in any order, have equal fingerprints.

    `study`: the search that it is one of; empty: there is but one. `unordered`: what it told last that is neither
    better nor worse than anything: `nan`, `inf`, `-inf`, or several values; empty: nothing of the kind.
    """
    text = ", ".join([f"{name}={params[name]!r}" for name in sorted(params, key=str)])
    shown = text if len(text) <= LONGEST_PARAMS else text[: LONGEST_PARAMS - 1] + "\u2026"
    facts: dict[str, str | int] = {
        NUMBER: number,
        PARAMS: shown,
        FINGERPRINT: _fingerprint(text),
        STATE: state,
    }
    facts |= {STUDY: study} if study else {}
    facts |= {UNORDERED: unordered} if unordered else {}
    facts |= {BETTER: LOWER} if lower_is_better else {}
    return facts if value is None else {**facts, VALUE: repr(value)}


def _fingerprint(text: str) -> str:
    from hashlib import sha256  # here: it costs a program 3 ms that has no trials

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
