"""A fit stored with its run comes back as it was, and storing it never harms the run."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from energyprof.capture import CaptureWriter, read_attribution, read_trace, store_attribution
from energyprof.capture.results import awaits_fit
from energyprof.capture.value_codec import pack_value, unpack_value
from energyprof.errors import CaptureError
from energyprof.model.attribution import (
    ATTRIBUTION_VERSION,
    Attribution,
    DomainAttribution,
    EnergyColumns,
    LedgerLine,
    SensorFit,
    StageTimes,
    Unsplit,
)
from energyprof.model.ids import DomainId
from energyprof.model.trace import Flows, RunFacts

COUNTS = np.array([1, 2**62], np.int64)
ENERGY = EnergyColumns(
    energy_j=np.array([1.5, np.nan]),
    low_j=np.array([1.0, -np.inf]),
    high_j=np.array([2.0, 1e-300]),
    refused=np.array([False, True]),
    data_share=np.array([1.0, 0.25]),
    provenance=np.array([0, 3], np.uint8),
    reason=("", "too short; use --repeat\n\ud800"),
    unread=np.array([False, True]),
)
FLOWS = Flows(np.array([0], np.int32), np.array([1], np.int32), np.array([7]), np.array([0]))
ATTRIBUTION = Attribution(
    version=ATTRIBUTION_VERSION,
    domains=(
        DomainAttribution(
            domain=DomainId("cpu"),
            self_energy=ENERGY,
            total_energy=replace(ENERGY, energy_j=np.array([0.1, 0.2])),
            unsplit=(Unsplit(DomainId("cpu"), (0, 1), 3.0, 2.0, 4.0, "reason"),),
            ledger=LedgerLine(DomainId("cpu"), 6.0, 3.0, 2.0, 1.0, 0.0, float(np.float64(0.0))),
            baseline_w=None,
            period_ns=10,
            updates=3,
            reads=4,
            failures=1,
            measured_start_ns=0,
            measured_end_ns=100,
            covered_ns=90,
            notes=("a note",),
            fit=SensorFit(
                energy_j=np.array([1.5, 2.5]),
                sd_j=np.array([0.1, 0.2]),
                data_share=np.array([0.9, 0.1]),
                column=np.array([0, -1], np.int32),
                covariance_j2=np.array([[0.01, -0.002], [-0.002, 0.04]]),
                lag_ns=1e6,
                lag_sd_ns=1e5,
                window_ns=0.0,
                response_ns=0.0,
                timing="likelihood",
                condition=12.0,
                refusal="",
            ),
        ),
    ),
    times=StageTimes(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
    follows=FLOWS,
    calls=Flows.none(),
    warnings=("w",),
    notes=(),
)


def test_a_stored_fit_comes_back_whole(capture: Path) -> None:
    store_attribution(capture, ATTRIBUTION)

    back = read_attribution(capture)

    assert back is not None
    assert repr(back) == repr(ATTRIBUTION)  # repr shows every field, and NaN as itself
    assert pack_value(back) == pack_value(ATTRIBUTION)
    assert back.domains[0].self_energy.provenance.dtype == np.uint8
    assert back.domains[0].fit is not None
    assert back.domains[0].fit.covariance_j2.shape == (2, 2)


def test_nothing_stored_is_none(capture: Path) -> None:
    assert read_attribution(capture) is None


def test_a_fit_of_another_version_is_none(capture: Path) -> None:
    store_attribution(capture, replace(ATTRIBUTION, version=ATTRIBUTION_VERSION + 1))

    assert read_attribution(capture) is None


def test_a_finished_run_awaits_its_fit_until_one_of_this_version_is_stored(capture: Path) -> None:
    store_attribution(capture, replace(ATTRIBUTION, version=ATTRIBUTION_VERSION + 1))
    assert awaits_fit(capture)

    store_attribution(capture, ATTRIBUTION)

    assert not awaits_fit(capture)


def test_a_run_that_is_not_finished_awaits_no_fit(tmp_path: Path) -> None:
    path = tmp_path / "killed.eprof"
    writer = CaptureWriter(path)
    writer.set_run(RunFacts(("x",), 0, 0, 1, None))
    writer.commit(force=True)

    assert not awaits_fit(path)


def test_a_later_fit_replaces_the_earlier(capture: Path) -> None:
    store_attribution(capture, ATTRIBUTION)
    store_attribution(capture, replace(ATTRIBUTION, warnings=("later",)))

    back = read_attribution(capture)

    assert back is not None
    assert back.warnings == ("later",)


def test_storing_leaves_one_file_without_wal_and_the_run_as_it_was(capture: Path) -> None:
    before = read_trace(capture)

    store_attribution(capture, ATTRIBUTION)

    assert [path.name for path in capture.parent.iterdir()] == ["run.eprof"]
    assert capture.read_bytes()[18:20] == b"\1\1"  # SQLite's header: no WAL
    assert read_trace(capture).spans.start_ns.tolist() == before.spans.start_ns.tolist()


def test_storing_mends_what_a_stopped_collector_left(tmp_path: Path) -> None:
    running, path = tmp_path / "running.eprof", tmp_path / "run.eprof"
    writer = CaptureWriter(running)
    writer.set_run(RunFacts(("x",), 0, 0, 1, None))
    writer.commit(force=True)
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{running}{suffix}", f"{path}{suffix}")
    writer.finish()

    store_attribution(path, ATTRIBUTION)

    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["run.eprof", "running.eprof"]
    assert read_attribution(path) is not None
    assert read_trace(path).run.command == ("x",)


def test_storing_half_done_is_undone(capture: Path) -> None:
    # Given a copy taken in the middle of storing, its rollback journal beside it
    untouched = capture.read_bytes()
    db = sqlite3.connect(capture, isolation_level=None)
    db.execute("PRAGMA cache_spill = 1")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE fact SET value = x'00'")
    db.execute("INSERT INTO result VALUES ('attribution', 1, 0, zeroblob(200000))")
    cut_off = capture.parent / "cut.eprof"
    for suffix in ("", "-journal"):
        shutil.copyfile(f"{capture}{suffix}", f"{cut_off}{suffix}")
    assert cut_off.read_bytes() != untouched
    db.execute("ROLLBACK")
    db.close()

    assert read_attribution(cut_off) is None
    assert read_trace(cut_off).run.host == "host"


def test_a_damaged_fit_is_an_error(capture: Path) -> None:
    store_attribution(capture, ATTRIBUTION)
    db = sqlite3.connect(capture)
    db.execute("UPDATE result SET content = CAST(x'00' || substr(content, 2) AS BLOB)")
    db.commit()
    db.close()

    with pytest.raises(CaptureError, match="the stored analysis does not match its checksum"):
        read_attribution(capture)


def test_a_file_that_cannot_be_written_is_an_error_that_names_the_remedy(capture: Path) -> None:
    holder = sqlite3.connect(capture, isolation_level=None)  # what a lock does, a read-only folder does too
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(CaptureError, match=r"cannot be stored in .*run.eprof \(.*\); make file and folder writable"):
        store_attribution(capture, ATTRIBUTION, wait_s=0.0)

    holder.close()


def test_a_file_that_is_no_capture_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE result (name)")
    db.close()
    before = path.read_bytes(), os.stat(path).st_mtime_ns

    with pytest.raises(CaptureError, match="is no energyprof recording"):
        store_attribution(path, ATTRIBUTION)

    assert (path.read_bytes(), os.stat(path).st_mtime_ns) == before


def test_only_values_of_an_attribution_can_be_packed() -> None:
    with pytest.raises(TypeError, match="RunFacts"):
        pack_value(RunFacts((), 0, 0, 0, None))


def test_numbers_of_numpy_come_back_as_python_numbers() -> None:
    assert unpack_value(pack_value((np.int64(3), np.float64(0.5), np.bool_(True)))) == (3, 0.5, True)
