"""What a budget may have meant by a name that no run has."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from energyprof.errors import InputError
from energyprof.model.budget import Limit, Scope
from energyprof.model.ids import escape_component
from energyprof.model.report import Report

SHOWN: Final = 3
LONGEST: Final = 80
"""Characters of a wrong name that are repeated."""
TABLES: Final[dict[Scope, str]] = {"stage": "stages", "layer": "layers", "unit": "units"}


def unknown_name(limit: Limit, reports: Sequence[Report]) -> InputError:
    """Return the error that says which names there are, those that may have been meant first."""
    names = _names(reports)
    own = names[limit.scope]
    missing = f"the run has no {limit.scope} {_short(limit.name)}"
    escaped = _escaped(limit.name, own)
    if escaped:
        return InputError(
            f"{missing}; in the id of a stage a / parts a stage from those in it, and that of a name is written %2F: "
            f"budget {' or '.join(map(repr, escaped))}"
        )
    elsewhere = next((scope for scope, there in names.items() if scope != limit.scope and limit.name in there), None)
    if elsewhere is not None:
        return InputError(f'{missing}, but a {elsewhere} of that name; write [{TABLES[elsewhere]}."{limit.name}"]')
    near = _near(limit.name, own)
    has = f"it has {', '.join(map(_short, near))}" if near else "it has none"
    more = f" and {len(own) - len(near)} more" if len(own) > len(near) else ""
    return InputError(f"{missing} ({has}{more}); correct the name in the budget")


def _names(reports: Sequence[Report]) -> dict[Scope, list[str]]:
    found: dict[Scope, list[str]] = {
        "stage": [row.stage for report in reports for row in report.stages],
        "layer": [row.layer for report in reports for row in report.layers],
        "unit": [row.name for report in reports for row in report.units],
    }
    return {scope: list(dict.fromkeys(names)) for scope, names in found.items()}


def _escaped(name: str, ids: Sequence[str]) -> list[str]:
    """Return the ids of which this is the name as the program has it, escapes left out."""
    alike = [one for one in ids if one != name and _unescaped(one) == _unescaped(name)]
    whole = escape_component(name)
    return [whole] if whole in alike else alike[:SHOWN]


def _unescaped(name: str) -> str:
    return name.replace("%2F", "/").replace("%25", "%")


def _short(name: str) -> str:
    return repr(name) if len(name) <= LONGEST else f"{name[:LONGEST]!r}... ({len(name)} characters)"


def _near(name: str, ids: Sequence[str]) -> list[str]:
    """Return ids that are spelt nearly so or end in that name; where there is none, the first ones."""
    last = name.rpartition("/")[2]
    ends = [one for one in ids if one.rpartition("/")[2] == last]
    lower = {one.lower(): one for one in ids}
    spelt = [lower[one] for one in get_close_matches(name.lower(), list(lower), n=SHOWN)]
    parts = {one.rpartition("/")[2].lower(): one for one in reversed(ids)}
    parts_near = [parts[one] for one in get_close_matches(last.lower(), list(parts), n=SHOWN)]
    return list(dict.fromkeys((*spelt, *ends, *parts_near)))[:SHOWN] or list(ids[:SHOWN])
