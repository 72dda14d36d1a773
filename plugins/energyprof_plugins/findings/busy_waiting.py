"""A program asks again and again whether something is there, at full power, instead of being woken.

What shows it are sampled functions that only ask (`Event.is_set`, `Queue.empty`, `Future.done`), and samples in loops
that do nothing but ask (`while time.time() < end: pass`, `while not self.is_ready: pass`, `try: queue.get_nowait()
except Empty: continue`; `Function.asking_lines`) and in what these ask. Who is woken does neither, who asks once per
unit of work is hardly ever seen at it, and who gets something whenever he asks is seen getting it.

Who is woken waits as long as before, and idle power goes on meanwhile: saved is what asking takes beyond it. Where
another thread of the process works meanwhile, which whoever asks keeps from the interpreter, the run gets shorter, too,
and all that asking takes may be saved. What threads of C code spend (`native_threads`) is surely saved by neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from energyprof.interfaces import FinishedRun
from energyprof.model.finding import Finding
from energyprof.model.ids import StageId
from energyprof.model.report import FunctionRow
from energyprof_plugins.findings.native_threads import python_part
from energyprof_plugins.findings.polling import (
    called,
    gets_what_it_asks_for,
    loops_of,
    only_asks,
    place_of,
    poller_of,
    where_it_loops,
    works_beside,
)
from energyprof_plugins.findings.spending import counted, provenance_of

LEAST_SHARE: Final = 0.15
"""Of the samples in a stage: an empty loop around `is_set` is seen in it in a third to a half of them."""
LEAST_SAMPLES: Final = 10
LEAST_BESIDE: Final = 0.1
"""Of what who asks spends, that the others in the stage spend, to be threads that he keeps from working."""


class BusyWaiting:
    """Find stages in which sampled stacks often stand in functions, or in loops, that only ask."""

    name = "busy_waiting"
    summary = "loops that ask for the time, or for something, instead of waiting (needs sampled stacks: --stacks)"

    def find(self, run: FinishedRun) -> Iterator[Finding]:
        """Yield a finding for each stage: saved is what asking takes beyond idle power, at most all of who asks."""
        by_stage: dict[StageId | None, list[FunctionRow]] = defaultdict(list)
        for row in run.report.functions:
            by_stage[row.stage].append(row)
        for stage, rows in by_stage.items():
            finding = _asks_by_functions(run, stage, rows) or _asks_in_loops(run, stage, rows)
            if finding is not None:
                yield finding


def _asks_by_functions(run: FinishedRun, stage: StageId | None, rows: list[FunctionRow]) -> Finding | None:
    asking = [row for row in rows if only_asks(row.file, row.function)]
    samples, all_samples = (sum(row.samples for row in part) for part in (asking, rows))
    if samples < LEAST_SAMPLES or samples < LEAST_SHARE * all_samples:
        return None
    poller = poller_of(run.trace().stacks, rows, samples)
    if poller is not None and gets_what_it_asks_for(run.trace().stacks, poller):
        return None
    names = ", ".join(dict.fromkeys(row.function for row in sorted(asking, key=lambda row: -row.samples)))
    return _finding(
        run,
        stage,
        rows,
        [*asking] if poller is None else [poller],
        fault=f"{'it' if poller is None else called(poller)} waits by asking again and again",
        evidence=f"{counted(samples, 'sample')} of {all_samples} stood in {names}, which only ask"
        + ("" if poller is None else f"; {place_of(poller)}"),
        remedy="let it be woken: Event.wait(), Queue.get(), Future.result(); at least sleep in the loop",
        least_j=_beyond_idle_j([(row.energy_j, row.idle_j) for row in asking]),
    )


def _asks_in_loops(run: FinishedRun, stage: StageId | None, rows: list[FunctionRow]) -> Finding | None:
    """Return a finding where enough samples stand on lines of loops that only ask, or in what those ask."""
    all_samples = sum(row.samples for row in rows)
    if all_samples < LEAST_SAMPLES:
        return None
    loops = loops_of(run.trace().stacks, rows)
    samples = sum(loop.samples for loop in loops)
    if samples < LEAST_SAMPLES or samples < LEAST_SHARE * all_samples:
        return None
    return _finding(
        run,
        stage,
        rows,
        [loop.row for loop in loops],
        fault=f"{called(loops[0].row)} waits by asking again and again",
        evidence=f"{counted(samples, 'sample')} of {all_samples} stood in a loop that does nothing but ask: "
        f"{where_it_loops(loops[0])}",
        remedy="let it be woken: Queue.get(timeout=...), Event.wait(timeout), Future.result(), Lock.acquire(); for the "
        "clock, time.sleep(end - time.time())",
        least_j=_beyond_idle_j([(loop.energy_j, loop.idle_j) for loop in loops]),
    )


def _finding(  # noqa: PLR0913, PLR0917 - what a finding is made of
    run: FinishedRun,
    stage: StageId | None,
    rows: list[FunctionRow],
    asking: list[FunctionRow],
    fault: str,
    evidence: str,
    remedy: str,
    least_j: float | None,
) -> Finding:
    """Return it; `asking` may stand in each other, and are no more together than all `rows`."""
    now_j = _least_of(_sum_j([row.total_j for row in asking]), _sum_j([row.energy_j for row in rows]))
    most_j = _least_of(
        _beyond_idle_j([(row.total_j, row.total_idle_j) for row in asking]),
        _beyond_idle_j([(row.energy_j, row.idle_j) for row in rows]),
    )
    trace = run.trace()
    if least_j is not None:
        least_j *= python_part(trace.stacks.samples, trace.cpu)
    is_idle_known = least_j is not None and most_j is not None
    rest_j = (_sum_j([row.energy_j for row in rows]) or 0.0) - (now_j or 0.0)
    if rest_j > LEAST_BESIDE * (now_j or 0.0) and works_beside(trace.stacks, asking):
        most_j = now_j
    return Finding(
        rule=BusyWaiting.name,
        offenders=() if stage is None else (stage,),
        fault=fault,
        evidence=evidence + ("" if is_idle_known or now_j is None else "; how much of it is idle power is not known"),
        remedy=remedy,
        now_j=now_j,
        provenance=provenance_of(rows),
        saving_j=None if now_j is None else (min(least_j or 0.0, most_j or 0.0), now_j if most_j is None else most_j),
    )


def _sum_j(found: Sequence[float | None]) -> float | None:
    known = [energy_j for energy_j in found if energy_j is not None]
    return max(sum(known), 0.0) if len(known) == len(found) else None


def _beyond_idle_j(found: Sequence[tuple[float | None, float | None]]) -> float | None:
    """Return what is left of energies without the part that is idle power; None: of one it is not known."""
    whole_j, idle_j = (_sum_j(part) for part in zip(*found, strict=True))
    return None if whole_j is None or idle_j is None else max(whole_j - idle_j, 0.0)


def _least_of(one_j: float | None, other_j: float | None) -> float | None:
    return None if one_j is None or other_j is None else min(one_j, other_j)
