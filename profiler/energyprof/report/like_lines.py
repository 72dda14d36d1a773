"""Warnings that differ only in their domain and its figures, said once with all of the domains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from energyprof.model.natural_order import natural_key

_NUMBER = re.compile(r"(?<![\w:.-])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w:-]|\.\d)")
"""A figure that stands alone, no part of a name or a date."""
_NUMBERED = re.compile(r"(.*?)(\d+)")
_ID = "\0"


def merged_lines(lines: Iterable[str], ids: Sequence[str]) -> list[str]:
    """Return the lines with those alike, `ID: ...`, as one where the first stood; figures that differ are a range.

    Two that are said of the same domain stay two.
    """
    known = frozenset(ids)
    groups: dict[tuple[str, str, int], list[tuple[str, str]]] = {}
    for line in lines:
        id_, colon, text = line.partition(": ")
        if not colon or id_ not in known:
            groups.setdefault((line, "", 0), []).append(("", line))
            continue
        # An id within the text goes along with the one before it.
        text = re.sub(rf"(?<![\w:]){re.escape(id_)}(?![\w:])", _ID, text)
        place = 0
        while id_ in (one for one, _ in groups.get((_NUMBER.sub("#", text), _kind(id_), place), ())):
            place += 1
        groups.setdefault((_NUMBER.sub("#", text), _kind(id_), place), []).append((id_, text))
    return [_said(alike) for alike in groups.values()]


def id_ranges(ids: Iterable[str]) -> str:
    """Return ids in their natural order, three or more in a row as `gpu:0 to gpu:15`."""
    runs: list[list[str]] = []
    for id_ in sorted(set(ids), key=natural_key):
        if runs and _follows(runs[-1][-1], id_):
            runs[-1].append(id_)
        else:
            runs.append([id_])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs)


def _kind(id_: str) -> str:
    return re.sub(r"\d+", "#", id_)


def _follows(one: str, other: str) -> bool:
    first, second = _NUMBERED.fullmatch(one), _NUMBERED.fullmatch(other)
    return first is not None and second is not None and first[1] == second[1] and int(second[2]) == int(first[2]) + 1


def _said(alike: Sequence[tuple[str, str]]) -> str:
    if len(alike) == 1:
        id_, text = alike[0]
        return f"{id_}: {text.replace(_ID, id_)}" if id_ else text
    ids = id_ranges(id_ for id_, _ in alike)
    figures = list(zip(*(_NUMBER.findall(text) for _, text in alike), strict=True))
    parts = _NUMBER.split(alike[0][1])
    told = "".join(f"{words}{_span(values)}" for words, values in zip(parts, [*figures, ()], strict=True))
    return f"{ids}: {told.replace(_ID, ids)}"


def _span(values: Sequence[str]) -> str:
    ordered = sorted(set(values), key=float)
    return "" if not ordered else ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
