"""What recording costs the program: per event, per second, in stalls. Everything is compared within one process.

Ratios are against a pair of bare `perf_counter_ns` calls: quickest run against quickest run, of many short ones taken
in turns, for those are the ones that nobody else on the machine disturbed. Run by itself
(`python tests/benchmarks/bench_stage.py`) or with the others by `make bench`.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter_ns as now_ns

from energyprof import stage
from energyprof.model.spool import EVENTS, read_frames
from energyprof.record.lanes import local
from energyprof.record.recorder import Recorder
from energyprof.record.stage import set_active

ROUNDS = 300
REPEATS = 500
SPANS_PER_S = 20_000
LOAD_S = 3.0
SIGNALS_S = 1.0

Row = tuple[str, float, str, float]


def rows() -> list[Row]:
    """Return (what, figure, unit, upper bound) of everything measured here."""
    return [*_costs(), *_torn(), *_flushing(), *_torch()]


def _bare() -> None:
    for _ in range(REPEATS):
        now_ns()
        now_ns()


def _empty() -> None:
    for _ in range(REPEATS):
        pass


def _reused() -> None:
    mark = stage("reused")
    for _ in range(REPEATS):
        with mark:
            pass


def _by_name() -> None:
    for _ in range(REPEATS):
        with stage("by name"):
            pass


def _plain(value: int) -> int:
    return value


_decorated = stage("decorated")(_plain)


def _call_plain() -> None:
    for _ in range(REPEATS):
        _plain(1)


def _call_decorated() -> None:
    for _ in range(REPEATS):
        _decorated(1)


def _costs() -> list[Row]:
    loops = (_empty, _bare, _reused, _by_name, _call_plain, _call_decorated)
    idle = _quickest(loops, active=False)
    active = _quickest(loops, active=True)
    return [
        ("stage begin + end, active", active[_reused], "x clock pair", 4.3),
        ('with stage("x"), active', active[_by_name], "x clock pair", 4.9),
        ("decorated call, active, added", active[_call_decorated] - active[_call_plain], "x clock pair", 3.3),
        ("stage begin + end, inactive", idle[_reused], "x clock pair", 1.2),
        ('with stage("x"), inactive', idle[_by_name], "x clock pair", 1.8),
        ("decorated call, inactive, added", idle[_call_decorated] - idle[_call_plain], "x clock pair", 1.2),
    ]


def _quickest(loops: Iterable[Callable[[], None]], *, active: bool) -> dict[Callable[[], None], float]:
    """Return each loop's cost, the loop itself taken off, in pairs of clock calls."""
    took: dict[Callable[[], None], list[int]] = {loop: [] for loop in loops}
    set_active(active)
    try:
        for _ in range(ROUNDS):
            for loop in loops:
                took[loop].append(_took_ns(loop))
    finally:
        set_active(False)
    least = {loop: min(values) for loop, values in took.items()}
    empty, pair = least[_empty], least[_bare] - least[_empty]
    return {loop: (value - empty) / pair for loop, value in least.items()}


def _took_ns(loop: Callable[[], None]) -> int:
    local.buffer.clear()
    begun_ns = now_ns()
    loop()
    took_ns = now_ns() - begun_ns
    local.buffer.clear()
    return took_ns


def _torn() -> list[Row]:
    """Record from a 5 kHz signal handler inside recorded stages, and count what does not pair up."""
    handler, outer = stage("handler"), stage("outer")

    def handle(*_: object) -> None:
        with handler:
            pass

    before = signal.signal(signal.SIGALRM, handle)
    set_active(True)
    signal.setitimer(signal.ITIMER_REAL, 2e-4, 2e-4)
    try:
        end_ns = now_ns() + int(SIGNALS_S * 1e9)
        while now_ns() < end_ns:
            with outer:
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        set_active(False)
        signal.signal(signal.SIGALRM, before)
    codes = local.buffer[::2]
    local.buffer.clear()
    open_codes: list[int] = []
    torn = 0
    for code in codes:
        if code > 0:
            open_codes.append(code)
        elif not open_codes or open_codes.pop() != -code:
            torn += 1
    return [("records torn by signals at 5 kHz", torn + len(open_codes), "records", 0)]


class _WatchedRecorder(Recorder):
    """Notes when it flushed."""

    def __init__(self, run_dir: str) -> None:
        super().__init__(run_dir)
        self.flushes: list[tuple[int, int]] = []

    def _flush(self, last: bool = False) -> None:
        begun_ns = now_ns()
        super()._flush(last)
        self.flushes.append((begun_ns, now_ns()))


def _flushing() -> list[Row]:
    """Record at a steady rate and see what the flusher takes: CPU of its thread, and the program's worst stall.

    A pause of the program's thread is the flusher's if a flush was going on in it; none is left out. What the thread
    spent in it ready to run but without a core (schedstat's second figure, Linux) is the machine's doing: the same
    loop without a recorder says how long that may be.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "spool").mkdir()
        alone = _steady_load()
        recorder = _WatchedRecorder(folder)
        recorder.start()
        process_ns, thread_ns = time.process_time_ns(), time.thread_time_ns()
        pauses = _steady_load()
        thread_ns = time.thread_time_ns() - thread_ns
        others_ns = time.process_time_ns() - process_ns - thread_ns
        recorder.close()
        events = sum(
            len(frame.payload) // 16
            for path in sorted((Path(folder) / "spool").iterdir())
            for frame, _ in read_frames(path.read_bytes())
            if frame.kind == EVENTS
        )
    if events < 2 * SPANS_PER_S * LOAD_S * 0.9:
        raise RuntimeError(f"only {events} events were recorded in {LOAD_S} s")
    ours = [pause for pause in pauses if any(pause[0] < end and begun < pause[1] for begun, end in recorder.flushes)]
    return [
        ("flusher at 20,000 spans/s", 100 * others_ns / (LOAD_S * 1e9), "% of a core", 1.0),
        ("worst stall in a flush, waits for a core not counted", _worst_ms(ours), "ms", 6.0),
        ("longest pause of the same loop without a recorder", max(e - b for b, e, _ in alone) / 1e6, "ms", 1e4),
    ]


def _worst_ms(pauses: list[tuple[int, int, int]]) -> float:
    return max((end - begin - waited for begin, end, waited in pauses), default=0) / 1e6


def _waited_ns() -> int:
    """Return how long this thread has been ready to run without a core (Linux, sched-stats.rst); elsewhere 0."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1])
    except OSError:
        return 0


def _steady_load() -> list[tuple[int, int, int]]:
    """Open SPANS_PER_S stages a second for LOAD_S in a loop that never sleeps.

    Return its pauses: from, until, and how much of it the thread waited for a core.
    """
    mark = stage("steady")
    period_ns = int(1e9 / SPANS_PER_S)
    begun_ns = due_ns = last_ns = now_ns()
    pauses = [(begun_ns, begun_ns, 0)]
    known_ns = _waited_ns()
    while last_ns - begun_ns < LOAD_S * 1e9:
        if last_ns >= due_ns:
            with mark:
                pass
            due_ns += period_ns
        t_ns = now_ns()
        if t_ns - last_ns > 100_000:
            waited_ns = _waited_ns()
            pauses.append((last_ns, t_ns, min(t_ns - last_ns, waited_ns - known_ns)))
            known_ns, t_ns = waited_ns, now_ns()
        last_ns = t_ns
    return pauses


def _torch() -> list[Row]:
    try:
        import torch
    except ImportError:
        return []
    torch.set_num_threads(1)
    layer, value = torch.nn.Identity(), torch.zeros(1)
    net = torch.nn.Module()
    net.layer = layer

    def inside(_: object) -> None:
        for _ in range(REPEATS):
            layer(value)

    net.forward = inside  # type: ignore[assignment]

    def alone() -> None:
        for _ in range(REPEATS):
            layer(value)

    return [
        ("torch module call in a model, added", _added_to_calls(lambda: net(value)), "ns", 2_000.0),
        ("torch call of a model, which also looks at what goes in, added", _added_to_calls(alone), "ns", 6_000.0),
    ]


def _added_to_calls(calls: Callable[[], object]) -> float:
    """Return what recording adds to each of REPEATS module calls, in ns."""
    from energyprof.record.sink import Sink
    from energyprof_plugins.instruments.torch_modules import TorchModules

    instrument = TorchModules()
    bare, recorded = [], []
    with tempfile.TemporaryDirectory() as folder:
        sink = Sink(Recorder(folder))
        for _ in range(ROUNDS):
            bare.append(_took_ns(calls))
            instrument.install(sink)
            calls()
            recorded.append(_took_ns(calls))
            instrument.remove()
    return (min(recorded) - min(bare)) / REPEATS


def main() -> int:
    """Print the table; return 1 if a bound is missed."""
    gc.collect()
    missed = 0
    for what, figure, unit, bound in rows():
        is_kept = figure <= bound
        missed += not is_kept
        print(f"{what:40} {figure:10.2f} {unit:14} <= {bound:g}{'' if is_kept else '  MISSED'}")
    return 1 if missed else 0


if __name__ == "__main__":
    os.environ.pop("ENERGYPROF_RUN_DIR", None)
    sys.exit(main())
