"""Whatever made a child and however short it lives: its stages have its CPU time and energy, and all counts once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from energyprof.attribute.cpu_time import cpu_times
from energyprof.capture import read_trace

LAUNCHING = """\
import concurrent.futures, multiprocessing, os, resource, subprocess, sys, time
from multiprocessing import forkserver, resource_tracker
import energyprof
stage = energyprof.stage

def burn(cpu_s):
    end_s = time.thread_time() + cpu_s
    while time.thread_time() < end_s:
        pass

@stage
def work(number):
    burn(0.006)
    return number

CODE = '''
import energyprof, time
with energyprof.stage("work"):
    end_s = time.thread_time() + 0.006
    while time.thread_time() < end_s:
        pass
'''

def main():
    for _ in range(4):
        with stage("os._exit"):
            if os.fork() == 0:
                work(0)
                os._exit(0)
            os.wait()
        with stage("exec"):
            if os.fork() == 0:
                os.execv(sys.executable, [sys.executable, "-c", CODE])
            os.wait()
        with stage("subprocess"):
            subprocess.run([sys.executable, "-c", CODE], check=True)
    for method in "fork", "spawn", "forkserver":
        context = multiprocessing.get_context(method)
        with stage(method):
            process = context.Process(target=work, args=(1,))
            process.start()
            process.join()
        with stage(method + " pool"), context.Pool(2) as pool:
            pool.map(work, range(8))
        with stage(method + " executor"):
            with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
                list(executor.map(work, range(8)))

if __name__ == "__main__":
    before_s = time.process_time()
    main()
    after_s = time.process_time()
    forkserver._forkserver._stop()  # the kernel tells what a child has used once it was waited for
    resource_tracker._resource_tracker._stop()
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    outside_s = before_s + time.process_time() - after_s
    print(sum(one.ru_utime + one.ru_stime for one in usage), time.monotonic_ns(), outside_s)
"""
LOADING = """\
import resource, time
import energyprof, torch
from torch.utils.data import DataLoader, Dataset
stage = energyprof.stage

def burn(cpu_s):
    end_s = time.thread_time() + cpu_s
    while time.thread_time() < end_s:
        pass

class Numbers(Dataset):
    def __len__(self):
        return 20
    def __getitem__(self, index):
        with stage("work"):
            burn(0.006)
            return torch.tensor(index)

def main():
    with stage("reading"):
        list(DataLoader(Numbers(), batch_size=2, num_workers=2))
    with stage("persistent reading"):
        loader = DataLoader(Numbers(), batch_size=2, num_workers=2, persistent_workers=True)
        for _ in range(2):
            list(loader)
    return loader  # its workers are ended with the program

if __name__ == "__main__":
    loader = main()
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(sum(one.ru_utime + one.ru_stime for one in usage), time.monotonic_ns(), 0.0)
"""
PROGRAMS = {"launching": LAUNCHING, "loading": LOADING}
CALLS = {
    "launching": {
        **dict.fromkeys(("os._exit", "exec", "subprocess"), 4),
        **dict.fromkeys(("fork", "spawn", "forkserver"), 1),
        **{f"{method} {pool}": 8 for method in ("fork", "spawn", "forkserver") for pool in ("pool", "executor")},
    },
    "loading": {"reading/loader": 20, "persistent reading/loader": 40},
}
EACH_S = 0.006
CHILDREN = [(name, made_by) for name, calls in CALLS.items() for made_by in calls]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, workplace_class: Any) -> dict[str, Any]:
    """By program: what it said of its CPU time, with its children, when, and outside its stages; report and trace."""
    place = workplace_class(
        tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("t")
    )
    runs: dict[str, Any] = {}
    for name, text in PROGRAMS.items():
        place.write("job.py", text)
        done = place.run("-q", "--no-graph", "-o", f"{name}.eprof", "job.py")
        assert (done.returncode, done.stderr) == (0, b"")
        report = place.report(f"{name}.eprof")
        used_s, asked_ns, outside_s = done.stdout.split()
        runs[name] = (
            (float(used_s), int(asked_ns), float(outside_s)),
            report,
            read_trace(place.folder / f"{name}.eprof"),
        )
    assert [name for name in place.leftovers() if name.startswith("energyprof")] == []
    return runs


@pytest.mark.parametrize(("name", "made_by"), CHILDREN)
def test_the_stages_of_a_child_have_its_calls_and_its_cpu_time(recorded: Any, name: str, made_by: str) -> None:
    _, report, _ = recorded[name]
    calls = CALLS[name][made_by]

    stages = {stage["stage"]: stage for stage in report["stages"]}

    assert stages[f"{made_by}/work"]["calls"] == calls
    # On a busy machine a worker may be ended before what its last calls took was read: 0.86 was seen.
    assert 0.75 < stages[f"{made_by}/work"]["cpu_s"] / (EACH_S * calls) < 1.5
    assert stages[f"{made_by}/work"]["self_sum"]["energy_j"] > 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_else_is_in_the_graph(recorded: Any, name: str) -> None:
    _, report, _ = recorded[name]

    makers = {*CALLS[name], *(above for maker in CALLS[name] if (above := maker.rpartition("/")[0]))}
    assert {stage["stage"] for stage in report["stages"]} == {*makers, *(f"{maker}/work" for maker in CALLS[name])}


def test_all_cpu_time_counts_once(recorded: Any) -> None:
    (used_s, asked_ns, _), _, trace = recorded["launching"]

    times = cpu_times(trace.cpu, trace.run.start_ns, trace.lanes)
    end_ns = np.array([float(asked_ns - trace.run.start_ns)])  # it goes on for a while after that
    counted_s = float(times.of_all(np.zeros(1), end_ns)[0]) * 1e-9

    assert 0.85 * used_s < counted_s < 1.05 * used_s + 0.2


def test_little_is_outside_where_all_is_done_in_stages(recorded: Any) -> None:
    (used_s, _, outside_s), report, _ = recorded["launching"]
    (ledger,) = report["ledger"]

    # Python starts and ends outside them.
    dynamic_j = ledger["outside_j"] + ledger["stages_j"]
    assert ledger["outside_j"] < (0.1 + outside_s / used_s) * dynamic_j
