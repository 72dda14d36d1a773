"""Cells: the numbers of windows and stages are small, their product is not."""

from __future__ import annotations

import numpy as np

from energyprof.attribute.from_bursts import spread
from energyprof.attribute.weights import Cells, CellsByStage


def test_keys_of_many_windows_and_stages_are_not_cut_to_32_bits():
    stages, window, stage = 10_000, np.array([0, 1, 400_000, 400_000]), np.array([3, 10_000, 0, 9_999])
    key = window * (stages + 1) + stage

    cells = Cells.of(key, np.ones(4), 400_001, stages)

    assert cells.key().tolist() == key.tolist()
    assert (cells.window.tolist(), cells.stage.tolist()) == (window.tolist(), stage.tolist())


def test_cells_of_a_stage_are_found_in_the_order_of_windows():
    key = np.array([0, 2, 3, 5, 7])  # windows 0, 0, 1, 1, 2 of stages 0 and 1, stage 2 being the time outside
    by_stage = CellsByStage.of(Cells.of(key, np.ones(5), 3, 2))

    assert by_stage.rows(np.array([0])).tolist() == [0, 2]
    assert by_stage.rows(np.array([2, 1])).tolist() == [1, 3, 4]


def test_many_bursts_of_many_stages_stay_apart():
    who = np.repeat(np.array([1, 9_000], np.int32), 300_000)
    burst = np.tile(np.arange(300_000), 2)
    one = np.ones(len(who))

    found = spread(who, burst, one, (one, one, one), 9_001)

    assert np.flatnonzero(np.isfinite(found.above)).tolist() == [1, 9_000]
    assert found.above[[1, 9_000]].max() < 1e-6
