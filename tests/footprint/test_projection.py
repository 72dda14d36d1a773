"""When serving overtakes training: the day, its bounds, what each assumption moves, and the two pictures."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energyprof.errors import InputError
from energyprof.footprint.common_error import CommonError, Known, common_error, ratio_of_mixes
from energyprof.footprint.given_energy import parse
from energyprof.footprint.projection import Assumed, Overtaking, project
from energyprof.footprint.projection_chart import characters, svg, verdict
from energyprof.model.range import Range

PLAIN = Assumed(
    training_j=Range.exactly(1000.0),
    trainings=Range.exactly(2.0),
    request_j=Range.exactly(5.0),
    clients=Range.exactly(10.0),
    requests_per_client_day=Range.exactly(4.0),
    days=Range.exactly(30.0),
)
UNSURE = replace(PLAIN, request_j=Range(5.0, 4.0, 8.0), training_j=Range(1000.0, 800.0, 1600.0))


def test_serving_overtakes_when_it_has_taken_as_much() -> None:
    found = project(PLAIN)

    assert found.overtaking == Overtaking(10.0, 10.0, 10.0)
    assert found.training_j == Range.exactly(2000.0)
    assert found.serving_j == Range.exactly(6000.0)
    assert found.total_j == Range.exactly(8000.0)


def test_bounds_are_carried_through() -> None:
    found = project(UNSURE)

    assert found.overtaking == Overtaking(10.0, 1600 / 320, 3200 / 160)
    assert found.serving_j == Range(6000.0, 4800.0, 9600.0)


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_whatever_lies_within_the_bounds_overtakes_within_its_bounds(parts: list[float]) -> None:
    wide = Assumed(
        Range(1000.0, 700.0, 1500.0),
        Range(2.0, 1.0, 4.0),
        Range(5.0, 3.0, 9.0),
        Range(10.0, 8.0, 20.0),
        Range(4.0, 1.0, 6.0),
        Range.exactly(30.0),
    )

    def within(figure: Range, part: float) -> float:
        return figure.low + part * (figure.high - figure.low)

    training_j, trainings, request_j, clients, requests = (
        within(figure, part)
        for figure, part in zip(
            (wide.training_j, wide.trainings, wide.request_j, wide.clients, wide.requests_per_client_day),
            parts,
            strict=True,
        )
    )
    day = training_j * trainings / (request_j * clients * requests)

    found = project(wide).overtaking
    assert found.earliest_days is not None
    assert found.latest_days is not None
    assert found.earliest_days * (1 - 1e-9) <= day <= found.latest_days * (1 + 1e-9)


def test_what_may_not_be_served_at_all_may_never_overtake() -> None:
    found = project(replace(PLAIN, clients=Range(10.0, 0.0, 20.0)))
    never = project(replace(PLAIN, clients=Range.exactly(0.0)))

    assert found.overtaking == Overtaking(10.0, 5.0, None)
    assert "perhaps never" in verdict(found)
    assert never.overtaking == Overtaking(None, None, None)
    assert verdict(never) == "Serving takes nothing: training is all there is."


def test_each_assumption_is_moved_alone_within_its_bounds_or_by_half_and_double() -> None:
    rows = {row.name: row for row in project(UNSURE).sensitivity}

    assert (rows["request_j"].low, rows["request_j"].high, rows["request_j"].has_bounds) == (4.0, 8.0, True)
    assert rows["request_j"].days == (2000 / 160, 2000 / 320)
    assert rows["request_j"].total_j == (2000 + 4800, 2000 + 9600)
    assert (rows["clients"].low, rows["clients"].high, rows["clients"].has_bounds) == (5.0, 20.0, False)
    assert rows["clients"].days == (20.0, 5.0)
    assert rows["trainings"].total_j == (7000.0, 10000.0)


def test_what_matters_most_comes_first() -> None:
    swings = [row.swing_j for row in project(UNSURE).sensitivity]

    assert swings == sorted(swings, reverse=True)


def test_the_characters_show_both_curves_meeting_on_the_day() -> None:
    lines = characters(project(PLAIN), width=74, height=10)

    (meeting,) = [line for line in lines[:-2] if "-" in line and "*" in line]
    first, last = meeting.index("*") - 12, meeting.rindex("*") - 12
    assert first <= round(59 * 10 / 30) <= last
    assert max(map(len, lines)) == 12 + 60
    assert lines[-1].endswith("30 days")
    assert all(line.isascii() for line in lines)


def test_the_picture_is_svg_with_both_curves_bands_and_a_description() -> None:
    root = ElementTree.fromstring(svg(project(UNSURE)))

    name = "{http://www.w3.org/2000/svg}"
    classes = [one.get("class") for one in root.iter() if one.tag in {f"{name}polygon", f"{name}polyline"}]
    assert sorted(filter(None, classes)) == ["axis", "serving", "servingband", "training", "trainingband"]
    assert root.findtext(f"{name}desc") == verdict(project(UNSURE))
    assert len(list(root.iter(f"{name}circle"))) == 1


def test_no_mark_is_drawn_where_they_do_not_meet() -> None:
    never = project(replace(PLAIN, clients=Range.exactly(0.0)))

    assert not list(ElementTree.fromstring(svg(never)).iter("{http://www.w3.org/2000/svg}circle"))
    assert not any("X" in line for line in characters(never, width=74))


@pytest.mark.parametrize("clients", [4000.0, 1e-4, 1e-9])
def test_a_crossing_far_from_the_days_asked_for_is_seen_on_logarithmic_axes(clients: float) -> None:
    found = project(replace(UNSURE, clients=Range.exactly(clients)))

    lines = characters(found, width=60)
    (line,) = (line for line in lines if "X" in line)
    assert 0.1 < (line.index("X") - line.index("|")) / (60 - line.index("|")) < 0.97
    assert "^" in lines[-2]
    root = ElementTree.fromstring(svg(found))
    (mark,) = root.iter("{http://www.w3.org/2000/svg}circle")
    assert 100 < float(mark.get("cx", "0")) < 690
    assert "both axes are logarithmic" in "".join(root.itertext())
    (horizon,) = (one for one in root.iter() if one.get("class") == "horizon")
    assert 90 < float(horizon.get("x1", "0")) <= 700


def test_one_training_is_doubled_and_not_halved() -> None:
    (row,) = (
        row for row in project(replace(PLAIN, trainings=Range.exactly(1.0))).sensitivity if row.name == "trainings"
    )

    assert (row.low, row.high, row.total_j) == (1.0, 2.0, (7000.0, 8000.0))


@pytest.mark.parametrize(
    ("text", "joules"),
    [
        ("1200kWh", Range.exactly(4.32e9)),
        ("3.2 J", Range.exactly(3.2)),
        ("5mJ", Range.exactly(0.005)),
        ("5MJ", Range.exactly(5e6)),
        ("2e3Wh", Range.exactly(7.2e6)),
        ("40..60MJ", Range(50e6, 40e6, 60e6)),
        ("train.eprof", None),
        ("12", None),
    ],
)
def test_an_energy_is_read_as_people_write_it(text: str, joules: Range | None) -> None:
    found = parse(text)

    if joules is None or found is None:
        assert found is joules
    else:
        assert (found.value, found.low, found.high) == pytest.approx((joules.value, joules.low, joules.high))


@pytest.mark.parametrize("text", ["9..3J", "-4J", "1e30kWh"])
def test_an_energy_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_no_line_of_the_picture_is_longer_than_it_is_wide() -> None:
    unsure = replace(UNSURE, clients=Range(10.0, 0.0, 1e6), days=Range.exactly(3.0))
    assert len(verdict(project(unsure))) > 90

    root = ElementTree.fromstring(svg(project(unsure)))

    headings = [text.text or "" for text in root.iter() if text.get("font-weight")]
    assert " ".join(headings) == verdict(project(unsure))
    assert max(map(len, headings)) <= 76
    assert root.get("viewBox") == "0 0 720 417"


def test_a_training_that_takes_nothing_is_overtaken_by_none() -> None:
    free = replace(PLAIN, training_j=Range.exactly(0.0))

    assert verdict(project(free)) == "Training takes nothing: serving is all there is."
    assert not any("X" in line for line in characters(project(free), width=74))
    assert not list(ElementTree.fromstring(svg(project(free))).iter("{http://www.w3.org/2000/svg}circle"))


def test_a_training_that_is_overtaken_at_once_is_told_in_a_sentence() -> None:
    at_once = replace(PLAIN, training_j=Range.exactly(1e-6), clients=Range.exactly(1e9))

    assert verdict(project(at_once)) == "Serving overtakes training in under 0.0001 s."


@pytest.mark.parametrize("training_j", [1.0, 1000.0, 5990.0, 1e12])
def test_no_curve_runs_through_the_days_asked_for(training_j: float) -> None:
    root = ElementTree.fromstring(svg(project(replace(PLAIN, training_j=Range.exactly(training_j)))))

    (label,) = (one for one in root.iter() if (one.text or "").startswith("asked for:"))
    (line,) = (one for one in root.iter() if one.get("class") == "training" and one.get("points"))
    height = float(line.get("points", "").split()[0].split(",")[1])
    base = float(label.get("y", "0"))
    assert not base - 12 < height < base + 4


def test_bounds_of_an_energy_may_each_have_their_unit() -> None:
    assert parse("900Wh..2kWh") == Range(5.22e6, 3.24e6, 7.2e6)
    assert parse("100kWh..150kWh") == parse("100..150kWh")
    assert (parse("1200kwh"), parse("3.2j"), parse("2MWH"), parse("2KJ")) == (
        parse("1200kWh"), parse("3.2J"), parse("2MWh"), parse("2kJ"),
    )  # fmt: skip
    with pytest.raises(InputError, match=r"2mwh: is it thousandths or millions\? Write mWh or MWh"):
        parse("2mwh")
    with pytest.raises(InputError, match="ends before it begins"):
        parse("2kWh..1500Wh")


def off_by(figure: Range, factor: float) -> Range:
    return Range(figure.value, figure.low / factor, figure.high * factor)


def test_an_error_of_both_energies_moves_their_sum_and_no_day_of_overtaking() -> None:
    apart = CommonError(Range(1000.0, 900.0, 1100.0), Range(5.0, 4.0, 8.0), Range.exactly(1.0), Range(1.0, 1 / 3, 3.0))
    assumed = replace(PLAIN, training_j=off_by(apart.training_j, 3.0), request_j=off_by(apart.request_j, 3.0))

    found, not_known = project(assumed, apart), project(assumed)

    assert found.overtaking == Overtaking(10.0, 1800 / 320, 2200 / 160)
    assert not_known.overtaking.latest_days == pytest.approx(9 * 2200 / 160)
    assert found.total_j == not_known.total_j
    moved = {row.name: row for row in found.sensitivity}
    assert moved["common_error"].days == (10.0, 10.0)
    assert moved["common_error"].total_j == pytest.approx((8000 / 3, 24000))
    assert (moved["request_j"].low, moved["request_j"].high) == (4.0, 8.0)
    assert (moved["training_j"].low, moved["training_j"].high) == (900.0, 1100.0)


MODEL_ERROR = {"cpu": (0.45, 0.85)}


def test_of_a_models_error_the_part_of_each_load_stays_and_of_a_sensors_nothing() -> None:
    one = Known(Range(10.0, 9.0, 11.0), {"cpu": 10.0})
    other = Known(Range.exactly(2.0), {"cpu": 2.0})

    model = common_error(one, other, MODEL_ERROR, {"cpu"})
    sensor = common_error(one, other, MODEL_ERROR, ())

    factor = 1.12**1.96
    assert model.has_loads
    assert model.request_j.high == pytest.approx(2 * factor, rel=1e-4)
    assert model.request_j.low == pytest.approx(2 / factor, rel=1e-4)
    assert model.training_j.high > 11.0
    assert model.factor.high == pytest.approx(1.85 / factor, rel=1e-4)
    assert model.factor.low == pytest.approx(0.55 * factor, rel=1e-4)
    assert model.ratio == sensor.ratio == Range.exactly(1.0)
    assert (sensor.training_j, sensor.request_j, sensor.has_loads) == (one.joules, other.joules, False)
    assert (sensor.factor.low, sensor.factor.high) == pytest.approx((0.55, 1.85))


def test_the_part_of_a_load_is_never_more_than_all_that_a_model_says_of_itself() -> None:
    exact = Known(Range.exactly(1.0), {"cpu": 1.0})

    found = common_error(exact, exact, {"cpu": (0.05, 0.05)}, {"cpu"})

    assert (found.request_j.low, found.request_j.high) == pytest.approx((0.95, 1.05))
    assert found.factor == Range.exactly(1.0)


def test_only_the_modelled_part_of_a_mix_has_an_error_of_its_load() -> None:
    mixed = Known(Range.exactly(4.0), {"cpu": 1.0, "gpu:0": 3.0})

    found = common_error(mixed, mixed, {**MODEL_ERROR, "gpu:0": (0.05, 0.05)}, {"cpu"})

    assert found.training_j.high == pytest.approx(4.0 + (1.12**1.96 - 1), rel=1e-4)


@given(
    st.lists(
        st.tuples(st.floats(0.1, 9), st.floats(0.1, 9), st.floats(0, 0.9), st.floats(0, 3), st.floats(0, 1)),
        min_size=1,
        max_size=4,
    )
)
def test_the_errors_of_domains_move_the_ratio_of_their_sums_within_its_bounds(
    domains: list[tuple[float, float, float, float, float]],
) -> None:
    one, other, errors, true_one, true_other = {}, {}, {}, 0.0, 0.0
    for place, (one_j, other_j, below, above, part) in enumerate(domains):
        name = f"gpu:{place}"
        one[name], other[name], errors[name] = one_j, other_j, (below, above)
        factor = 1 - below + part * (below + above)
        true_one += factor * one_j
        true_other += factor * other_j

    found = ratio_of_mixes(one, other, errors)

    off = true_one / true_other * sum(other.values()) / sum(one.values())
    assert found.low * (1 - 1e-9) <= off <= found.high * (1 + 1e-9)
    if len(domains) == 1:
        assert found.low == pytest.approx(1.0) == found.high


def test_domains_of_other_parts_leave_a_ratio_that_their_errors_move() -> None:
    errors = {"cpu": (0.5, 0.5), "gpu": (0.0, 0.0)}

    found = ratio_of_mixes({"cpu": 1.0}, {"gpu": 1.0}, errors)

    assert found == Range(1.0, 0.5, 1.5)


def test_curves_show_the_bounds_of_training_and_stay_within_the_width() -> None:
    unsure = project(UNSURE)
    huge = project(replace(PLAIN, training_j=Range.exactly(3e21), clients=Range.exactly(1e19)))

    assert any(":" in line for line in characters(unsure, width=60))
    assert not any(":" in line for line in characters(project(PLAIN), width=60))
    for lines in (characters(unsure, width=60), characters(huge, width=60)):
        assert max(map(len, lines)) <= 60
        assert len({line.index("|") for line in lines if "|" in line}) == 1
