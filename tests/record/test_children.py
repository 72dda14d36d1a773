"""Forked and spawned children record by themselves, below the stage that made them; no child hangs or loses its end."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_forked_child_records_below_the_stage_it_was_forked_in(recording: Any) -> None:
    program = recording.run(
        "import os, sys\nfrom energyprof import stage\n"
        "with stage('before'): pass\n"
        "with stage('forking'):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        with stage('child'): pass\n"
        "        sys.exit(5)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "with stage('after'): pass\n",
        flags=["-W", "error"],
    )

    parent = program.spools[0]
    child = program.child_of(parent)
    number = child.head["parent_lane"]
    assert (program.stdout, program.stderr, program.log) == ("5\n", "", "")
    assert parent.told() == [
        *("+before", "-before", "+forking", f"spawn {number}", "-forking", "+after", "-after"),
    ]
    assert child.told() == ["+child", "-child", "-forking"]
    assert child.lanes[1]["tid"] == child.head["pid"]
    assert (parent.is_ended, child.is_ended) == (True, True)


def test_a_child_that_records_nothing_leaves_no_spool(recording: Any) -> None:
    program = recording.run(
        "import os\nfrom energyprof import stage\nwith stage('a'): pass\n"
        "for _ in range(20):\n    pid = os.fork()\n    if pid == 0: os._exit(0)\n    os.waitpid(pid, 0)\n"
    )

    assert program.spool.told()[:2] == ["+a", "-a"]
    assert len(program.spool.told()) == 22


def test_forks_under_load_never_hang(recording: Any) -> None:
    program = recording.run(
        "import os, threading\nfrom energyprof import stage\nrunning = True\n"
        "def busy():\n    while running:\n        with stage('busy'): pass\n"
        "threads = [threading.Thread(target=busy) for _ in range(2)]\n"
        "for thread in threads: thread.start()\n"
        "codes = []\n"
        "for index in range(12):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n        with stage(f'child {index}'): pass\n        os._exit(0 if index % 2 else 9)\n"
        "    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "running = False\nfor thread in threads: thread.join()\nprint(codes == [9, 0] * 6)\n",
        flags=["-W", "ignore"],  # Python 3.12 warns of forks beside threads, rightly
    )

    assert (program.stdout, program.stderr, program.log) == ("True\n", "", "")
    assert program.spools[0].is_ended


MULTIPROCESSING = """
import multiprocessing, sys
from energyprof import stage

@stage
def work(number):
    with stage("inner"):
        return number * number

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with stage("main"):
        processes = [context.Process(target=work, args=(n,)) for n in range(2)]
        for process in processes: process.start()
        for process in processes: process.join()
        with context.Pool(2) as pool:
            print(pool.map(work, range(6)))
            pool.close()
            pool.join()
    print([process.exitcode for process in processes])
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_children_hand_over_every_event(recording: Any, method: str) -> None:
    program = recording.run(MULTIPROCESSING, method)

    told = [
        word
        for spool in program.spools
        for lane in spool.events
        for word in spool.told(lane)
        if not word.startswith("spawn")
    ]
    assert (program.stdout, program.stderr, program.log) == ("[0, 1, 4, 9, 16, 25]\n[0, 0]\n", "", "")
    assert {word: told.count(word) for word in set(told)} == {
        "+main": 1,
        "-main": 1,
        **dict.fromkeys(("+work", "+inner", "-inner", "-work"), 8),
    }


def test_fork_is_not_warned_of_our_thread(recording: Any) -> None:
    program = recording.run(
        "import os, time\nfrom energyprof import stage\n"
        "for _ in range(5):\n"
        "    with stage('a'): time.sleep(.01)\n"
        "    pid = os.fork()\n    if pid == 0: os._exit(0)\n    os.waitpid(pid, 0)\n",
        flags=["-W", "error"],
    )

    assert (program.returncode, program.stderr) == (0, "")


def test_a_child_that_ends_by_exit_at_once_hands_over_its_stages(recording: Any) -> None:
    program = recording.run(
        "import os, posix, signal\nfrom energyprof import stage\n"
        "for index in range(100):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n        with stage('child'): pass\n        os._exit(index)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == index\n"
        "try:\n    os._exit('text')\n"
        "except TypeError: pass\n"
        "with stage('after'): pass\n"
        "print(os._exit is posix._exit, os._exit.__name__, os._exit.__module__, flush=True)\n"
        "os._exit(7)\n",
        flags=["-W", "error"],
    )

    parent, *children = program.spools
    assert (program.returncode, program.stdout, program.stderr, program.log) == (7, "True _exit posix\n", "", "")
    assert [child.told() for child in children] == [["+child", "-child"]] * 100
    assert all(child.is_ended for child in children)
    assert parent.told()[-2:] == ["+after", "-after"]
    assert parent.is_ended


def test_an_exit_waits_for_no_disk_and_is_the_programs_own_again_afterwards(recording: Any) -> None:
    program = recording.run(
        "import os, posix\nfrom energyprof import bootstrap, stage\n"
        "from energyprof.record.spool_file import SpoolFile\n"
        "wrapped = os._exit\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    import threading\n    SpoolFile.write = lambda *_: threading.Event().wait()\n"
        "    with stage('child'): pass\n"
        "    os._exit(3)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "bootstrap.stop()\n"
        "print(os._exit is wrapped.__wrapped__, posix._exit is os._exit)\n"
    )

    assert (program.stdout, program.stderr) == ("3\nTrue True\n", "")


def test_an_exit_without_a_thread_left_still_hands_over_the_stages(recording: Any) -> None:
    program = recording.run(
        "import os\nfrom energyprof import stage\nfrom energyprof.record import exit\n"
        "def refuse(*_): raise RuntimeError('no thread')\n"
        "exit.start_new_thread = refuse\n"
        "with stage('a'): pass\n"
        "os._exit(3)\n"
    )

    assert (program.returncode, program.log, program.spool.told()) == (3, "", ["+a", "-a"])
    assert program.spool.is_ended


TELLING = """
import multiprocessing, os, signal, sys
from energyprof import stage

def work(connection):
    for number in range(20):
        with stage("item"): pass
        connection.send(number)
    connection.recv()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    for _ in range(5):
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs,))
        process.start()
        while ours.recv() < 19: pass
        os.kill(process.pid, getattr(signal, sys.argv[2]))
        process.join()
        print(process.exitcode)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize(("name", "status"), [("SIGKILL", -9), ("SIGTERM", -15)])
def test_a_worker_killed_for_its_answer_has_handed_over_all_before(
    recording: Any, method: str, name: str, status: int
) -> None:
    program = recording.run(TELLING, method, name)

    told = [spool.told().count("-item") for spool in program.spools if spool.events and "+item" in spool.told()]
    assert (program.stdout, program.stderr, program.log) == (f"{status}\n" * 5, "", "")
    assert told == [20] * 5


def test_a_pool_that_is_ended_at_once_loses_no_item(recording: Any) -> None:
    program = recording.run(
        "import multiprocessing\nfrom energyprof import stage\n"
        "@stage\ndef work(number): return number\n"
        "for _ in range(10):\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(work, range(3)))\n"
    )

    told = [word for spool in program.spools for lane in spool.events for word in spool.told(lane)]
    assert (program.stdout, program.stderr, program.log) == ("[0, 1, 2]\n" * 10, "", "")
    assert (told.count("+work"), told.count("-work")) == (30, 30)


def test_a_message_that_cannot_be_sent_fails_as_ever(recording: Any) -> None:
    text = (
        "import multiprocessing, traceback\nfrom energyprof import stage\n"
        "def work(connection):\n"
        "    with stage('item'): pass\n"
        "    try: connection.send(1)\n"
        "    except OSError: traceback.print_exc()\n"
        "context = multiprocessing.get_context('fork')\n"
        "ours, theirs = context.Pipe(duplex=False)\n"
        "process = context.Process(target=work, args=(ours,))\n"
        "process.start()\nprocess.join()\n"
    )

    assert recording.run(text).stderr == recording.run_bare(text).stderr != ""
