"""What a comparison of batch sizes shows: a larger batch that costs less for each unit had capacity to spare."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from energyprof.model.variants import VariantRow

_SIZE: Final = re.compile(r"(?<![\w-])(?:[\w-]*batch(?:[_-]?size)?|bs)=(\d+)(?!\w)")
"""In the name of a way that a sweep has made, `batch=16,threads=2` say."""


def batch_advice(rows: Sequence[VariantRow], unit: str) -> tuple[str, ...]:
    """Return a sentence if the cheapest way is a larger batch than one that is surely dearer and else the same.

    Of several such ways the one with the smallest batch; none: nothing was told apart, or smaller ones are as cheap.
    """
    cheapest = next((row for row in rows if row.verdict in {"cheapest", "lowest so far"}), None)
    by_size: dict[str, list[tuple[int, VariantRow]]] = defaultdict(list)
    for row in rows:
        found = _SIZE.search(row.name)
        if found is not None:
            by_size[_SIZE.sub("", row.name, count=1)].append((int(found[1]), row))
    for ways in by_size.values():
        best = next((size for size, row in ways if row is cheapest), None)
        smaller = [(size, row) for size, row in ways if best is not None and size < best and row.verdict == "dearer"]
        if cheapest is not None and smaller:
            return (_sentence(*min(smaller, key=lambda way: way[0]), cheapest, unit),)
    return ()


def _sentence(size: int, row: VariantRow, cheapest: VariantRow, unit: str) -> str:
    ratio = row.ratio
    times = ""
    if ratio is not None and ratio.low is not None and ratio.high is not None:
        times = f"{ratio.value:.3g} times the joules of {cheapest.name} (95 %: {ratio.low:.3g} to {ratio.high:.3g})"
    return (
        f"{row.name} takes {times or f'more than {cheapest.name}'} for each {unit or 'run'}: batches of {size} leave "
        "capacity free; gather more into one where they may wait for each other."
    )
