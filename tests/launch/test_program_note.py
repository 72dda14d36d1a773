"""Which version of the program runs is written down beside it, and nobody waits for that for long."""

from __future__ import annotations

import threading
from pathlib import Path

from energyprof.errors import InputError
from energyprof.launch.host_facts import with_program
from energyprof.launch.program_note import ProgramNote
from energyprof.launch.run_notes import program_of
from energyprof.model.program import ProgramFacts
from energyprof.model.trace import RunFacts

FACTS = RunFacts(("python", "job.py"), 0, 0, 0, None, versions={"python": "3.11.7"})


def test_what_is_found_is_written_down_and_read_with_the_facts_of_the_run(tmp_path: Path) -> None:
    found = {"files": [["", "00ff"]], "scope": "imports", "commit": "abc", "is_committed": True}

    ProgramNote(lambda: {**found, "versions": {"torch": "2.13.0"}}, str(tmp_path)).close(20.0)

    facts = with_program(FACTS, str(tmp_path))
    assert facts.program == ProgramFacts((("", "00ff"),), "imports", "abc", True)
    assert facts.versions == {"python": "3.11.7", "torch": "2.13.0"}


def test_what_takes_too_long_is_not_waited_for_and_never_written(tmp_path: Path) -> None:
    go_on, threads = threading.Event(), set(threading.enumerate())

    def slow() -> dict[str, str]:
        go_on.wait(20)
        return {"scope": "script"}

    note = ProgramNote(slow, str(tmp_path), delay_s=0.0)
    (thread,) = set(threading.enumerate()) - threads
    note.close(0.01)
    go_on.set()
    thread.join(20)

    assert program_of(str(tmp_path)) is None
    assert with_program(FACTS, str(tmp_path)) == FACTS


def test_what_cannot_be_told_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> dict[str, str]:
        raise InputError("its script comes through a pipe")

    ProgramNote(fail, str(tmp_path), delay_s=0.0).close(20.0)

    assert program_of(str(tmp_path)) is None
