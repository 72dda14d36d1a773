"""Choose the stages of a view: layers added to the stages that call them, focus and ignore as pprof has them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from energyprof.errors import InputError
from energyprof.graph.fold_trials import fold_trials
from energyprof.model.domain import Domain
from energyprof.model.span import Flags, Index, Stage
from energyprof.model.view import ALL_DOMAINS, Grouping, View


def choose_stages(stages: tuple[Stage, ...], view: View) -> Grouping:
    """Return which stages a view shows; raises InputError for an expression that is none, or that nothing matches.

    `focus` keeps what matches with all below it, and draws what stands around it without its own energy; `ignore` takes
    away what matches with all below it.
    """
    kept = np.ones(len(stages), np.bool_)
    if view.focus:
        kept = _below(stages, _matches(stages, view.focus, "--focus"))
    if view.ignore:
        kept &= ~_below(stages, _matches(stages, view.ignore, "--ignore"))
    if not kept.any() and len(stages):
        raise InputError("nothing is left to show; --ignore leaves out all that --focus chooses")
    at = _nearest_shown(stages, view)
    around = _around(stages, kept)
    origin = [index for index in range(len(stages)) if at[index] == index and around[index]]
    number = {index: place for place, index in enumerate(origin)}
    place = np.array([number[one] if around[index] else -1 for index, one in enumerate(at)], np.int32)
    chosen = tuple(replace(stages[index], parent=_parent(stages, place, index)) for index in origin)
    merged = set(origin) != set(range(len(stages)))
    if merged:  # what an instrument knows of a stage is not true of several
        counts = np.bincount(place[place >= 0], minlength=len(origin))
        chosen = tuple(replace(one, facts={}) if counts[k] > 1 else one for k, one in enumerate(chosen))
    is_equal = np.zeros(len(stages), np.bool_)
    is_equal[origin] = True
    chosen_view = Grouping(chosen, np.array(origin, np.int32), place, kept, is_equal)
    return chosen_view if view.each_trial else fold_trials(stages, chosen_view)


def choose_domains(domains: tuple[Domain, ...], wanted: str) -> tuple[Domain, ...]:
    """Return the domains of a view: all, the one with this id, or those of a family (`cpu`, `gpu`, `dram`) or a host.

    Raises InputError where there is none.
    """
    if wanted == ALL_DOMAINS:
        return domains
    named = tuple(domain for domain in domains if domain.id == wanted)
    family = tuple(domain for domain in domains if domain.local_id.split(":", 1)[0] == wanted)
    of_host = tuple(domain for domain in domains if wanted and domain.host == wanted)
    if named or family or of_host:
        return named or family or of_host
    known = ", ".join(sorted({domain.id for domain in domains}))
    raise InputError(f"no domain {wanted!r} in this run; there are {known or 'none'}, and all")


def _matches(stages: tuple[Stage, ...], pattern: str, option: str) -> Flags:
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise InputError(f"{option} {pattern!r} is no regular expression: {error}") from error
    found = np.array([search(stage.name) or search(stage.id) for stage in stages], np.bool_)
    if option == "--focus" and not found.any():
        raise InputError(f"no stage matches {option} {pattern!r}; names are listed by: energyprof report")
    return found


def _below(stages: tuple[Stage, ...], found: Flags) -> Flags:
    """Return what is found, and all that stands below it."""
    result = found.copy()
    for index, stage in enumerate(stages):  # parents stand first
        if stage.parent is not None and result[stage.parent]:
            result[index] = True
    return result


def _around(stages: tuple[Stage, ...], kept: Flags) -> Flags:
    """Return what is kept, and all that it stands in."""
    result = kept.copy()
    for index in range(len(stages) - 1, -1, -1):
        parent = stages[index].parent
        if parent is not None and result[index]:
            result[parent] = True
    return result


def _nearest_shown(stages: tuple[Stage, ...], view: View) -> list[int]:
    """Return per stage the one that it is added to in this detail: itself, or the stage that calls the layer."""
    at = list(range(len(stages)))
    if view.level == "stage":
        for index, stage in enumerate(stages):
            # The backward pass of a layer is of another kind, and knows the class of its module, too.
            if stage.parent is not None and (stage.kind == "module" or "module_class" in stage.facts):
                at[index] = at[stage.parent]
    return at


def _parent(stages: tuple[Stage, ...], place: Index, index: int) -> int | None:
    parent = stages[index].parent
    return None if parent is None else int(place[parent])
