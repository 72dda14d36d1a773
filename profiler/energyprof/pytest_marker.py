"""`@pytest.mark.energy(max_j=2.0, stage="train")`: the budget of a test, and what is wrong with a marker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches
from numbers import Real
from typing import Final

import pytest

from energyprof.model.budget import Limit

NAME: Final = "energy"
RIGHT: Final = "write @pytest.mark.energy(max_j=2.0) or (max_j=2.0, stage='train')"
NAMES_TOLD: Final = 5


def limit_of(item: pytest.Item) -> Limit | None:
    """Return the budget of a test whose marker has no fault; None: it has no marker."""
    marker = item.get_closest_marker(NAME)
    if marker is None:
        return None
    stage = marker.kwargs.get("stage")
    return Limit("total" if stage is None else "stage", stage or "", "run", float(marker.kwargs["max_j"]))


def fault_of(item: pytest.Item) -> str:
    """Return what is wrong with the marker of a test and how to write it, in one line; or nothing."""
    marker = item.get_closest_marker(NAME)
    if marker is None:
        return ""
    unknown = sorted(set(marker.kwargs) - {"max_j", "stage"})
    if marker.args:
        fault = f"takes its budget by name, not {marker.args[0]!r} alone"
    elif unknown:
        fault = f"knows no {', '.join(unknown)}"
    elif "max_j" not in marker.kwargs:
        fault = "has no max_j"
    else:
        fault = _value_fault(marker.kwargs["max_j"], marker.kwargs.get("stage"))
    return f"@pytest.mark.energy {fault}; {RIGHT}" if fault else ""


def _value_fault(max_j: object, stage: object) -> str:
    if isinstance(max_j, bool) or not isinstance(max_j, Real):
        return f"has max_j={max_j!r}, which is no number of joules"
    if not 0 < float(max_j) < math.inf:
        return f"has max_j={max_j!r}; a budget is more than 0 J"
    if stage is not None and (not isinstance(stage, str) or not stage):
        return f"has stage={stage!r}; a stage is named by its id, a text"
    return ""


def stage_fault(limit: Limit, stages: Sequence[str]) -> str:
    """Return that the test has not the stage which its marker names, and which it has; or nothing."""
    if limit.scope != "stage" or limit.name in stages:
        return ""
    names = get_close_matches(limit.name, stages, n=NAMES_TOLD, cutoff=0.0)
    more = f" and {len(stages) - len(names)} more" if len(stages) > len(names) else ""
    has = f"it has {', '.join(map(repr, names))}{more}" if names else "it has none"
    return f"@pytest.mark.energy has stage={limit.name!r}, and the test ran no such stage: {has}; correct the marker"
