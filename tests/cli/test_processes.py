"""Children of every making stand in the report below the stage that made them, each with its own calls and times."""

from __future__ import annotations

import time
from typing import Any

import pytest

from energyprof.capture import read_trace
from energyprof.model.ids import UNSEEN_CHILDREN

pytestmark = pytest.mark.slow

LAUNCHES = """\
import multiprocessing, os, shlex, subprocess, sys
import energyprof

CODE = "import energyprof\\nwith energyprof.stage('child'): pass\\n"
CHILD = [sys.executable, "-c", CODE]
LINE = f'true; "{sys.executable}" -c "{CODE}"; true'


@energyprof.stage
def work(number):
    return number


def start(context):
    process = context.Process(target=work, args=(1,))
    process.start()
    process.join()


def main():
    stage = energyprof.stage
    with stage("popen"):
        subprocess.run(CHILD, check=True)
    with stage("shell"):
        subprocess.run(LINE, shell=True, check=True)
    with stage("shells"):
        subprocess.run(["sh", "-c", f"sh -c {shlex.quote(LINE)}; true"], check=True)
    with stage("system"):
        os.system(LINE)
    with stage("posix_spawn"):
        os.waitpid(os.posix_spawn(sys.executable, CHILD, os.environ), 0)
    with stage("spawnv"):
        os.spawnv(os.P_WAIT, sys.executable, CHILD)
    with stage("preexec"):
        subprocess.run(CHILD, check=True, preexec_fn=os.getpid)
    with stage("bare"):
        subprocess.run(CHILD, check=True, env={"PATH": os.environ["PATH"]})
    for method in "fork", "spawn", "forkserver":
        with stage(method):
            start(multiprocessing.get_context(method))
    with stage("forkserver again"):
        start(multiprocessing.get_context("forkserver"))
    with stage("daemon"):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                with stage("grandchild"):
                    return
            os._exit(0)
        os.close(writing)
        os.wait()
        os.read(reading, 1)  # until the grandchild has ended
    with stage("fork and exec"):
        if os.fork() == 0:
            os.execv(sys.executable, CHILD)
        os.wait()
    with stage("failed exec"):
        try:
            os.execv("/no/such/program", ["it"])
        except FileNotFoundError as error:
            print(error)
    if os.fork() == 0:
        with stage("other exec"):
            os.execvp("true", ["true"])
    os.wait()
    sys.stdout.flush()
    with stage("exec"):
        os.execv(sys.executable, CHILD)


if __name__ == "__main__":
    main()
"""


def report_of(place: Any) -> dict[str, Any]:
    report: dict[str, Any] = place.report()
    return report


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory, workplace_class: Any) -> dict[str, Any]:
    place = workplace_class(*map(tmp_path_factory.mktemp, ("launched", "cache", "t")))
    place.write("job.py", LAUNCHES)
    done = place.run("-o", "job.eprof", "job.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"[Errno 2] No such file or directory\n"
    assert [name for name in place.leftovers() if name.startswith("energyprof")] == []
    return report_of(place)


MADE_BY_LAUNCH = ("popen", "shell", "shells", "system", "posix_spawn", "spawnv", "preexec", "fork and exec", "exec")
MADE_BY_MULTIPROCESSING = ("fork", "spawn", "forkserver", "forkserver again")


@pytest.mark.parametrize("made_by", MADE_BY_LAUNCH)
def test_a_launched_python_stands_below_the_stage_that_launched_it(launched: Any, made_by: str) -> None:
    calls = {tuple(stage["path"]): stage["calls"] for stage in launched["stages"]}

    assert (calls[made_by,], calls[made_by, "child"]) == (1, 1)


@pytest.mark.parametrize("made_by", MADE_BY_MULTIPROCESSING)
def test_a_worker_stands_below_the_stage_that_started_it(launched: Any, made_by: str) -> None:
    calls = {tuple(stage["path"]): stage["calls"] for stage in launched["stages"]}

    assert (calls[made_by,], calls[made_by, "work"]) == (1, 1)


def test_nothing_else_is_in_the_graph(launched: Any) -> None:
    tops = {stage["path"][0] for stage in launched["stages"]}

    assert tops == {*MADE_BY_LAUNCH, *MADE_BY_MULTIPROCESSING, "bare", "daemon", "failed exec", "other exec"}
    assert all(stage["calls"] == 1 for stage in launched["stages"])


def test_a_daemon_stands_below_the_stage_that_forked_it_twice(launched: Any) -> None:
    assert ["daemon", "grandchild"] in [stage["path"] for stage in launched["stages"]]


def test_a_child_without_our_environment_is_not_recorded(launched: Any) -> None:
    assert [stage["path"] for stage in launched["stages"] if stage["path"][0] == "bare"] == [["bare"]]


def test_children_cause_no_warning_of_their_own(launched: Any) -> None:
    words = ("ends of stages", "cut short", "without a name", "cut off")

    assert [line for line in launched["warnings"] if any(word in line for word in words)] == []


DAEMON = """\
import os, sys
import energyprof

with energyprof.stage("daemonise"):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        spans = 0
        while len(os.listdir("/proc/self/task")) > 1 or spans < 1000:  # until the recorder's thread has gone
            for _ in range(100):
                with energyprof.stage("outlive"):
                    spans += 1
            if spans == 200_000:
                os.write(writing, b"recorded")
        open("quiet", "w").close()
        os._exit(0)
    os.wait()
    os.read(reading, 8)
"""


def test_a_run_ends_with_its_program_whatever_a_daemon_goes_on_writing(place: Any) -> None:
    place.write("job.py", DAEMON)

    done = place.run("-o", "job.eprof", "job.py")
    left = place.leftovers()
    deadline_s = time.monotonic() + 20
    while place.members() and time.monotonic() < deadline_s:
        time.sleep(0.02)

    report = report_of(place)
    assert (done.returncode, left) == (0, [])
    assert (place.folder / "quiet").exists()
    assert place.members() == []
    assert {stage["stage"]: stage["calls"] > 100_000 for stage in report["stages"]} == {
        "daemonise": False,
        "daemonise/outlive": True,
    }
    assert [line for line in report["warnings"] if "spool" in line or "dropped" in line] == []


PASSING = """\
import json, os, resource, time
import energyprof

def burn(cpu_s):
    end_s = time.thread_time() + cpu_s
    while time.thread_time() < end_s:
        pass

for _ in range(8):
    with energyprof.stage("children"):
        for _ in range(10):
            if os.fork() == 0:
                burn(0.008)
                os._exit(0)
            os.wait()
    with energyprof.stage("own"):
        burn(0.03)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(os.getpid(), usage.ru_utime + usage.ru_stime)
"""


def test_children_too_short_lived_to_be_seen_are_counted_where_they_were_made(place: Any) -> None:
    place.write("job.py", PASSING)

    done = place.run("-q", "-o", "job.eprof", "job.py")

    root, used_s = int(done.stdout.split()[0]), float(done.stdout.split()[1])
    cpu = read_trace(place.folder / "job.eprof").cpu
    columns = (cpu.pid.tolist(), cpu.tid.tolist(), cpu.cpu_ns.tolist())
    counted = {(pid, tid): cpu_ns * 1e-9 for pid, tid, cpu_ns in zip(*columns, strict=True)}  # the last row stays
    unseen_s = counted.get((root, UNSEEN_CHILDREN), 0.0)
    seen_s = sum(cpu_s for (pid, tid), cpu_s in counted.items() if tid == 0 and pid != root)
    report = report_of(place)
    stages = {stage["stage"]: stage["self_sum"]["energy_j"] for stage in report["stages"]}
    assert unseen_s > 0
    assert (
        used_s * 0.75 < unseen_s + seen_s <= used_s + 0.001
    )  # the kernel tells whole ticks, the last ones not at once
    assert report["ledger"][0]["outside_j"] < 0.2 * report["ledger"][0]["measured_j"]
    assert stages["children"] > stages["own"]


LOADERS = """\
import energyprof, torch
from torch.utils.data import DataLoader, Dataset

class Numbers(Dataset):
    def __len__(self):
        return 12
    def __getitem__(self, index):
        with energyprof.stage("load"):
            return torch.tensor(index)

if __name__ == "__main__":
    with energyprof.stage("loading"):
        loader = DataLoader(Numbers(), batch_size=2, num_workers=2)
        for _ in range(2):
            list(loader)
    with energyprof.stage("persistent"):
        loader = DataLoader(Numbers(), batch_size=2, num_workers=2, persistent_workers=True)
        for _ in range(2):
            list(loader)
"""
# Without torch, which each spawned worker would load.
POOLS = """\
import concurrent.futures, multiprocessing
import energyprof

@energyprof.stage
def work(number):
    return number

if __name__ == "__main__":
    for method in "fork", "spawn":
        context = multiprocessing.get_context(method)
        with energyprof.stage(method + " pool"), context.Pool(2) as pool:
            pool.map(work, range(4))
        with energyprof.stage(method + " executor"):
            with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
                list(executor.map(work, range(4)))
"""


@pytest.mark.parametrize(
    ("program", "worked"),
    [
        (LOADERS, {"loading/loader/load": 24, "persistent/loader/load": 24}),
        (POOLS, {"fork pool/work": 4, "fork executor/work": 4, "spawn pool/work": 4, "spawn executor/work": 4}),
    ],
    ids=["loaders", "pools and executors"],
)
def test_workers_stand_below_the_stage_that_made_them(place: Any, program: str, worked: dict[str, int]) -> None:
    place.write("job.py", program)

    done = place.run("-q", "--no-graph", "-o", "job.eprof", "job.py")

    assert done.returncode == 0, done.stderr
    calls = {stage["stage"]: stage["calls"] for stage in report_of(place)["stages"]}
    assert {name: count for name, count in calls.items() if name.endswith(("/load", "/work"))} == worked
    assert [name for name in place.leftovers() if name.startswith("energyprof")] == []  # killed workers leave theirs


KILLED = """\
import os, signal, sys, time
import energyprof

children = []
for number in range(3):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        if number < 2:
            with energyprof.stage("busy"):
                os.write(writing, b"x")
                time.sleep(60)
        with energyprof.stage("done"):
            pass
        time.sleep(0.6)  # until it is written
        os.write(writing, b"x")
        time.sleep(60)
    os.read(reading, 1)
    children.append(pid)
time.sleep(0.6)
for pid in children:
    os.kill(pid, signal.SIGTERM)
print(*[os.waitpid(pid, 0)[1] for pid in children], *children)
"""


def test_children_killed_inside_a_stage_are_said_and_those_that_had_written_all_are_not(place: Any) -> None:
    place.write("job.py", KILLED)

    done = place.run("-q", "--no-graph", "-o", "job.eprof", "job.py")

    statuses, pids = done.stdout.split()[:3], done.stdout.decode().split()[3:]
    report = report_of(place)
    assert statuses == [b"15"] * 3
    (said,) = (line for line in report["warnings"] if "killed inside a stage" in line)
    assert said.startswith(f"2 child processes were killed inside a stage (pid {pids[0]}, {pids[1]}): ")
    assert {stage["stage"]: stage["calls"] for stage in report["stages"]} == {"busy": 2, "done": 1}


KILLED_AT_ONCE = """\
import multiprocessing, os, signal, sys, time
import energyprof

def work():
    with energyprof.stage("busier"):
        for _ in range(1000):
            with energyprof.stage("busy"):
                pass
        time.sleep(0.1)  # half as long as recorders keep what they have
        open("at work", "w").close()
        signal.pause()

if __name__ == "__main__":
    with energyprof.stage("hand out"):
        worker = multiprocessing.get_context(sys.argv[1]).Process(target=work)
        worker.start()
        while not os.path.exists("at work"):
            time.sleep(0.001)
        worker.kill()
        worker.join()
    print(worker.pid)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_worker_killed_before_it_wrote_what_it_had_recorded_is_said(place: Any, method: str) -> None:
    place.write("job.py", KILLED_AT_ONCE)

    done = place.run("-q", "--no-graph", "-o", "job.eprof", "job.py", method)

    pid = done.stdout.decode().strip()
    report = report_of(place)
    (said,) = (line for line in report["warnings"] if "killed inside a stage" in line)
    assert said.startswith(f"1 child process was killed inside a stage (pid {pid}): ")
    assert "may be missing" in said
    assert "hand out/busier" in {stage["stage"] for stage in report["stages"]}
