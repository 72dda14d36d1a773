"""Functions by sampling: their part of the energy on programs with known shares, and a program that does not notice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from energyprof_plugins.power.load_model import machine_model

# Who has not got a core is not sampled.
pytestmark = pytest.mark.alone

# No clock is read while the functions work: reading a thread's CPU time makes the scheduler look whether its slice is
# over, so that on a busy machine threads are put aside, and signals arrive, mostly there.
FUNCTIONS = Path(__file__).with_name("known_functions.py").read_text()
KNOWN = """
import random, time
import numpy

def arrays(times, values=numpy.random.default_rng(0).random(1_500_000)):
    for _ in range(times):
        numpy.sort(values)

def timed(work, times):
    began = time.thread_time()
    work(times)
    return time.thread_time() - began

budgets = [(loop, .036), (builtins, .03), (texts, .024), (recursion, .03)]
plan = [(work, max(1, round(20 * budget_s / timed(work, 20)))) for work, budget_s in budgets]
spent = {}
shuffle = random.Random(1).shuffle
for number in range(24):
    order = [*plan, (arrays, 1)] if number % 3 == 0 else [*plan]
    shuffle(order)
    for work, times in order:
        spent[work.__name__] = spent.get(work.__name__, 0.0) + timed(work, times)
print(json.dumps(spent))
"""


def functions(place: Any) -> list[dict[str, Any]]:
    """Return the rows of a recording's functions."""
    rows: list[dict[str, Any]] = place.report()["functions"]
    return rows


def test_shares_of_known_functions_are_within_five_points(place: Any) -> None:
    place.write("known.py", FUNCTIONS + KNOWN)

    done = place.run("-q", "--no-graph", "-o", "job.eprof", "known.py")

    spent = json.loads(done.stdout)
    every = functions(place)
    rows = {row["function"]: row for row in every if row["file"].endswith("known.py")}
    seen = {name: rows[name]["total_j"] for name in spent}
    for name, cpu_s in spent.items():
        true, found = cpu_s / sum(spent.values()), seen[name] / sum(seen.values())
        assert abs(found - true) < 0.05, f"{name}: {found:.3f} of {true:.3f}, {rows[name]['samples']} samples"
    assert rows["fib"]["total_j"] <= rows["recursion"]["total_j"]
    assert rows["recursion"]["energy_j"] < 0.3 * rows["recursion"]["total_j"]
    whole = sum(row["energy_j"] for row in every)
    assert 0.8 * whole < rows["<module>"]["total_j"] <= whole + 1e-6 * len(every)  # each row is whole microjoules
    assert all(row["low_j"] <= row["energy_j"] <= row["high_j"] for row in rows.values())
    assert {row["stage"] for row in rows.values()} == {"program"}
    assert {row["provenance"] for row in rows.values()} == {"estimated (model)"}


# What a function ought to have, by the model's own watts and what it says of itself: wall and CPU time.
TOLD = """\
import json, os, sys, time
spent = {}
def timed(work, *arguments):
    wall_s, cpu_s = time.monotonic(), time.thread_time()
    work(*arguments)
    spent[work.__name__] = [spent.get(work.__name__, [0, 0])[0] + time.monotonic() - wall_s,
                            spent.get(work.__name__, [0, 0])[1] + time.thread_time() - cpu_s]
def busy(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        for _ in range(100): sum(range(1_000))
def wait_for_the_first_sample():
    stacks = os.path.join(os.environ["ENERGYPROF_RUN_DIR"], "stacks")
    until = time.monotonic() + 20
    ours = [gate for gate in os.listdir(stacks) if gate.startswith(f"{os.getpid()}-")]
    touched = {gate: os.stat(os.path.join(stacks, gate)).st_mtime_ns for gate in ours}
    while all(os.stat(os.path.join(stacks, gate)).st_mtime_ns == t_ns for gate, t_ns in touched.items()):
        time.sleep(.01)
        if time.monotonic() > until: sys.exit("never sampled")
wait_for_the_first_sample()
"""


def test_a_sleeping_function_has_its_share_of_the_baseline_and_nothing_else(place: Any) -> None:
    place.write(
        "job.py",
        TOLD
        + """\
def nap(): time.sleep(.4)
def work(): busy(.4)
for _ in range(4):  # seldom from one to the other: a look at CPU time that comes late sees some of both
    timed(nap)
    timed(work)
print(json.dumps(spent))
""",
    )

    done = place.run("--no-graph", "-o", "job.eprof", "job.py")

    model = machine_model("/", "/nowhere")
    baseline_w, dynamic_w = model.idle_w, model.busy_w(1.0)
    true_j = {
        name: baseline_w * wall_s + dynamic_w * cpu_s for name, (wall_s, cpu_s) in json.loads(done.stdout).items()
    }
    rows = {row["function"]: row for row in functions(place)}
    found_j = {name: rows[name]["total_j"] for name in true_j}
    assert b"functions (sampled every 10 ms" in done.stderr
    assert rows["nap"]["samples"] > 60
    for name, energy_j in true_j.items():
        true, found = energy_j / sum(true_j.values()), found_j[name] / sum(found_j.values())
        assert abs(found - true) < 0.05, f"{name}: {found:.3f} of {true:.3f}, {rows[name]['samples']} samples"


def test_work_of_threads_and_forked_children_is_found_where_it_is_done(place: Any) -> None:
    place.write(
        "job.py",
        TOLD
        + """\
import multiprocessing, threading
def in_thread(): timed(busy, .8)
def in_child(): timed(busy, .8)
def child():
    spent.clear()
    wait_for_the_first_sample()  # a child is followed a little late
    in_child()
    print(*spent["busy"])
def wait_for(worker):
    worker.start()
    worker.join()
wait_for(threading.Thread(target=in_thread))
print(*spent["busy"], flush=True)
wait_for(multiprocessing.get_context("fork").Process(target=child))
""",
    )

    done = place.run("-q", "--no-graph", "-o", "job.eprof", "job.py")

    model = machine_model("/", "/nowhere")
    baseline_w, dynamic_w = model.idle_w, model.busy_w(1.0)
    told = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
    thread_j, child_j = (baseline_w * wall_s + dynamic_w * cpu_s for wall_s, cpu_s in told)

    rows = {row["function"]: row for row in functions(place)}
    whole_j = rows["in_child"]["total_j"] + rows["in_thread"]["total_j"]
    assert rows["busy"]["total_j"] == pytest.approx(whole_j, rel=0.05)
    true = child_j / (thread_j + child_j)
    assert rows["in_child"]["total_j"] / whole_j == pytest.approx(true, abs=0.1)


def test_sleeping_threads_have_no_more_than_their_cpu_time(place: Any) -> None:
    place.write(
        "job.py",
        TOLD
        + """\
import threading
done = threading.Event()
def nap():
    while not done.is_set(): time.sleep(.02)
    spent["nap"] = time.thread_time()
def wait(): done.wait()
def work():
    wait_for_the_first_sample()  # until then the other threads are all that is seen
    busy(2)
threads = [threading.Thread(target=target) for target in (nap, wait)]
for thread in threads: thread.start()
work()
done.set()
for thread in threads: thread.join()
print(json.dumps({**spent, "all": time.process_time()}))
""",
    )

    done = place.run("-q", "--no-graph", "-o", "job.eprof", "job.py")

    spent = json.loads(done.stdout)
    rows = {row["function"]: row for row in functions(place)}
    whole_j = sum(row["energy_j"] for row in functions(place))
    true_j = whole_j * spent["nap"] / spent["all"]
    assert rows["nap"]["samples"] > 0
    assert rows["nap"]["low_j"] <= true_j <= rows["nap"]["high_j"]
    assert rows["nap"]["energy_j"] < true_j + 0.03 * whole_j
    assert rows.get("wait", {"total_j": 0.0})["total_j"] < 0.03 * whole_j
    assert rows["work"]["total_j"] > 0.5 * whole_j


def test_what_a_function_holds_lives_no_longer_for_having_been_looked_at(place: Any) -> None:
    place.write(
        "job.py",
        """\
import gc, threading, time, weakref
gc.disable()  # what goes in a circle stays
class Thing: pass
def held(thread):
    thing = Thing()
    thread.join()  # no signal reaches the main thread here
    return weakref.ref(thing)
left = [held(thread) for thread in [threading.Thread(target=time.sleep, args=(.4,))] if not thread.start()]
print([it() for it in left])
""",
    )

    done = place.run("-q", "--no-graph", "-o", "job.eprof", "job.py")

    assert (done.returncode, done.stdout) == (0, b"[None]\n"), done.stderr
    assert "held" in {row["function"] for row in functions(place)}


STAGED = Path(__file__).with_name("staged_functions.py").read_text()


def test_functions_of_stages_are_sampled_when_asked_for(place: Any) -> None:
    place.write("job.py", STAGED)

    place.run("-q", "--no-graph", "--stacks", "-o", "job.eprof", "job.py")

    rows = {row["function"]: row for row in functions(place)}
    report = place.report()
    (training,) = (row for row in report["stages"] if row["stage"] == "training")
    assert rows["train"]["stage"] == "training"
    assert rows["train"]["energy_j"] == pytest.approx(training["self_sum"]["energy_j"], rel=0.25)
    assert rows["train"]["energy_j"] <= training["self_sum"]["energy_j"]
    assert "prepare" not in rows or rows["prepare"]["stage"] is None
