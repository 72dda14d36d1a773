"""Finish a run whose collector was killed: what it had stored, the spools that are left, what is known of the end.

It is what the collector does at the end of every run, on the same schema, from where the capture says it stood.
"""

from __future__ import annotations

import glob
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from energyprof import __version__
from energyprof.capture.database import continued, roll_back
from energyprof.capture.open_file import has_sidecar
from energyprof.capture.progress import Stored, read_stored
from energyprof.capture.reader import read_run
from energyprof.capture.writer import CaptureWriter
from energyprof.collect.bursts import Bursts, lane_limit
from energyprof.collect.convert import Converter
from energyprof.collect.convert_facts import last_ns
from energyprof.collect.lost_stages import LostStages
from energyprof.collect.spool_watch import SpoolWatcher
from energyprof.errors import CaptureError, InputError
from energyprof.launch.host_facts import at_its_end, run_facts, with_program
from energyprof.launch.run_folder import remove_run_folder, temporary_places
from energyprof.launch.run_notes import KEPT_NAME, config_of, ending_of, hold
from energyprof.model.spool import SPOOL_SUFFIX
from energyprof.model.trace import RunFacts

_OF_A_RUN = frozenset({"output", "root_pid", "start_ns", "start_unix_ns"})
"""What the configuration of every run has whose program was started; one without names nothing to be recovered."""
_SAME_START_S = 2.0
"""A process that began later than this after its spool got the pid of the one that wrote it."""


class Recovery(NamedTuple):
    """What became of a run."""

    path: Path
    spans: int
    """How many spans it has; 0 where nothing was to do."""
    was_finished: bool


class _Place(NamedTuple):
    """Where the parts of a run are."""

    folder: str | None
    """None: it is gone."""
    config: Mapping[str, Any]
    path: Path


def is_run_folder(place: Path) -> bool:
    """Tell whether a folder is one that `energyprof run` has kept."""
    return _run_of(str(place)) is not None


def recover(place: Path, output: Path | None = None) -> Recovery:
    """Finish the run of a run folder, or of a `.eprof` file whose run folder is still there; `output`: elsewhere.

    Raises InputError where there is no such run or it is still going on, CaptureError where the file is damaged or
    cannot be written.
    """
    found = _find(place)
    if _has_content(_kept(found)):
        return _brought(found, output)
    stored = _stored(found.path)
    if stored is not None and stored.finished:
        _remove_if_empty(found.folder)
        return Recovery(found.path, 0, was_finished=True)
    if found.folder is not None:
        _refuse_if_going_on(found)
    elif stored is None:
        raise InputError(f"{found.path} is empty and its run folder is gone, so nothing is left; record the run again")
    if output is not None:
        found = found._replace(path=_copied(found.path, output, stored is not None))
    spans = _finish(found, stored)
    if found.folder is not None:
        remove_run_folder(found.folder)
    return Recovery(found.path, spans, was_finished=False)


def _kept(found: _Place) -> Path:
    """Return where the recording is if its own place took no more."""
    return Path(found.folder or "/nowhere", KEPT_NAME)


def _brought(found: _Place, output: Path | None) -> Recovery:
    """Finish a recording that is in the run folder, and bring it to where it belongs."""
    _refuse_if_going_on(found)
    kept = _kept(found)
    stored = _stored(kept)
    if stored is None or not stored.finished:
        _finish(found._replace(path=kept), stored)
    target = found.path if output is None else _free(output)
    piece = target.with_name(f"{target.name}.part")
    try:
        shutil.copyfile(kept, piece)
        for suffix in ("-wal", "-shm", "-journal"):
            Path(f"{target}{suffix}").unlink(missing_ok=True)  # of what was begun there, which is in the other one, too
        piece.replace(target)
    except OSError as error:
        with suppress(OSError):
            piece.unlink()
        fact = error.strerror or str(error)
        raise CaptureError(
            f"{target} cannot be written ({fact}); free some space or choose another place with -o"
        ) from error
    if found.folder is not None:
        remove_run_folder(found.folder)
    return Recovery(target, read_run(target).recorder.spans, was_finished=False)


def _find(place: Path) -> _Place:
    if place.is_dir():
        config = _run_of(str(place))
        if config is None:
            raise InputError(
                f"{place} is no run folder; name the one that `energyprof run` said it has kept, or the .eprof file"
            )
        return _Place(str(place), config, Path(config["output"]))
    path = place.absolute()
    for folder in _run_folders():
        config = _run_of(folder)
        if config is not None and Path(config["output"]) == path:
            return _Place(folder, config, path)
    if not path.exists():
        raise InputError(f"no file or folder {place}; name a .eprof file or the folder that `energyprof run` has kept")
    if not path.is_file():
        raise InputError(f"{place} is a pipe, socket or device; name a .eprof file")
    return _Place(None, {}, path)


def _run_of(folder: str) -> dict[str, Any] | None:
    config = config_of(folder)
    return config if config is not None and config.keys() >= _OF_A_RUN else None


def _run_folders() -> list[str]:
    return [
        folder for place in temporary_places() for folder in glob.glob(os.path.join(glob.escape(place), "energyprof-*"))
    ]


def _stored(path: Path) -> Stored | None:
    """Return what the file holds; None: the collector was killed before it had written any."""
    if has_sidecar(path, "-journal"):
        roll_back(path)
    return read_stored(path) if _has_content(path) else None


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False


def _remove_if_empty(folder: str | None) -> None:
    """A finished run needs no folder; one with spools in it holds what came after, and is left to its owner."""
    if folder is not None and not _spools(folder) and hold(folder):
        remove_run_folder(folder)


def _refuse_if_going_on(found: _Place) -> None:
    folder = found.folder or ""
    if not hold(folder):
        raise InputError(f"{folder} is in use: its run is being recorded or recovered; try again when that has ended")
    pid = _running(found)
    if pid is not None:
        raise InputError(
            f"the program of {folder} is still running (process {pid}); recover it when that has ended, or end it first"
        )


def _running(found: _Place) -> int | None:
    """Return a process of the run that is still there, if any; one that outlives a program seen to end is none."""
    if ending_of(found.folder or "") is not None:
        return None
    started_unix_ns = {int(found.config["root_pid"]): int(found.config["start_unix_ns"])}
    since_ns = int(found.config["start_unix_ns"]) - int(found.config["start_ns"])
    for name in _spools(found.folder or ""):
        pid, _, began_ns = name.partition("-")
        if pid.isdecimal() and began_ns.isdecimal():
            started_unix_ns[int(pid)] = int(began_ns) + since_ns
    return next((pid for pid, at in started_unix_ns.items() if _is_alive(pid, at * 1e-9)), None)


def _is_alive(pid: int, before_s: float) -> bool:
    """Tell whether a process that had this pid at some time is still there; a zombie is not."""
    import psutil

    try:
        process = psutil.Process(pid)
        is_same: bool = process.create_time() <= before_s + _SAME_START_S
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _spools(folder: str) -> list[str]:
    """Return the ids of the spools that have anything left to read or to delete."""
    paths = Path(folder, "spool").glob(f"*{SPOOL_SUFFIX}")
    return sorted({path.name[: -len(SPOOL_SUFFIX)].rpartition(".")[0] for path in paths})


def _copied(path: Path, output: Path, has_content: bool) -> Path:
    """Return `output`, a copy of what was stored so far."""
    import sqlite3

    target = _free(output)
    if has_content:
        with closing(sqlite3.connect(path)) as source:
            continued(source, target).close()
    return target


def _free(output: Path) -> Path:
    if output.exists():
        raise InputError(f"{output} exists already and is never overwritten; choose another name")
    return output.absolute()


def _finish(found: _Place, stored: Stored | None) -> int:
    """Convert what is left, cut off what is open, and close the file; return how many spans it has."""
    if stored is None and found.path.exists():
        found.path.unlink()  # the empty file by which the name was claimed
    limit_bytes = int(found.config.get("max_size", 0))
    writer = CaptureWriter(found.path, goes_on=stored is not None, limit_bytes=limit_bytes)
    bursts = Bursts(limit_bytes, writer.size_bytes, int(found.config["start_unix_ns"])) if limit_bytes else None
    watcher = SpoolWatcher(Path(found.folder or "/nowhere", "spool"))
    converter = Converter(
        watcher, writer, is_part=bool(found.config.get("in_process")), bursts=bursts, lane_limit=lane_limit(limit_bytes)
    )
    if stored is not None:
        converter.go_on(stored.stages, stored.lanes, stored.progress)
    while converter.step():
        if bursts is not None:
            bursts.look(bursts.seen_ns)
        if writer.commit():
            converter.release()
    facts = _facts(found, stored, last_ns(converter.processes()))
    converter.finish(facts.end_ns)
    facts_of_recorder = LostStages(Path(found.folder or "")).added_to(converter.recorder_facts())
    writer.set_recorder(facts_of_recorder)
    writer.set_cures(converter.cures.cures())
    writer.set_told(converter.told.told())
    writer.set_run(facts)
    for line in _warnings(found, stored, facts):
        writer.warn(line)
    writer.finish()
    converter.release()
    return facts_of_recorder.spans


def _facts(found: _Place, stored: Stored | None, last_ns: int) -> RunFacts:
    """Return the facts of the run; its end is where it was seen last, unless somebody saw the program end."""
    facts = stored.run if stored is not None and stored.run.start_ns else _facts_of_config(found)
    if found.folder is not None:
        facts = with_program(facts, found.folder)
        ending = ending_of(found.folder)
        if ending is not None:
            return at_its_end(facts, ending, found.folder)
    seen = [facts.end_ns, last_ns, *([stored.last_reading_ns] if stored is not None else [])]
    return replace(facts, end_ns=max(seen))


def _facts_of_config(found: _Place) -> RunFacts:
    if not found.config:
        return RunFacts((), time.time_ns(), 0, 0, None)
    return run_facts(found.config, __version__, int(found.config["start_ns"]))


def _warnings(found: _Place, stored: Stored | None, facts: RunFacts) -> Iterable[str]:
    if found.folder is None:
        yield (
            "the run folder is gone, and with it what had not been stored when the collector was stopped; "
            "record the run again for the rest"
        )
    known_s = max(0, (stored.last_reading_ns if stored is not None else 0) - facts.start_ns) * 1e-9
    whole_s = (facts.end_ns - facts.start_ns) * 1e-9
    yield (
        f"the collector was stopped during the run: stages are complete, power is known for {known_s:.1f} of "
        f"{whole_s:.1f} s; joules, those of a call too, are of that time only, upper ends of intervals allow for the "
        "rest; record the run again for its energy"
    )
