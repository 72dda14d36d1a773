"""Signs that stages are missing where no spool says so."""

from __future__ import annotations

import os
from pathlib import Path

from energyprof.collect.convert_stacks import ProcessStacks, StackTable
from energyprof.collect.lost_stages import LostStages
from energyprof.model.trace import RecorderFacts
from energyprof.record import ends


def test_the_name_of_an_empty_file_counts_what_fitted_nowhere(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "7-100.12.27.lost").touch()
    (tmp_path / "spool" / "8-100.30.27.lost").touch()
    (tmp_path / "spool" / "8-100.000000.spool").touch()

    facts = LostStages(tmp_path).added_to(RecorderFacts(dropped=1))

    assert (facts.dropped, facts.lost_because) == (43, os.strerror(27))


def test_an_error_of_a_recorder_that_had_begun_loses_no_stage(tmp_path: Path) -> None:
    (tmp_path / "recorder.log").write_text("process 7, sampling the stacks:\nValueError: no\n")

    lost = LostStages(tmp_path)

    assert lost.warning() is None
    assert not lost.added_to(RecorderFacts()).has_lost


def test_what_our_own_functions_take_counts_to_their_callers() -> None:
    table = StackTable()
    stacks = ProcessStacks(table)
    ours = {"code": 2, "name": "begin", "file": ends.__file__, "line": 24}
    stacks.take_codes([{"code": 1, "name": "train", "file": "/job/train.py", "line": 3}, ours])
    numbers = [5, 2, 2, 1, 6, 1, 1]  # stack 5: begin in train; stack 6: train
    stacks.take_stacks(b"".join(value.to_bytes(8, "little") for value in numbers))
    rows = [10, 7, 0, 0, 20, 7, 5, 25, 30, 7, 6, 4]

    samples = stacks.samples(b"".join(v.to_bytes(8, "little") for v in rows), 7, int, 0)

    assert samples.node.tolist() == [0, 0]
    assert samples.line.tolist() == [0, 4]
