"""The trials of a search as one stage: joules, calls and intervals of all, and nothing else is merged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from energyprof.attribute.regroup import regroup
from energyprof.graph.choose import choose_stages
from energyprof.graph.fold_trials import has_trials
from energyprof.model.trials import trial_facts
from energyprof.model.view import Grouping, View


def search(sample: Any, studies: tuple[str, ...] = ("", "", "")) -> Any:
    """A search of trials that each prepare (1 J) and train (10 J a number more), beside two stages of one name."""
    trials = [
        sample.Part(
            f"trial {at}", (0.5,), (sample.Part("prepare", (1.0,)), sample.Part("train", (10.0 + at,), calls=2))
        )
        for at in range(len(studies))
    ]
    stages, attribution = sample.attributed([
        sample.Part("search", (2.0,), tuple(trials)),
        sample.Part("a", (1.0,), (sample.Part("train", (3.0,)),)),
        sample.Part("b", (1.0,), (sample.Part("train", (4.0,)),)),
    ])  # fmt: skip
    numbers = {stage.id: at for at, stage in enumerate(stage for stage in stages if stage.name.startswith("trial "))}
    told = tuple(
        replace(stage, facts=trial_facts(numbers[stage.id], {}, "complete", None, studies[numbers[stage.id]]))
        if stage.id in numbers
        else stage
        for stage in stages
    )
    return told, attribution


def folded(sample: Any, view: View = View(), **more: Any) -> tuple[Grouping, dict[str, tuple[float, float, int]]]:  # noqa: B008 - frozen
    stages, attribution = search(sample, **more)
    grouping = choose_stages(stages, view)
    found = regroup(stages, attribution, grouping, frozenset(one.domain for one in attribution.domains))
    own, total = found.domains[0].self_energy.energy_j, found.domains[0].total_energy.energy_j
    calls = found.times.calls
    return grouping, {
        stage.id: (round(float(own[at]), 6), round(float(total[at]), 6), int(calls[at]))
        for at, stage in enumerate(grouping.stages)
    }


def test_what_trials_do_alike_is_one_stage_with_the_joules_and_calls_of_all(sample: Any) -> None:
    _, rows = folded(sample)

    assert rows == {
        "search": (2.0, 39.5, 1),
        "search/trial \u00d73": (1.5, 37.5, 3),
        "search/trial \u00d73/prepare": (3.0, 3.0, 3),
        "search/trial \u00d73/train": (33.0, 33.0, 6),
        "a": (1.0, 4.0, 1),
        "a/train": (3.0, 3.0, 1),
        "b": (1.0, 5.0, 1),
        "b/train": (4.0, 4.0, 1),
    }


def test_studies_are_folded_apart(sample: Any) -> None:
    _, rows = folded(sample, studies=("grid", "grid", "tpe", "tpe"))

    assert [id_ for id_ in rows if id_.startswith("search/") and id_.count("/") == 1] == [
        "search/trial of grid \u00d72",
        "search/trial of tpe \u00d72",
    ]


def test_a_trial_alone_keeps_its_name(sample: Any) -> None:
    _, rows = folded(sample, studies=("grid", "grid", "tpe"))

    assert "search/trial 2/train" in rows


def test_trials_are_shown_one_by_one_where_that_is_asked_for(sample: Any) -> None:
    grouping, rows = folded(sample, View(each_trial=True))

    assert grouping.is_everything()
    assert rows["search/trial 2/train"] == (12.0, 12.0, 2)


def test_trials_as_many_as_the_stages_of_one_are_not_taken_for_that_one(sample: Any) -> None:
    """Three trials, each of three stages: own energies of three trials are as many as stages below the first."""
    _, rows = folded(sample)

    assert rows["search/trial \u00d73"][0] == 1.5


def test_a_part_of_the_trials_may_be_left_out(sample: Any) -> None:
    _, rows = folded(sample, View(ignore="prepare"))

    assert "search/trial \u00d73/prepare" not in rows
    assert rows["search/trial \u00d73"][1] == 34.5


def test_of_what_is_known_of_trials_only_words_that_all_have_are_kept(sample: Any) -> None:
    stages, _ = search(sample)
    told = tuple(
        replace(stage, facts={"module_class": "Linear", "device": f"gpu:{at}", "samples": 4})
        if stage.name == "prepare"
        else stage
        for at, stage in enumerate(stages)
    )

    shown = next(stage for stage in choose_stages(told, View()).stages if stage.name == "prepare")

    assert shown.facts == {"module_class": "Linear"}


def test_a_run_without_a_search_is_left_as_it_is(sample: Any) -> None:
    stages, _ = search(sample, studies=("",))

    assert not has_trials(stages)
    assert np.array_equal(choose_stages(stages, View()).origin, np.arange(len(stages)))
