"""Programs that take hold of signals, tracing, descriptors, start-up and the interpreter run as they do without us."""

from __future__ import annotations

import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from energyprof.model.report import Report
from energyprof.run import load

SIGNALS = """\
import atexit, faulthandler, os, signal, sys, threading, time
from energyprof import stage

seen = []
def handler(number, frame):
    with stage("handler"):
        seen.append(signal.Signals(number).name)

faulthandler.enable(all_threads=False)
for name in ("SIGALRM", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGURG", "SIGPROF", "SIGHUP"):
    signal.signal(getattr(signal, name), handler)
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.siginterrupt(signal.SIGALRM, True)
reading, writing = os.pipe2(os.O_NONBLOCK)
signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
with stage("raised"):
    for name in ("SIGUSR1", "SIGUSR2", "SIGTERM", "SIGURG", "SIGHUP", "SIGINT"):
        signal.raise_signal(getattr(signal, name))
with stage("timer"):
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while "SIGALRM" not in seen:
        time.sleep(0.001)
print(seen, os.read(reading, 100))
signal.set_wakeup_fd(-1)
with stage("blocked"):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.kill(os.getpid(), signal.SIGUSR1)
    print(sorted(map(int, signal.sigpending())))
    print(signal.sigwait([signal.SIGUSR1]), signal.getsignal(signal.SIGCHLD), signal.getsignal(signal.SIGINT))
    print(sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))))
faulthandler.dump_traceback(all_threads=False)
with stage("closed"):
    os.chdir("/")
    os.closerange(3, 256)
    print(os.open(os.devnull, os.O_RDONLY))
begun = threading.Event()
def for_ever():
    with stage("daemon"):
        begun.set()
        threading.Event().wait()
threading.Thread(target=for_ever, daemon=True).start()
begun.wait()
def last():
    with stage("at exit"):
        print("last", threading.active_count())
atexit.register(last)
sys.exit(9)
"""
TRACING = """\
import bdb, cProfile, pstats, sys, threading
from energyprof import stage

def work(depth=2):
    with stage(f"work {depth}"):
        return [work(depth - 1)] if depth else []

@stage
def decorated():
    return work(0)

def mine(frame):
    return frame.f_code.co_filename == __file__

events = []
def note(frame, event, argument):
    if mine(frame):
        events.append((frame.f_code.co_name, event, frame.f_lineno))
    return note

for start in (sys.setprofile, sys.settrace):
    start(note)
    work(), decorated()
    start(None)
    print(len(events), events[-12:])
    events.clear()
threading.setprofile(note)
thread = threading.Thread(target=work)
thread.start()
thread.join()
threading.setprofile(None)
print(len(events), sys.getprofile(), sys.gettrace())

profile = cProfile.Profile()
profile.runcall(work)
stats = pstats.Stats(profile).stats
print(sorted((name, line, row[0]) for (file, line, name), row in stats.items() if file == __file__))

class Debugger(bdb.Bdb):
    def user_line(self, frame):
        if mine(frame):
            print(frame.f_code.co_name, frame.f_lineno)
        self.set_step()

Debugger(skip=["energyprof.*"]).runcall(decorated)
"""
DEBUGGED = """\
from energyprof import stage
def add(one, two):
    with stage("add"):
        three = one + two
    return three
print(add(1, 2))
"""
COMMANDS = b"break 4\ncontinue\np one, two\nnext\nnext\np three\nwhere\ncontinue\nquit\n"
FLAGGED = """\
import asyncio, concurrent.futures, sys, warnings
from energyprof import stage
with stage("all"):
    print(sys.flags, sys.warnoptions, sys._xoptions, __debug__, sys.argv)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        print(pool.submit(abs, -1).result())
    asyncio.run(asyncio.sleep(0))
    try:
        warnings.warn("old", DeprecationWarning)
    except DeprecationWarning as error:
        print(repr(error))
"""
IN_ENVIRONMENT = """\
import energyprof, sys, theirs
with energyprof.stage("here"):
    print(sys.hooks, sys.prefix)
"""
FLAGS = ["-OO", "-B", "-W", "error", "-X", "dev", "-u"]
VARIABLES = {
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONDEVMODE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONHASHSEED": "7",
    "PYTHONNOUSERSITE": "1",
    "PYTHONASYNCIODEBUG": "1",
}


def report_of(place: Any) -> Report:
    (path,) = place.recordings()
    return load(path).report()


def calls_in(place: Any) -> dict[str, int]:
    return {str(row.stage): row.calls for row in report_of(place).stages}


def check(place: Any, words: list[str], calls: dict[str, int], **more: Any) -> None:
    """Run `python WORDS` bare and with us: the same but for what is recorded."""
    bare = place.call([sys.executable, *words], **more)
    # The console script may name the same interpreter by another link.
    ours = place.run("-q", "--no-graph", "--python", sys.executable, *words, **more)

    assert (ours.stdout, ours.stderr, ours.returncode) == (bare.stdout, bare.stderr, bare.returncode)
    assert calls_in(place) == calls
    assert place.leftovers() == []


def test_signals_masks_wakeups_descriptors_and_daemons_are_the_programs_own(place: Any) -> None:
    place.write("job.py", SIGNALS)

    calls = {"raised": 1, "raised/handler": 5, "timer": 1, "timer/handler": 1, "blocked": 1, "closed": 1}
    check(place, ["job.py"], {**calls, "daemon": 1, "at exit": 1})


def test_profilers_and_tracers_of_the_programs_own_see_what_they_would(place: Any) -> None:
    place.write("job.py", TRACING)

    calls = {"work 2": 5 - 1, "work 2/work 1": 4, "work 2/work 1/work 0": 4}
    check(place, ["job.py"], {**calls, "decorated": 3, "decorated/work 0": 3})


def test_a_debugger_stops_and_shows_the_same(place: Any) -> None:
    place.write("job.py", DEBUGGED)

    check(place, ["-m", "pdb", "job.py"], {"add": 1}, stdin=COMMANDS)


@pytest.mark.parametrize(("flags", "variables"), [(FLAGS, {}), ([], VARIABLES)], ids=["options", "environment"])
def test_options_of_python_reach_it(place: Any, flags: list[str], variables: dict[str, str]) -> None:
    place.write("job.py", FLAGGED)

    check(place, [*flags, "job.py", "-O", "-x"], {"all": 1}, environment=variables)


def test_an_environments_python_runs_its_own_hooks_and_knows_energyprof(place: Any) -> None:
    # Without the system's packages energyprof is not installed there: the recorder brings it along.
    venv.EnvBuilder(symlinks=True, with_pip=False).create(place.folder / "venv")
    (packages,) = (place.folder / "venv" / "lib").glob("python*/site-packages")
    Path(packages, "started.pth").write_text("import sys; sys.hooks = ['pth']\n")
    Path(packages, "sitecustomize.py").write_text("import sys; sys.hooks.append('site')\n")
    (place.folder / "lib").mkdir()
    place.write("lib/theirs.py", "")
    place.write("job.py", IN_ENVIRONMENT)

    ours = place.run("-q", "--no-graph", "--python", "venv/bin/python", "job.py", environment={"PYTHONPATH": "lib"})

    assert ours.stdout.decode().strip() == f"['pth', 'site'] {place.folder / 'venv'}"
    assert (ours.stderr, ours.returncode) == (b"", 0)
    assert calls_in(place) == {"here": 1}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--exec", "--", sys.executable, "-I", "job.py"], "-I of `"),
        (["-S", "job.py"], "-S of `"),
        (["--exec", "--", "/bin/echo", "1"], "the program is no Python"),
    ],
    ids=["-I", "-S", "no Python"],
)
def test_a_program_without_a_recorder_has_totals_and_one_warning(place: Any, words: list[str], why: str) -> None:
    place.write("job.py", "print(1)")

    done = place.run("--no-graph", *words)

    report = report_of(place)
    warnings = [line for line in report.warnings if "no recorder" in line]
    assert (done.stdout, done.returncode) == (b"1\n", 0)
    assert len(warnings) == 1
    assert why in warnings[0]
    assert " ".join(warnings[0].split()) in " ".join(done.stderr.decode().split())
    assert [str(row.stage) for row in report.stages] == ["program"]
    assert sum(row.measured_j for row in report.ledger) > 0


def test_children_that_keep_the_recorder_out_are_said(place: Any) -> None:
    child = "import glob, os, time\nwhile not any(map(os.path.getsize, glob.glob('*.eprof'))): time.sleep(0.01)\n"
    place.write("child.py", child + "time.sleep(0.5)\n")
    place.write("job.py", "import subprocess, sys\nsubprocess.run([sys.executable, '-I', 'child.py'])\n")

    done = place.run("-q", "--no-graph", "job.py")

    assert (done.stderr, done.returncode) == (b"", 0)
    (line,) = (line for line in report_of(place).warnings if "kept the recorder out" in line)
    assert "-I child.py`" in line


def test_options_of_python_do_not_go_with_other_programs(place: Any) -> None:
    done = place.run("-O", "--exec", "--", "/bin/echo", "1")

    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "energyprof: -O is Python's and --exec runs any program; put it behind the program's name"
    ]
