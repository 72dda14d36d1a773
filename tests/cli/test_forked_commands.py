"""Commands that tests fork rather than start: they are what started ones are."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

SEEN = """\
import json, os, signal, sys
print(json.dumps({
    "words": sys.argv, "folder": os.getcwd(), "in": sys.stdin.read(), "temporary": os.environ["TMPDIR"],
    "variables": sorted(os.environ), "descriptors": sorted(os.listdir("/proc/self/fd")),
    "ignored": [number for number in range(1, 32) if signal.getsignal(number) == signal.SIG_IGN],
    "leads": os.getsid(0) == os.getpgrp() == os.getppid(),
}))
print("to the other stream", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("ending", "returncode"),
    [("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGTERM)", -15)],
    ids=["exit", "signal"],
)
def test_a_forked_command_is_started_and_ends_as_a_fresh_one(place: Any, ending: str, returncode: int) -> None:
    place.write("job.py", SEEN + "sys.stdout.flush()\n" + ending)
    words = ("-q", "--no-graph", "job.py", "one word")

    forked, fresh = (place.run(*words, stdin=b"given", is_fresh=is_fresh) for is_fresh in (False, True))

    assert vars(forked) == vars(fresh)
    assert forked.returncode == returncode
    assert b'"in": "given"' in forked.stdout
    assert b'"leads": true' in forked.stdout
    assert place.members() == place.leftovers() == []


def test_what_a_forked_command_prints_is_what_a_fresh_one_prints(place: Any) -> None:
    place.run("-q", "--no-graph", "-o", "job.eprof", "-c", "sum(range(10**6))")

    for words in (("report", "job.eprof"), ("report", "job.eprof", "--width", "x"), ("--version",), ()):
        forked, fresh = (place.call(place.command(*words), is_fresh=is_fresh) for is_fresh in (False, True))

        assert vars(forked) == vars(fresh)
        assert forked.stdout or forked.stderr


def test_plugins_on_the_path_are_found_by_a_forked_command(place: Any) -> None:
    about = place.folder / "strange" / "strange-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[energyprof.power_sources]\nodd = strange:Odd\n")

    odd = {"PYTHONPATH": str(about.parent)}
    forked, fresh = (
        place.call(place.command("doctor"), environment=odd, is_fresh=is_fresh) for is_fresh in (False, True)
    )

    assert b"'strange'" in forked.stdout
    assert [one.stdout.count(b"strange") for one in (forked, fresh)] == [forked.stdout.count(b"strange")] * 2


def test_a_variable_that_python_reads_as_it_starts_takes_a_fresh_one(place: Any) -> None:
    place.call(place.command("--version"))

    assert place.forked.starts_alike({**place.environment, "NO_COLOR": "1"})
    assert not place.forked.starts_alike({**place.environment, "PYTHONOPTIMIZE": "1"})


def test_a_forked_command_that_takes_too_long_is_killed_with_its_program(place: Any) -> None:
    place.write("job.py", "import os, time\nopen(f'pid {os.getpid()}', 'w').close()\ntime.sleep(600)\n")

    with pytest.raises(subprocess.TimeoutExpired):
        place.forked.call(["run", "-q", "job.py"], b"", place.environment, str(place.folder), 3.0)

    assert not [line for line in place.members() if "job.py" in line]
