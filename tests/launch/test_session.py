"""Program, collector and user together: the collector may do what it likes, the program's result stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SESSION = """
import json, sys, time
from energyprof.launch.program import code_program
from energyprof.launch.session import Settings, follow
from energyprof.launch.start import start
class Audience:
    seen = []
    def live(self, event): self.seen.append(["live", event["stage"]])
    def clear(self): self.seen.append(["clear"])
    def say(self, message): self.seen.append(["say", message])
program = code_program([sys.argv[1], sys.argv[2]])
settings = Settings(sys.argv[3], sys.argv[3] + "/config", (("a", "b"),), is_live=True, collector_module="stand_ins")
started = start(program, sys.argv[3], ())
loaded = []
outcome = follow(started, settings, Audience(), [lambda: loaded.append(time.monotonic_ns())])
started.arrivals.close()
after_s = (time.monotonic_ns() - outcome.ending.t_ns) * 1e-9
print(json.dumps({"exit_code": outcome.ending.exit_code, "failure": outcome.result.failure, "after_s": after_s,
                  "warnings": outcome.result.warnings, "seen": Audience.seen, "loaded": bool(loaded)}), file=sys.stderr)
"""
WAITS = "import time; time.sleep(0.6); raise SystemExit(4)"


def session(tmp_path: Path, behaviour: str, code: str = WAITS) -> dict[str, Any]:
    """Run one session whose collector behaves as told; return what the foreground made of it."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    ran = subprocess.run(
        [sys.executable, "-c", SESSION, code, behaviour, str(tmp_path)],
        capture_output=True,
        env=environment,
        timeout=60,
        check=True,
        text=True,
    )
    outcome: dict[str, Any] = json.loads(ran.stderr)
    outcome["stdout"] = ran.stdout
    return outcome


def test_a_good_collector_is_told_everything_and_heard(tmp_path: Path) -> None:
    before_ns = time.monotonic_ns()

    outcome = session(tmp_path, "good")

    told = json.loads((tmp_path / "config").read_text())
    python = os.path.basename(sys.executable)
    assert told["group"]
    assert told["command"] == [python, "-c", WAITS, "good"]
    assert told["sources"] == [["a", "b"]]
    assert (told["run_dir"], told["max_hz"], told["live"]) == (str(tmp_path), 100.0, True)
    assert before_ns < told["start_ns"] < time.monotonic_ns()
    assert outcome["exit_code"] == 4
    assert outcome["failure"] == ""
    assert outcome["warnings"][0].startswith("end 4 ")
    assert outcome["seen"] == [["live", "a"], ["clear"]]
    assert outcome["after_s"] < 1.0
    assert outcome["loaded"]


def test_a_hanging_collector_is_given_less_than_two_seconds(tmp_path: Path) -> None:
    outcome = session(tmp_path, "hang")

    assert outcome["exit_code"] == 4
    assert outcome["failure"] == "the collector has said nothing for 1.7 s and was ended"
    assert 1.6 < outcome["after_s"] < 2.9  # its lead-out of 1.2 s comes on top for nobody who hangs


def test_a_collector_that_still_works_is_waited_for(tmp_path: Path) -> None:
    outcome = session(tmp_path, "slow")

    assert outcome["failure"] == ""
    assert 2.9 < outcome["after_s"] < 6.0


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [("die", "the collector ended early (RuntimeError: boom)"), ("refuse", "the disk is full")],
)
def test_a_failing_collector_does_not_change_the_programs_result(tmp_path: Path, behaviour: str, failure: str) -> None:
    outcome = session(tmp_path, behaviour)

    assert (outcome["exit_code"], outcome["failure"]) == (4, failure)


def test_a_program_that_ends_at_once_is_waited_for_no_longer_than_its_collector(tmp_path: Path) -> None:
    outcome = session(tmp_path, "good", code="print('short')")

    assert outcome["exit_code"] == 0
    assert outcome["stdout"] == "short\n"
    assert outcome["warnings"][0].startswith("end 0 ")


def test_a_program_that_cannot_be_started_is_wrong_input(tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_bytes(b"\x7fELF of another machine")
    script.chmod(0o755)
    code = (
        "import os; from energyprof.launch.program import other_program\n"
        "from energyprof.launch.start import start_program\n"
        f"try: start_program(other_program([{str(script)!r}]), os.environ, set())\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said == f"InputError cannot start {script}: Exec format error; check that it runs without us\n"
