"""The trials of a search as one: what every trial does alike is one stage, however many trials there were.

A search of 24 trials has each of its stages 24 times, each too small to be listed, while together they may be most of
what was spent. What trials are called alike below them is one stage of this view, with the joules and calls of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from energyprof.model.ids import StageId, escape_component
from energyprof.model.span import Stage
from energyprof.model.trials import NUMBER, STUDY
from energyprof.model.view import Grouping

FEWEST: Final = 2
"""Trials that are folded."""


def has_trials(stages: Sequence[Stage]) -> bool:
    """Return whether `fold_trials` would fold any of these."""
    return sum(NUMBER in stage.facts for stage in stages) >= FEWEST


def fold_trials(run_stages: Sequence[Stage], view: Grouping) -> Grouping:
    """Return the view with the trials of each study as one stage, `trial \u00d724`, and what is below them likewise."""
    if not has_trials(run_stages):
        return view
    studies = {str(stage.facts.get(STUDY, "")) for stage in run_stages if NUMBER in stage.facts}
    members: list[list[int]] = []
    place: list[int] = []
    trial_of: list[str] = []
    """Per stage of the view: what the trial is called that it is; empty: it is none."""
    inside: list[bool] = []
    found: dict[tuple[int, str, str, int], int] = {}
    for index, stage in enumerate(view.stages):  # parents stand first
        facts = run_stages[int(view.origin[index])].facts
        trial = _called(str(facts.get(STUDY, "")), several=len(studies) > 1) if NUMBER in facts else ""
        above = -1 if stage.parent is None else place[stage.parent]
        inside.append(bool(trial) or (stage.parent is not None and inside[stage.parent]))
        key = above, stage.kind, trial or stage.name, -1 if inside[index] else index
        at = found.setdefault(key, len(members))
        if at == len(members):
            members.append([])
        members[at].append(index)
        place.append(at)
        trial_of.append(trial)
    folded: list[Stage] = []
    renamed: list[dict[int, str]] = []
    """Per stage folded: the components of its path that are called otherwise, by place."""
    for one in members:
        alike = [view.stages[index] for index in one]
        parent = None if alike[0].parent is None else place[alike[0].parent]
        trial = trial_of[one[0]]
        names = {} if parent is None else renamed[parent]
        if trial and len(one) >= FEWEST:
            names = {**names, len(alike[0].path) - 1: f"{trial} \u00d7{len(one)}"}
        renamed.append(names)
        folded.append(_as_one(alike, names, parent))
    to = np.array(place, np.int32)
    return replace(
        view,
        stages=tuple(folded),
        origin=view.origin[[one[0] for one in members]],
        place=np.where(view.place >= 0, to[view.place], -1).astype(np.int32),
    )


def _called(study: str, *, several: bool) -> str:
    return f"trial of {study}" if several and study else "trial"


def _as_one(alike: Sequence[Stage], names: Mapping[int, str], parent: int | None) -> Stage:
    """Return what stands for stages of one name; of what is known of them, the words that all have: no counts."""
    first = alike[0]
    if not names:
        return replace(first, parent=parent)
    facts = {
        key: fact
        for key, fact in first.facts.items()
        if len(alike) == 1 or (isinstance(fact, str) and all(one.facts.get(key) == fact for one in alike[1:]))
    }
    # Of a layer the path has no components of the layers around it, so that it is not that of its parent and a name.
    path = tuple(names.get(place, component) for place, component in enumerate(first.path))
    id_ = StageId("/".join(map(escape_component, path)))
    return replace(first, id=id_, name=path[-1], path=path, parent=parent, facts=facts)
