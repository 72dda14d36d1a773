"""Sampling for functions beside what the program does itself: it does not notice, and keeps what is its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from energyprof.capture import read_trace
from energyprof.model.view import View
from energyprof.run import load

STAGED = Path(__file__).with_name("staged_functions.py").read_text()


def samples(folder: Path, name: str = "job.eprof") -> int:
    """Return how many samples a recording holds."""
    return len(read_trace(folder / name).stacks.samples)


WAITING = """\
import os, select, signal, socket, subprocess, sys, threading, time
def lasted(what):
    began = time.monotonic()
    result = what()
    print(what.__name__, .2 <= time.monotonic() - began < 5, result)
def sleep(): return time.sleep(.2)
def selects(): return select.select([pipe[0]], [], [], .2)
def poll():
    poll = select.poll()
    poll.register(pipe[0], select.POLLIN)
    return poll.poll(200)
def event(): return threading.Event().wait(.2)
def receive():
    try:
        ends[0].recv(1)
    except OSError as error:
        return type(error).__name__
def child(): return subprocess.run(["sleep", ".2"]).returncode
def shell(): return os.system("sleep .2; exit 3")
def sigwait(): return signal.sigtimedwait([signal.SIGUSR1], .2)
def alarm():
    # Once it waits for a signal, samples stop, for `pause` would end with any.
    def rung(number, frame): pass
    signal.signal(signal.SIGALRM, rung)
    signal.setitimer(signal.ITIMER_REAL, .2)
    return signal.pause()
pipe, ends = os.pipe(), socket.socketpair()
ends[0].settimeout(.2)
for what in (sleep, selects, poll, event, receive, child, shell, sigwait, alarm):
    lasted(what)
print(sys.stdin.readline().strip(), os.isatty(1))
sys.exit(7)
"""


def test_waiting_and_children_are_as_without_sampling(place: Any) -> None:
    place.write("job.py", WAITING)
    bare = place.call([place.command()[0].replace("energyprof", "python"), "job.py"], stdin=b"a line\n")

    done = place.run("-q", "--no-graph", "--stacks", "-o", "job.eprof", "job.py", stdin=b"a line\n")

    assert (done.returncode, done.stdout, done.stderr) == (bare.returncode, bare.stdout, bare.stderr)
    assert done.returncode == 7
    assert done.stdout.count(b" True ") == 9
    assert samples(place.folder) > 30


BUSY = """\
import os, signal, socket, sys, time
def busy(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1_000))
def gates(): return os.listdir(os.path.join(os.environ["ENERGYPROF_RUN_DIR"], "stacks"))
def sampled():
    stacks = os.path.join(os.environ["ENERGYPROF_RUN_DIR"], "stacks")
    until = time.monotonic() + 20
    touched = [os.stat(os.path.join(stacks, gate)).st_mtime_ns for gate in gates()]
    while touched and touched == [os.stat(os.path.join(stacks, gate)).st_mtime_ns for gate in gates()]:
        busy(.02)
        if time.monotonic() > until: sys.exit("never sampled")
    return bool(touched)
"""


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            """\
print(sampled())
got = []
print(signal.signal(signal.SIGURG, lambda number, frame: got.append(number)))
busy(.3)
print(len(got), gates())
os.kill(os.getpid(), signal.SIGURG)
print(len(got))
""",
            "True\n0\n0 []\n1\n",
        ),
        (
            """\
import fcntl, threading
print(sampled())
folder = os.open(os.path.join(os.environ["ENERGYPROF_RUN_DIR"], "stacks"), os.O_RDONLY)
fcntl.flock(folder, fcntl.LOCK_EX)  # as the collector does from its look at the gates to its last signal
seen = []
def end_round():
    while gates(): time.sleep(.001)
    seen.append(signal.getsignal(signal.SIGURG) is own)
    fcntl.flock(folder, fcntl.LOCK_UN)
def own(number, frame): pass
thread = threading.Thread(target=end_round)
thread.start()
signal.signal(signal.SIGURG, own)
thread.join()
print(seen)
""",
            "True\n[False]\n",
        ),
        (
            """\
ours, theirs = socket.socketpair()
for end in (ours, theirs): end.setblocking(False)
print(sampled(), signal.set_wakeup_fd(theirs.fileno()))
busy(.3)
print(gates())
try:
    print(ours.recv(10))
except BlockingIOError:
    print("silent")
""",
            "True -1\n[]\nsilent\n",
        ),
        (
            """\
import cProfile
print(gates())
profile = cProfile.Profile()
profile.enable()
busy(.2)
profile.disable()
print(any("energyprof" in str(entry.code) for entry in profile.getstats()))
""",
            "[]\nFalse\n",
        ),
    ],
    ids=["handler", "signal on its way", "wakeup", "profiler"],
)
def test_sampling_steps_aside_for_the_programs_own(place: Any, script: str, told: str) -> None:
    place.write("job.py", BUSY + script)

    done = place.run("-q", "--no-graph", "-o", "job.eprof", "job.py")

    assert done.stdout.decode().replace("Handlers.SIG_DFL", "0") == told
    assert done.stderr == b""


def test_by_itself_functions_are_not_shown_beside_stages_that_cover_most(place: Any) -> None:
    place.write("job.py", STAGED)

    done = place.run("--no-graph", "-o", "job.eprof", "job.py")

    assert place.report()["functions"] == []
    assert b"functions (sampled" not in done.stderr


def test_functions_are_shown_around_one_short_stage(place: Any) -> None:
    place.write("job.py", STAGED.replace("+ 0.4", "+ 1.5").replace("+ 0.9", "+ 0.05"))

    place.run("-q", "--no-graph", "-o", "job.eprof", "job.py")

    run, report = load(place.folder / "job.eprof"), place.report()
    rows = {row["function"]: row for row in report["functions"] if row["stage"] is None}
    (line,) = [line for line in report["ledger"] if line["domain"] == "cpu"]
    outside_j = sum(row["energy_j"] for row in rows.values())
    assert rows["prepare"]["energy_j"] > 0.5 * outside_j > 0
    assert outside_j <= line["outside_j"] + line["idle_j"] + 1e-6
    parts = ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
    assert sum(line[part] for part in parts) == pytest.approx(line["measured_j"], abs=1e-6)
    assert run.is_told_by_functions
    assert {row.stage for row in run.view(View(level="function")).stages} >= {"training"}


def test_no_stacks_leaves_the_signal_alone(place: Any) -> None:
    place.write(
        "job.py", "import signal\nprint(signal.getsignal(signal.SIGURG) == signal.SIG_DFL)\nsum(range(10**7))\n"
    )

    done = place.run("-q", "--no-graph", "--no-stacks", "-o", "job.eprof", "job.py")

    assert done.stdout == b"True\n"
    assert place.report()["functions"] == []


def test_the_stacks_of_a_function_have_its_energy(place: Any) -> None:
    place.write("job.py", STAGED)
    place.run("-q", "--no-graph", "--stacks", "-o", "job.eprof", "job.py")
    run = load(place.folder / "job.eprof")
    table, nodes = run.attribution.functions, run.trace.stacks.nodes

    assert table is not None
    assert {"prepare", "train"} <= {function.name for function in table.functions}
    innermost = [run.trace.stacks.functions[function] for function in nodes.function[table.stack_node].tolist()]
    for found in run.attribution.domains:
        assert found.functions is not None
        assert len(table.stack_node) == len(found.functions.stack_j)
        for row, (function, stage) in enumerate(zip(table.functions, table.stage.tolist(), strict=True)):
            mine = [one == function and at == stage for one, at in zip(innermost, table.stack_stage, strict=True)]
            # Each is rounded down to a whole microjoule.
            parts_j = found.functions.stack_j[np.array(mine, np.bool_)]
            assert abs(parts_j.sum() - found.functions.energy_j[row]) <= 1e-6 * (len(parts_j) + 1)
