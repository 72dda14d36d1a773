"""Lines end between words, and never within a figure, its unit, or an address."""

from __future__ import annotations

import pytest

from energyprof.model.line_breaks import wrapped


@pytest.mark.parametrize(
    "figure",
    ["1 080 000", "6.5 kW", "1.20 MWh", "93 500 h", "353 days", "12 \u00b13 J", "12 +-3 J", "44.2 g", "9.38 kg CO2e",
     "0.3 t CO2e", "40 %", "3.22 CPU s", "46.0 l", "7.00 B"],
)  # fmt: skip
def test_no_line_ends_within_a_figure(figure: str) -> None:
    for before in range(60):
        lines = wrapped(f"{'x' * before} is {figure} and no more than that, which stands on the next line", 60)

        assert any(figure in line for line in lines)
        assert max(map(len, lines)) <= 60


def test_an_address_is_kept_whole_and_a_long_name_is_not() -> None:
    address = "https://www.example.org/a-b-c/" + "d" * 60

    assert wrapped(f"see {address} there", 60, "  ", "  ") == ["  see", f"  {address}", "  there"]
    assert max(map(len, wrapped("n" * 150, 60, "  ", "  "))) == 60


def test_lines_begin_as_they_were_told() -> None:
    assert wrapped("one two three", 9, "- ", "  ") == ["- one two", "  three"]
    assert wrapped("", 60) == []
