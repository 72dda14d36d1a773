"""The table of `pytest --energyprof`: order, unit, and what is left out."""

from __future__ import annotations

from typing import Any

from energyprof.pytest_table import budget_figure, table


def told(energy_j: float, **more: Any) -> dict[str, Any]:
    bounds = {"low_j": energy_j / 2, "high_j": energy_j * 2, "provenance": "measured"}
    return {"energy_j": energy_j, **bounds, **more}


def test_the_costliest_come_first_in_one_unit_with_points_below_each_other() -> None:
    tests = [
        ("small", told(0.00123)),
        ("kept", told(0.0456, budget_j=2.0, verdict="within")),
        ("unknown", {"reason": "nothing was read", "budget_j": 1e-6, "verdict": "cannot tell", "stage": "train"}),
        ("tiny", told(2e-8)),
    ]

    lines = list(table(tests))

    assert lines == [
        "energy (mJ)  95 % interval       budget                     test",
        "    45.6     22.8 to 91.2        2 J: within                kept",
        "     1.23    0.615 to 2.46                                  small",
        "    <0.0001  <0.0001 to <0.0001                             tiny",
        "  not known                      'train' 1 uJ: cannot tell  unknown",
        "             nothing was read",
        "3 tests: 46.8 mJ (23.4 to 93.7), measured; idle power included, fixtures not; 95 % intervals",
        "energy not known: 1 of 4 tests",
    ]


def test_those_left_out_took_less_and_no_budget_that_is_not_kept_is_left_out() -> None:
    within = [(f"cheap{n}", told(1.0 + n / 100, budget_j=9.0, verdict="within")) for n in range(5)]
    costly = [(f"costly{n}", told(10.0 + n)) for n in range(30)]
    over = ("over", told(0.5, budget_j=0.1, verdict="exceeded"))

    lines = list(table([*within, over, *costly]))

    shown = [line.split()[-1] for line in lines[1:32]]
    assert shown == [*(f"costly{n}" for n in reversed(range(30))), "over"]
    assert lines[32] == "and 5 more, none above 1.04 J"
    assert lines[33].startswith("36 tests: 741 J (370 to 1 480), measured")


def test_one_test_without_figures_is_a_table_too() -> None:
    lines = list(table([("unknown", {"reason": "nothing was read"})]))

    assert lines == [
        "energy (J)  95 % interval  test",
        " not known                 unknown",
        "            nothing was read",
        "energy not known: 1 of 1 tests",
    ]


def test_a_budget_is_told_as_it_was_written() -> None:
    assert [budget_figure(budget_j) for budget_j in (2.0, 1500.0, 0.0025, 1e-6)] == ["2 J", "1.5 kJ", "2.5 mJ", "1 uJ"]
