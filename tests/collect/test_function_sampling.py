"""By itself sampling goes on until stages cover most of the time, and counts where most of the work lies in none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from energyprof.collect.convert_stacks import StackTable
from energyprof.collect.function_sampling import FunctionSampling
from energyprof.collect.time_cover import TimeCover
from energyprof.model.stacks import Function
from energyprof.testing import SECOND


class Kept:
    """Keeps the mode as a capture does."""

    mode = "off"

    def set_stacks(self, mode: str) -> None:
        self.mode = mode


class Sampled:
    """A program that began at 0, sampled in some mode."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.gates, self.kept = folder / "stacks", Kept()
        self.gates.mkdir()
        (self.gates / "no-process").touch()
        self.sampling = FunctionSampling(mode, self.gates, 0)
        self.sampling.state(self.kept)

    def goes_on(self) -> bool:
        return self.gates.exists()


def covered(cover: TimeCover, *seconds: tuple[float, float]) -> None:
    start, end = (np.array(seconds) * SECOND).astype(np.int64).T
    cover.add(start, end)


@pytest.fixture
def sampled(tmp_path: Path) -> Iterator[Sampled]:
    program = Sampled(tmp_path, "auto")
    yield program
    program.sampling.signals.stop()


def test_one_short_stage_does_not_end_it(sampled: Sampled) -> None:
    covered(sampled.sampling.stages, (1.0, 1.05))
    covered(sampled.sampling.own, (0.1, 60.0))

    for at_s in (1.1, 5, 60):
        sampled.sampling.look(at_s * SECOND)

    assert sampled.goes_on()
    sampled.sampling.judge(60 * SECOND, sampled.kept)
    assert sampled.kept.mode == "whole"


def test_it_ends_once_stages_cover_half_of_the_time(sampled: Sampled) -> None:
    covered(sampled.sampling.stages, (4.0, 7.9))
    sampled.sampling.look(8 * SECOND)
    went_on = sampled.goes_on()
    sampled.sampling.stages.open_since_ns = lambda: int(7.9 * SECOND)

    sampled.sampling.look(9 * SECOND)

    assert went_on
    assert not sampled.goes_on()
    sampled.sampling.judge(60 * SECOND, sampled.kept)
    assert sampled.kept.mode == "auto"


def test_a_stage_right_at_the_start_is_given_some_time_before_it_ends(sampled: Sampled) -> None:
    sampled.sampling.stages.open_since_ns = lambda: 1

    sampled.sampling.look(SECOND)

    assert sampled.goes_on()


def test_imports_do_not_make_functions_count_beside_stages(sampled: Sampled) -> None:
    covered(sampled.sampling.stages, (8.0, 9.0))
    covered(sampled.sampling.own, (7.9, 9.1))

    sampled.sampling.judge(10 * SECOND, sampled.kept)

    assert sampled.kept.mode == "auto"


def test_functions_of_less_than_a_second_do_not_count_beside_stages(sampled: Sampled) -> None:
    covered(sampled.sampling.stages, (0.3, 0.4))
    covered(sampled.sampling.own, (0.0, 0.9))

    sampled.sampling.judge(SECOND, sampled.kept)

    assert sampled.kept.mode == "auto"


def test_asked_for_it_never_ends_by_itself(tmp_path: Path) -> None:
    program = Sampled(tmp_path, "on")
    program.sampling.stages.open_since_ns = lambda: 1

    program.sampling.look(60 * SECOND)
    program.sampling.judge(60 * SECOND, program.kept)

    assert (program.goes_on(), program.kept.mode) == (True, "on")
    program.sampling.signals.stop()


def test_forbidden_it_neither_begins_nor_is_stated(tmp_path: Path) -> None:
    program = Sampled(tmp_path, "off")

    program.sampling.look(60 * SECOND)
    program.sampling.judge(60 * SECOND, program.kept)

    assert program.kept.mode == "off"


def test_what_runs_while_a_module_is_imported_is_known() -> None:
    table = StackTable()
    main, work = (table.function(Function(name, "job.py", 1)) for name in ("<module>", "work"))
    load = table.function(Function("_find_and_load", "<frozen importlib._bootstrap>", 1))
    outermost = table.node(-1, main)
    importing = table.node(outermost, load)
    imported, called = table.node(importing, main), table.node(outermost, work)

    found = table.is_import(np.array([outermost, importing, imported, called, table.node(imported, work)], np.int32))

    assert found.tolist() == [False, True, True, False, True]
