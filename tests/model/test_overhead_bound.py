"""Bounds of the overhead as people write them."""

from __future__ import annotations

import pytest

from energyprof.model.overhead_bound import bound_of


@pytest.mark.parametrize(
    ("text", "bound"), [("3%", 0.03), (" 0.5 % ", 0.005), ("0.03", 0.03), ("1000%", 10.0), ("off", None)]
)
def test_a_bound_is_a_share_or_off(text: str, bound: float | None) -> None:
    assert bound_of(text) == (None if bound is None else pytest.approx(bound))


@pytest.mark.parametrize("text", ["", "%", "0", "-3%", "nan", "none", "2000%", "3 percent", "inf"])
def test_what_is_no_bound_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="write 3%"):
        bound_of(text)
