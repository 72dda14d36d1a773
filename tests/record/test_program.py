"""A recorded program is a native one: same output, same end, same modules; and what it did is in the spool."""

from __future__ import annotations

import ast
import site
import sys
from pathlib import Path
from typing import Any

import pytest

EVERYTHING = """
import sys, os, threading, warnings
print(sys.argv, __name__, sys.path[0] == os.path.dirname(os.path.abspath(__file__)))
print([entry for entry in sys.path if "record" in entry and entry.endswith("site")])
print(sorted(name for name in sys.modules if "customize" in name))
print(threading.active_count(), threading.enumerate() == [threading.main_thread()])
print(os.open(os.devnull, os.O_RDONLY))
print("to stderr", file=sys.stderr)
"""


@pytest.mark.parametrize("flags", [[], ["-W", "error"], ["-X", "dev"], ["-O"], ["-B"], ["-P"]], ids=" ".join)
def test_output_is_what_it_is_without_us(recording: Any, flags: list[str]) -> None:
    if flags == ["-P"] and sys.version_info < (3, 11):
        flags = []

    recorded = recording.run(EVERYTHING, "an argument", flags=flags)
    bare = recording.run_bare(EVERYTHING, "an argument", flags=flags)

    assert (recorded.returncode, recorded.stdout, recorded.stderr) == (bare.returncode, bare.stdout, bare.stderr)
    assert recorded.log == ""
    assert recorded.spool.is_ended


@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.exit(3)",
        "raise SystemExit('a message')",
        "def f():\n    raise ValueError('uncaught')\nf()",
        "import os; os._exit(7)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import atexit; atexit.register(print, 'at exit')",
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.05), print('late thread'))).start()",
        "import sys\nsys.modules['sitecustomize']",
        "import sitecustomize",
        "import torch_is_not_there",
        "import pickle\nclass Here: pass\nprint(pickle.dumps(Here(), 0))",
    ],
)
def test_every_way_to_end_is_what_it_is_without_us(recording: Any, text: str) -> None:
    recorded = recording.run(text, instruments=[("x", "torch_is_not_there", "no:thing", "")])
    bare = recording.run_bare(text)

    assert (recorded.returncode, recorded.stdout, recorded.stderr) == (bare.returncode, bare.stdout, bare.stderr)
    assert recorded.log == ""


def test_a_failing_stage_shows_the_programs_own_traceback(recording: Any) -> None:
    text = (
        "from energyprof import stage\n"
        "@stage\ndef inner(value):\n    return 1 / value\n"
        "def outer():\n    with stage('outer'):\n        inner(0)\nouter()\n"
    )

    recorded, bare = recording.run(text), recording.run_bare(text)

    assert (recorded.returncode, recorded.stderr) == (bare.returncode, bare.stderr)
    assert recorded.spool.told() == ["+outer", "+inner", "-inner", "-outer"]


def test_stages_are_recorded_with_their_place_and_declared_flow(recording: Any) -> None:
    program = recording.run(
        "import energyprof\n"
        "@energyprof.stage\ndef load():\n    pass\n"
        "load()\n"
        "with energyprof.stage('train', after='load'):\n    load()\n"
        "with energyprof.stage('odd\\n\\ud800 name' + 'x' * 5000):\n    pass\n"
    )

    spool = program.spool
    place = str(recording.folder / "program.py")
    odd = next(row["name"] for row in spool.names.values() if row["name"].startswith("odd"))
    assert spool.told() == [
        *("+load", "-load", "+train", "+load", "-load", "-train"),
        *(f"+{odd}", f"-{odd}"),
    ]
    assert {**spool.named("load"), "code": 0} == {
        "code": 0,
        "name": "load",
        "kind": "function",
        "file": place,
        "line": 2,
    }
    assert {**spool.named("train"), "code": 0} == {
        "code": 0,
        "name": "train",
        "kind": "stage",
        "file": place,
        "line": 6,
        "after": ["load"],
    }
    assert (odd[:10], len(odd)) == ("odd\n\ud800 name", 1_000)
    assert spool.head["argv"] == [place]
    assert spool.lanes[1] == {"lane": 1, "tid": spool.head["pid"], "kind": "thread", "name": "MainThread"}
    assert spool.facts["events"] == 8
    assert spool.facts["recorder_ns"] > 0


def test_times_rise_on_each_lane_and_lie_within_the_run(recording: Any) -> None:
    spool = recording.run(
        "from energyprof import stage\nfor _ in range(1000):\n    with stage('a'):\n        pass\n"
    ).spool

    (events,) = spool.events.values()
    times = [t_ns for _, t_ns in events]
    assert len(times) == 2_000
    assert times == sorted(times)
    assert times[0] > spool.head["perf_counter_ns"]


def test_a_long_recording_comes_in_several_segments_and_loses_nothing(recording: Any) -> None:
    spool = recording.run(
        "from energyprof import stage\na, b = stage('a'), stage('b')\n"
        "for _ in range(300_000):\n    with a, b:\n        pass\n"
    ).spool

    codes = [code for code, _ in spool.events[1]]
    a, b = spool.named("a")["code"], spool.named("b")["code"]
    assert codes == [a, b, -b, -a] * 300_000
    assert (spool.segments, spool.dropped, spool.facts["events"]) == (3, 0, 1_200_000)


def test_a_thread_stands_where_it_was_started(recording: Any) -> None:
    spool = recording.run(
        "import threading\nfrom concurrent.futures import ThreadPoolExecutor\nfrom energyprof import stage\n"
        "def work():\n    with stage('work'):\n        pass\n"
        "with stage('outer'):\n"
        "    thread = threading.Thread(target=work, name='worker')\n    thread.start()\n    thread.join()\n"
        "with stage('pool'), ThreadPoolExecutor(1) as pool:\n    pool.submit(work).result()\n"
    ).spool

    worker, item, pooled = sorted(lane for lane in spool.lanes if lane != 1)
    assert spool.told(1) == [
        "+outer",
        f"spawn {worker}",
        "-outer",
        "+pool",
        f"spawn {item}",
        f"spawn {pooled}",
        "-pool",
    ]
    assert spool.told(worker) == ["+work", "-work"]
    assert spool.told(pooled) == [f"run {item}", "+work", "-work", "run 0"]
    assert [spool.lanes[lane]["name"] for lane in (worker, item)] == ["worker", "work"]
    assert len({row["tid"] for row in spool.lanes.values() if row["kind"] == "thread"}) == 3


def test_many_threads_lose_and_mix_nothing(recording: Any) -> None:
    spool = recording.run(
        "import threading\nfrom energyprof import stage\n"
        "def work(number):\n    for _ in range(20_000):\n        with stage(f'thread {number}'):\n            pass\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()\n"
    ).spool

    told = [spool.told(lane) for lane in spool.events if lane != 1]
    assert sorted(told) == sorted([f"+thread {n}", f"-thread {n}"] * 20_000 for n in range(6))


def test_signal_handlers_that_record_tear_no_event(recording: Any) -> None:
    spool = recording.run(
        "import signal, time\nfrom energyprof import stage\n"
        "def handler(*_):\n    with stage('handler'):\n        pass\n"
        "signal.signal(signal.SIGALRM, handler)\nsignal.setitimer(signal.ITIMER_REAL, 2e-4, 2e-4)\n"
        "end = time.perf_counter() + 0.7\n"
        "while time.perf_counter() < end:\n    with stage('outer'), stage('inner'):\n        pass\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
    ).spool

    open_codes: list[int] = []
    for code, _ in spool.events[1]:
        if code > 0:
            open_codes.append(code)
        else:
            assert open_codes.pop() == -code
    handled = spool.named("handler")["code"]
    assert open_codes == []
    assert sum(code == handled for code, _ in spool.events[1]) > 500


def test_stages_after_the_end_of_recording_are_harmless(recording: Any) -> None:
    program = recording.run(
        "import atexit\nfrom energyprof import stage\n"
        "class Late:\n    def __del__(self):\n        with stage('late'):\n            pass\n"
        "late = Late()\n@atexit.register\ndef early():\n    with stage('at exit'):\n        pass\n"
    )

    assert program.stderr == ""
    assert program.spool.told() == ["+at exit", "-at exit"]


def test_a_signal_that_the_program_blocks_waits_for_it_however_young_our_thread_is(recording: Any) -> None:
    # The program keeps the interpreter to itself and so is ahead of our thread, as it may be on a busy machine.
    recorded = recording.run("""
import os, signal, sys
from energyprof import stage
sys.setswitchinterval(1000)
with stage("first"):
    pass
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGUSR1)
for _ in range(3_000_000):
    pass
print(signal.sigtimedwait([signal.SIGUSR1], 0) is not None)
""")

    assert (recorded.returncode, recorded.stdout, recorded.stderr) == (0, "True\n", "")
    assert recorded.spool.told() == ["+first", "-first"]


def test_a_program_that_marks_nothing_gets_no_thread(recording: Any) -> None:
    program = recording.run("import os\nprint(os.listdir('/proc/self/task') == [str(os.getpid())])")

    assert program.stdout == "True\n"


def test_users_own_sitecustomize_and_usercustomize_run(recording: Any) -> None:
    own = recording.folder / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text(
        "import sys\nspec_name = __spec__.name\nfile = __file__\nsys.own_sitecustomize = sys.modules[__name__]\n"
    )
    (own / "usercustomize.py").write_text("import sys\nsys.own_usercustomize = True\n")

    program = recording.run(
        "import sys, sitecustomize\n"
        "print(sitecustomize is sys.own_sitecustomize, sitecustomize.file, sitecustomize.spec_name)\n"
        "print(getattr(sys, 'own_usercustomize', None))\n",
        path=[str(own)],
    )

    user_site = "True" if site.ENABLE_USER_SITE else "None"
    assert program.stdout == f"True {own / 'sitecustomize.py'} sitecustomize\n{user_site}\n"
    assert program.stderr == ""


def test_a_failing_sitecustomize_of_the_users_fails_as_ever(recording: Any) -> None:
    own = recording.folder / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("raise RuntimeError('own fault')\n")

    recorded = recording.run("print('ran')", path=[str(own)])
    bare = recording.run_bare("print('ran')", more={"PYTHONPATH": str(own)})

    assert "own fault" in bare.stderr
    assert (recorded.returncode, recorded.stdout, recorded.stderr) == (bare.returncode, bare.stdout, bare.stderr)


def test_recording_starts_without_slow_imports(recording: Any) -> None:
    slow = {
        "collections",
        "dataclasses",
        "enum",
        "functools",
        "importlib",
        "inspect",
        "json",
        "re",
        "signal",
        "threading",
    }
    slow |= {"types", "typing", "warnings"}
    text = f"import sys\nprint(sorted({slow} & set(sys.modules)))"

    recorded, bare = recording.run(text), recording.run_bare(text)

    assert recorded.stdout == bare.stdout


def test_without_a_run_folder_nothing_happens(recording: Any) -> None:
    program = recording.run("print('ran')", more={"ENERGYPROF_RUN_DIR": str(recording.folder / "gone")})

    assert (program.returncode, program.stdout, program.stderr, program.spools) == (0, "ran\n", "", [])


@pytest.mark.parametrize("package", ["/nowhere", ""])
def test_a_missing_package_is_noted_and_not_shown(recording: Any, package: str) -> None:
    program = recording.run("print('ran')", more={"ENERGYPROF_PACKAGE": package})

    assert (program.returncode, program.stdout, program.stderr) == (0, "ran\n", "")
    assert ("FileNotFoundError" in program.log) == bool(package)


def test_a_launched_child_names_its_parent(recording: Any) -> None:
    program = recording.run(
        "import subprocess, sys\nfrom energyprof import stage\n"
        "child = 'import energyprof\\nwith energyprof.stage(\"child\"): pass'\n"
        "with stage('parent'):\n    subprocess.run([sys.executable, '-c', child], check=True)\n"
    )

    parent, child = program.spools
    assert (child.head["parent_spool"], child.head["parent_lane"]) == (parent.head["spool"], 0)
    assert child.told() == ["+child", "-child"]


def test_the_start_up_file_keeps_to_syntax_of_old_interpreters(recording: Any) -> None:
    text = (Path(recording.environment()["PYTHONPATH"]) / "sitecustomize.py").read_text()

    tree = ast.parse(text, feature_version=(3, 7))

    assert not any(isinstance(node, (ast.JoinedStr, ast.AnnAssign)) for node in ast.walk(tree))


def test_a_task_has_the_name_that_create_task_was_given(recording: Any) -> None:
    program = recording.run(
        "import asyncio\nfrom energyprof import stage\n"
        "async def work():\n    with stage('a'): await asyncio.sleep(0)\n"
        "async def main():\n"
        "    await asyncio.gather(asyncio.create_task(work(), name='first'), asyncio.create_task(work()))\n"
        "    await asyncio.get_running_loop().create_task(work(), name='second')\n"
        "asyncio.run(main())\n"
    )

    names = {lane["name"] for lane in program.spool.lanes.values() if lane["kind"] == "task"}
    assert {"first", "second", "Task-1"} < names
    assert len(names) == 6  # with a task that was given none, and two by which a loop ends


def test_what_instruments_do_before_a_flush_is_part_of_what_recording_costs(recording: Any, tmp_path: Path) -> None:
    (tmp_path / "busy_instrument.py").write_text(
        "import time\n"
        "class Busy:\n"
        "    name, framework = 'busy', 'sys'\n"
        "    def install(self, sink):\n"
        "        sink.on_flush(self.work)\n"
        "    def work(self):\n"
        "        until = time.thread_time() + 0.05\n"
        "        while time.thread_time() < until:\n"
        "            pass\n"
        "    def remove(self):\n"
        "        pass\n"
    )

    spool = recording.run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport json\n"
        "from energyprof import stage\nwith stage('a'):\n    pass\n",
        instruments=[("busy", "json", "busy_instrument:Busy", "")],
    ).spool

    assert spool.facts["recorder_ns"] > 50_000_000
