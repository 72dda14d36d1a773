"""Which of two stages spent more, and how sure that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from energyprof.model.attribution import SensorFit
from energyprof.model.report import RankingRow
from energyprof.report.rankings import probability_of_more, ranking_rows


def fit_of(energy_j, covariance_j2, refusal=""):
    covariance = np.array(covariance_j2)
    count = len(energy_j)
    return SensorFit(
        energy_j=np.array(energy_j, float),
        sd_j=np.sqrt(np.diag(covariance)),
        data_share=np.ones(count),
        column=np.arange(count, dtype=np.int32),
        covariance_j2=covariance,
        lag_ns=0.0,
        lag_sd_ns=0.0,
        window_ns=0.0,
        response_ns=0.0,
        timing="likelihood",
        condition=1.0,
        refusal=refusal,
    )


def one(index):
    return np.array([index])


def test_order_is_as_sure_as_the_difference_is_large_beside_its_deviation():
    fit = fit_of([10.0, 10.0 - 1.881 * 0.5], [[0.09, 0.0], [0.0, 0.16]])

    assert probability_of_more(fit, one(0), one(1)) == pytest.approx(0.97, abs=1e-3)
    assert probability_of_more(fit, one(1), one(0)) == pytest.approx(0.03, abs=1e-3)


def test_errors_in_common_do_not_make_an_order_unsure_and_opposite_ones_do():
    alike, opposite = (fit_of([10.0, 9.0], [[1.0, both], [both, 1.0]]) for both in (0.9, -0.9))

    assert probability_of_more(alike, one(0), one(1)) == pytest.approx(0.987, abs=1e-3)
    assert probability_of_more(opposite, one(0), one(1)) == pytest.approx(0.696, abs=1e-3)


def ranked(sample, fit, refused=()):
    parts = [sample.Part("load", (3.0,)), sample.Part("train", (1.0,), (sample.Part("step", (6.0,)),))]
    stages, attribution = sample.attributed(parts)
    found = attribution.domains[0]
    own = replace(found.self_energy, refused=np.isin(np.arange(3), refused))
    return ranking_rows(stages, replace(attribution, domains=(replace(found, fit=fit, self_energy=own),)))


def test_stages_are_ranked_pair_by_pair_totals_of_the_outermost_first(sample):
    fit = fit_of([3.0, 1.0, 6.0], np.diag([0.25, 0.25, 4.0]))

    rows = ranked(sample, fit)

    told = [(row.of, row.more, row.less) for row in rows]
    assert told == [("total", "train", "load"), ("self", "train/step", "load"), ("self", "load", "train")]
    assert isinstance(rows[0], RankingRow)
    assert rows[0].probability == pytest.approx(0.9703, abs=1e-3)  # 4 J beside sqrt(0.25 + 0.25 + 4) J
    assert rows[2].probability == pytest.approx(0.9977, abs=1e-3)


def test_stage_without_a_figure_of_its_own_is_not_ranked(sample):
    rows = ranked(sample, fit_of([3.0, 1.0, 6.0], np.eye(3)), refused=(2,))

    assert [(row.more, row.less) for row in rows if row.of == "self"] == [("load", "train")]


def test_fit_that_names_no_stage_ranks_none(sample):
    assert ranked(sample, fit_of([3.0, 1.0, 6.0], np.eye(3), refusal="aliased")) == ()
    assert ranked(sample, None) == ()


def test_stages_that_share_a_column_are_not_ranked(sample):
    fit = fit_of([3.0, 1.0, 6.0], np.eye(3))

    rows = ranked(sample, replace(fit, column=np.array([0, 0, 2], np.int32)))

    assert [(row.of, row.more, row.less) for row in rows] == [("self", "train/step", "load")]
