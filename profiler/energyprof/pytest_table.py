"""The table below the tests: what each took, the costliest first, in one unit, and what all took together.

It is ASCII: pytest escapes a whole line that holds a letter which the terminal cannot show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from energyprof.model.amounts import JOULES, digits, small_energy
from energyprof.model.range import Range

ROWS: Final = 30
SMALLEST: Final = 1e-4
"""In the unit of the table; less is told as that."""

Told = Mapping[str, Any]
"""What is known of one test, as it travels in its report: energy_j, low_j, high_j, provenance, budget_j, ..."""


def table(tests: Sequence[tuple[str, Told]]) -> Iterator[str]:
    """Return its lines; budgets that are not kept are shown wherever they rank, under the thirty costliest."""
    ranked = sorted(tests, key=lambda test: -_size_j(test[1]))
    shown = [test for rank, test in enumerate(ranked) if rank < ROWS or _is_remarkable(test[1])]
    unit, factor = _unit(max(map(_size_j, (facts for _, facts in ranked))))
    figures = _aligned([_scaled(facts, "energy_j", factor) for _, facts in shown], f"energy ({unit})")
    bounds = _padded([_interval(facts, factor) for _, facts in shown], "95 % interval")
    budgets = _padded([_budget(facts) for _, facts in shown], "budget")
    has_budgets = any("budget_j" in facts for _, facts in ranked)
    for place, (figure, interval, budget) in enumerate(zip(figures, bounds, budgets, strict=True)):
        nodeid, facts = shown[place - 1] if place else ("test", {})
        yield f"{figure}  {interval}  {f'{budget}  ' if has_budgets else ''}{nodeid}"
        if facts.get("reason"):
            yield f"{'':{len(figure)}}  {facts['reason']}"
    yield from _rest([facts for rank, (_, facts) in enumerate(ranked) if rank >= ROWS and not _is_remarkable(facts)])
    yield from _together([facts for _, facts in ranked])


def figure(energy_j: float | None, low_j: float | None, high_j: float | None) -> str:
    """Return an energy with its interval in the unit that fits: `20.3 mJ (10.6 to 37.2)`."""
    if low_j is None or high_j is None:
        return "not known" if energy_j is None else _ascii(small_energy(Range.exactly(energy_j)))
    if energy_j is None:
        return f"{_ascii(small_energy(Range.exactly(low_j)))} to {_ascii(small_energy(Range.exactly(high_j)))}"
    return _ascii(small_energy(Range(energy_j, min(low_j, energy_j), max(high_j, energy_j))))


def budget_figure(budget_j: float) -> str:
    """Return a budget as it was written, in the unit that fits: `2 J`, `1 uJ`."""
    name, factor = _unit(budget_j)
    return f"{budget_j / factor:.6g} {name}"


def _size_j(facts: Told) -> float:
    energy_j = facts.get("energy_j")
    return -math.inf if energy_j is None else float(energy_j)


def _is_remarkable(facts: Told) -> bool:
    return str(facts.get("verdict", "within")) != "within"


def _unit(size_j: float) -> tuple[str, float]:
    if not 0 < size_j < math.inf:
        return "J", 1.0
    name, factor = next((unit for unit in JOULES if size_j >= unit[1]), JOULES[-1])
    return _ascii(name), factor


def _scaled(facts: Told, name: str, factor: float) -> str:
    energy_j = facts.get(name)
    if energy_j is None:
        return "not known"
    return f"<{SMALLEST:g}" if 0 < energy_j < SMALLEST * factor else _short(energy_j / factor)


def _interval(facts: Told, factor: float) -> str:
    if facts.get("low_j") is None or facts.get("high_j") is None:
        return ""
    low, high = (_scaled(facts, name, factor) for name in ("low_j", "high_j"))
    return f"{low} to {high}"


def _short(value: float) -> str:
    """Return three digits, but no finer than the smallest that is told."""
    text = digits(value)
    return text if len(text.partition(".")[2]) <= 4 else f"{value:.4f}"


def _budget(facts: Told) -> str:
    if "budget_j" not in facts:
        return ""
    of = f"{facts['stage']!r} " if facts.get("stage") else ""
    return f"{of}{budget_figure(facts['budget_j'])}: {facts['verdict']}"


def _aligned(cells: Sequence[str], head: str) -> list[str]:
    """Return a column below its head, its decimal points below each other."""
    after = max(len(cell) - len(cell.partition(".")[0]) for cell in cells)
    placed = [cell.partition(".")[0] + cell[len(cell.partition(".")[0]) :].ljust(after) for cell in cells]
    placed = [cell.rstrip() if not cell[0].isdigit() and cell[0] != "<" else cell for cell in placed]
    width = max(map(len, (head, *placed)))
    return [cell.rjust(width) for cell in (head, *placed)]


def _padded(cells: Sequence[str], head: str) -> list[str]:
    width = max(map(len, (head, *cells)))
    return [cell.ljust(width) for cell in (head, *cells)]


def _rest(hidden: Sequence[Told]) -> Iterator[str]:
    known = [facts for facts in hidden if facts.get("energy_j") is not None]
    if known:
        most_j = max(map(_size_j, known))
        yield f"and {len(known)} more, none above {figure(most_j, None, None)}"
    if len(known) < len(hidden):
        yield f"and {len(hidden) - len(known)} more whose energy is not known"


def _together(tests: Sequence[Told]) -> Iterator[str]:
    """Return what all took; errors of one sensor or model are the same in all tests, so the bounds are added up."""
    known = [facts for facts in tests if facts.get("energy_j") is not None]
    ways = sorted({facts["provenance"] for facts in known})
    if known:
        sums = [
            math.fsum(facts.get(name, facts["energy_j"]) for facts in known) for name in ("energy_j", "low_j", "high_j")
        ]
        count = "1 test" if len(known) == 1 else f"{len(known)} tests"
        yield f"{count}: {figure(*sums)}, {', '.join(ways)}; idle power included, fixtures not; 95 % intervals"
    if len(known) < len(tests):
        yield f"energy not known: {len(tests) - len(known)} of {len(tests)} tests"


def _ascii(text: str) -> str:
    return text.replace("\u00b5", "u")
