"""Children read their own clocks at their first events; the program's first process has no need to."""

from __future__ import annotations

from typing import Any

BURNING = """
import os, sys, threading, time
from energyprof import stage

def burn(cpu_s):
    end_s = time.thread_time() + cpu_s
    while time.thread_time() < end_s: pass

with stage("parent"):
    pid = os.fork()
    if pid == 0:
        with stage("burn"): burn(0.02)
        with stage("wait"): time.sleep(0.02)
        def work():
            with stage("thread"): burn(0.01)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        os._exit(0)
    os.wait()
"""


def test_a_child_reads_what_each_of_its_stages_has_used(recording: Any) -> None:
    program = recording.run(BURNING)

    parent, child = program.spools
    at = {t_ns: (tid, thread_ns, process_ns) for t_ns, tid, thread_ns, process_ns in child.cpu}
    edges = {child._word(code): at[t_ns] for lane in child.events.values() for code, t_ns in lane if t_ns in at}
    used_s = {name: (edges[f"-{name}"][1] - edges[f"+{name}"][1]) * 1e-9 for name in ("burn", "wait", "thread")}
    assert (program.stderr, program.log, parent.cpu) == ("", "", [])
    assert 0.02 <= used_s["burn"] < 0.03
    assert used_s["wait"] < 0.005
    assert 0.01 <= used_s["thread"] < 0.02
    assert edges["+burn"][0] != edges["+thread"][0]
    assert edges["-thread"][2] >= edges["-burn"][2] + 0.01e9


def test_readings_end_where_the_collector_takes_over(recording: Any) -> None:
    program = recording.run(
        "import os\nfrom energyprof import stage\n"
        "from energyprof.record import lanes, own_cpu\n"
        "own_cpu.FIRST_READINGS, own_cpu.APART_NS = 10, 1\n"
        "if os.fork() == 0:\n"
        "    for _ in range(100):\n        with stage('a'): pass\n"
        "    plain = lanes.local.ext == lanes.local.buffer.extend\n"
        "    with stage('plain' if plain else 'slow'): pass\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )

    (child,) = program.spools[1:]
    assert "+plain" in child.told()
    assert 10 <= len(child.cpu) <= 10 + 5  # and one at each flush
