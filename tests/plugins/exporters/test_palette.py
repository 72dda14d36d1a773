"""Colours can be read by everybody."""

import pytest

from energyprof_plugins.exporters.diagram.palette import (
    DARK,
    HEAT,
    HEAT_DARK,
    LIGHT,
    STEPS,
    contrast,
    heat_step,
    ink_on,
)

AA_TEXT, AA_GRAPHIC = 4.5, 3.0


@pytest.mark.parametrize("heat", [HEAT, HEAT_DARK])
def test_text_on_every_heat_step_has_enough_contrast(heat):
    assert min(contrast(fill, ink_on(fill)) for fill in heat) >= AA_TEXT


@pytest.mark.parametrize("roles", [LIGHT, DARK])
def test_text_and_lines_have_enough_contrast_on_page_and_panel(roles):
    for ground in (roles["page"], roles["panel"]):
        assert min(contrast(roles[role], ground) for role in ("ink", "dim", "feed")) >= AA_TEXT
        assert contrast(roles["frame"], ground) >= AA_GRAPHIC


@pytest.mark.parametrize("roles", [LIGHT, DARK])
def test_neighbours_in_a_bar_can_be_told_apart(roles):
    assert contrast(roles["gpu"], roles["cpu"]) >= AA_GRAPHIC
    assert contrast(roles["cpu"], roles["dram"]) >= AA_GRAPHIC


@pytest.mark.parametrize(("heat", "page"), [(HEAT, LIGHT["page"]), (HEAT_DARK, DARK["page"])])
def test_hotter_is_strictly_further_from_the_page(heat, page):
    distance = [contrast(fill, page) for fill in heat]

    assert distance == sorted(set(distance))


def test_steps_are_absolute_shares():
    assert [heat_step(share) for share in (-0.1, 0.0, 0.0049, *STEPS[1:], 1.0)] == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 7]
