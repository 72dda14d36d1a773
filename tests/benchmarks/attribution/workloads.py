"""The simulated workloads, each with its truth: what runs, how long, at which power; a seed gives always the same run.

Every call has a duration and a power of its own. Two seconds at either end are idle. Where nothing else is said, a
duration varies by 2 % and a power by 3 % from call to call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from truth import Base, Calls, Floats, Ints, Truth

IDLE_S = 2.0
BASE_W = 60.0
LAYERS = 12
SENSOR_PERIOD_S = 0.1
"""That of the slow sensors: what `alias` keeps step with."""
REPEATED_S = 0.05
"""How long `amplify` repeats a stage at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Stages with their mean durations and powers above the base."""

    paths: tuple[tuple[str, ...], ...]
    duration_s: Floats
    power_w: Floats

    def scaled(self, factor: float) -> Plan:
        """Return the plan with all durations multiplied."""
        return replace(self, duration_s=self.duration_s * factor)


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """Calls of one lane in order, each after a gap."""

    stage: Ints
    step: Ints
    gap_s: Floats
    duration_s: Floats


def make(workload: str, seed: int, run_s: float = 60.0) -> Truth:
    """Return the run of that workload (a key of WORKLOADS) and seed."""
    return WORKLOADS[workload](np.random.default_rng(seed), run_s)


def training_step(rng: np.random.Generator, scale_s: float) -> Plan:
    """Return a step of a transformer of 12 layers: 51 stages of `scale_s` times 0.5 to 5."""
    rows: list[tuple[tuple[str, ...], float, float]] = [(("step", "embed"), 0.6, 90.0)]
    for layer in range(LAYERS):
        above = ("step", "forward", f"layer.{layer}")
        rows.append(((*above, "attention"), rng.uniform(0.5, 1.5), rng.uniform(120, 220)))
        rows.append(((*above, "mlp"), rng.uniform(0.8, 2.2), rng.uniform(230, 340)))
    rows.append((("step", "loss"), 1.5, 260.0))
    for layer in reversed(range(LAYERS)):
        above = ("step", "backward", f"layer.{layer}")
        rows.append(((*above, "mlp"), rng.uniform(1.6, 4.4), rng.uniform(240, 350)))
        rows.append(((*above, "attention"), rng.uniform(1.0, 3.0), rng.uniform(130, 240)))
    rows.append((("step", "optimizer"), 5.0, 110.0))
    paths, durations, powers = zip(*rows, strict=True)
    return Plan(paths, np.array(durations) * scale_s, np.array(powers))


def _short(rng: np.random.Generator) -> Plan:
    return training_step(rng, 2.2e-3)


def _tiny(rng: np.random.Generator) -> Plan:
    return training_step(rng, 2e-4)


def long(rng: np.random.Generator, run_s: float) -> Truth:
    """Five stages of 0.7 to 4 s, one after the other."""
    names = ("load", "preprocess", "train", "eval", "checkpoint")
    durations, powers = np.array([1.2, 2.0, 4.0, 1.5, 0.7]), np.array([25.0, 60.0, 280.0, 190.0, 40.0])
    return _with_gaps(rng, run_s, Plan(tuple((name,) for name in names), durations, powers))


def medium(rng: np.random.Generator, run_s: float) -> Truth:
    """Eight stages of 60 to 200 ms."""
    durations, powers = rng.uniform(0.06, 0.2, 8), rng.uniform(30, 320, 8)
    return _with_gaps(rng, run_s, Plan(tuple((f"stage {k}",) for k in range(8)), durations, powers))


def short(rng: np.random.Generator, run_s: float) -> Truth:
    """A training step of 51 stages of 1 to 10 ms, about 220 ms in all."""
    return _steps(rng, run_s, _short(rng))


def tiny(rng: np.random.Generator, run_s: float) -> Truth:
    """The same step, ten times faster: stages of 0.1 to 0.9 ms."""
    return _steps(rng, run_s, _tiny(rng))


def drift(rng: np.random.Generator, run_s: float) -> Truth:
    """`short` on a device that warms up: 35 W of leakage come with a time constant of 20 s."""
    found = short(rng, run_s)
    from_ns = np.arange(0, found.run_ns, 50_000_000)
    return replace(found, base=Base(from_ns, BASE_W + 35.0 * (1 - np.exp(-from_ns / 20e9))))


def nonstat(rng: np.random.Generator, run_s: float) -> Truth:
    """`short` with powers that vary by 10 %, clocks that change every 3 to 8 s, and trends of up to 10 % by stage."""
    plan = _short(rng)
    calls = _one_lane(run_s, _repeated(rng, run_s, plan, 0.03 * plan.duration_s.sum()))
    power = plan.power_w[calls.stage] * _around_1(rng, 0.10, len(calls))
    changes_ns = np.cumsum(rng.uniform(3e9, 8e9, 2 + int(run_s / 3)))
    slowed = rng.choice([0.8, 1.0], len(changes_ns) + 1)
    power *= slowed[np.searchsorted(changes_ns, calls.start_ns)]
    trend = rng.uniform(-0.1, 0.1, len(plan.paths))
    power *= 1 + trend[calls.stage] * calls.start_ns / (run_s * 1e9)
    return _truth(plan, replace(calls, power_w=power), run_s)


def alias(rng: np.random.Generator, run_s: float) -> Truth:
    """A step that keeps step with a sensor of 100 ms, without any jitter."""
    return _in_step(rng, run_s, 0.0)


def alias_dephase(rng: np.random.Generator, run_s: float) -> Truth:
    """The same with a random delay of 0 to 100 ms before each step."""
    return _in_step(rng, run_s, SENSOR_PERIOD_S)


def amplify(rng: np.random.Generator, run_s: float) -> Truth:
    """`short`, one random stage after each step being repeated for about 50 ms."""
    return _amplified(rng, run_s, _short(rng))


def tiny_amplify(rng: np.random.Generator, run_s: float) -> Truth:
    """`tiny`, one random stage after each step being repeated for about 50 ms."""
    return _amplified(rng, run_s, _tiny(rng))


def overlap(rng: np.random.Generator, run_s: float) -> Truth:
    """Two threads with stages of 12 to 70 ms, whose powers add up."""
    names = ("a.0", "a.1", "a.2", "a.3", "b.0", "b.1", "b.2")
    durations = np.array([0.012, 0.03, 0.045, 0.02, 0.04, 0.07, 0.025])
    powers = np.array([40.0, 120.0, 180.0, 80.0, 60.0, 30.0, 100.0])
    plan = Plan(tuple((name,) for name in names), durations, powers)
    lanes = []
    for mine, gap_s in ((np.arange(4), 0.015), (np.arange(4, 7), 0.03)):
        times = int(run_s / (durations[mine].sum() + gap_s * len(mine))) + 2
        stage = np.tile(mine, times)
        lasted = durations[stage] * rng.lognormal(0, 0.1, len(stage))
        lanes.append(Lane(stage, np.arange(len(stage)), rng.exponential(gap_s, len(stage)), lasted))
    return _truth(plan, _powered(rng, plan, _laid(run_s, lanes)), run_s)


def serving(rng: np.random.Generator, run_s: float) -> Truth:
    """Requests of 12 stages of 1 to 20 ms, served one at a time, arriving at random; the device is 60 % busy.

    All stages of a request stretch with its length (35 % from request to request), and each call by 5 % of its own; one
    call in a hundred takes six times as long. Power rises with duration, as (duration / usual)**g, g = 0 to 0.3
    by stage, within a third to three times the usual duration.
    """
    names = ("parse", "tokenize", "embed", "retrieve", "rerank", "prefill", "attend", "decode", "sample", "detokenize")
    names += ("filter", "reply")
    order = rng.permutation(len(names))
    durations = (np.geomspace(1e-3, 20e-3, len(names)) * rng.uniform(0.9, 1.1, len(names)))[order]
    plan = Plan(tuple(("request", name) for name in names), durations, rng.uniform(40, 320, len(names)))
    rises = rng.uniform(0, 0.3, len(names))
    requests = int(0.6 * (run_s - 2 * IDLE_S) / (durations.sum() * 1.1))
    shape = (requests, len(names))
    ratio = rng.lognormal(-(0.35**2) / 2, 0.35, (requests, 1)) * rng.lognormal(0, 0.05, shape)
    ratio = ratio * np.where(rng.random(shape) < 0.01, 6.0, 1.0)
    lasted = durations * ratio
    arrived = np.sort(rng.uniform(0, run_s - 2 * IDLE_S, requests))  # what a Poisson process is, given their number
    gap, free = np.zeros(shape), 0.0
    for request, (at, takes) in enumerate(zip(arrived.tolist(), lasted.sum(axis=1).tolist(), strict=True)):
        gap[request, 0] = max(at - free, 0.0)
        free = max(at, free) + takes
    stage = np.tile(np.arange(len(names)), requests)
    calls = _one_lane(run_s, Lane(stage, np.repeat(np.arange(requests), len(names)), gap.ravel(), lasted.ravel()))
    # Those that would end too late were left out at the end, so that rows still agree.
    high = np.clip(ratio.ravel()[: len(calls)], 1 / 3, 3.0) ** rises[calls.stage]
    power = plan.power_w[calls.stage] * high * _around_1(rng, 0.03, len(calls))
    return _truth(plan, replace(calls, power_w=power), run_s)


WORKLOADS: dict[str, Callable[[np.random.Generator, float], Truth]] = {
    "long": long,
    "medium": medium,
    "overlap": overlap,
    "short": short,
    "drift": drift,
    "nonstat": nonstat,
    "serving": serving,
    "tiny": tiny,
    "alias": alias,
    "alias_dephase": alias_dephase,
    "amplify": amplify,
    "tiny_amplify": tiny_amplify,
}


def _with_gaps(rng: np.random.Generator, run_s: float, plan: Plan) -> Truth:
    """Repeat the stages with a gap before each, durations varying by 8 %; each is a step of its own."""
    lane = _repeated(rng, run_s, plan, 0.02, varies=0.08)
    lane = replace(lane, gap_s=rng.exponential(0.02, len(lane.stage)), step=np.arange(len(lane.stage)))
    return _truth(plan, _powered(rng, plan, _one_lane(run_s, lane)), run_s)


def _steps(rng: np.random.Generator, run_s: float, plan: Plan) -> Truth:
    lane = _repeated(rng, run_s, plan, 0.03 * plan.duration_s.sum())
    return _truth(plan, _powered(rng, plan, _one_lane(run_s, lane)), run_s)


def _repeated(rng: np.random.Generator, run_s: float, plan: Plan, gap_s: float, varies: float = 0.02) -> Lane:
    """Return steps of all stages in order, with an exponential gap before each step."""
    count = len(plan.paths)
    steps = int((run_s - 2 * IDLE_S) / (plan.duration_s.sum() + gap_s)) + 2
    lasted = plan.duration_s * rng.lognormal(0, varies, (steps, count))
    gap = np.zeros((steps, count))
    gap[:, 0] = rng.exponential(gap_s, steps)
    return Lane(np.tile(np.arange(count), steps), np.repeat(np.arange(steps), count), gap.ravel(), lasted.ravel())


def _in_step(rng: np.random.Generator, run_s: float, delay_s: float) -> Truth:
    plan = _short(rng)
    plan = plan.scaled(0.97 * SENSOR_PERIOD_S / plan.duration_s.sum())
    lane = _repeated(rng, run_s, plan, 0.03 * SENSOR_PERIOD_S, varies=0.0)
    first = np.arange(len(lane.stage)) % len(plan.paths) == 0
    gap = np.where(first, 0.03 * SENSOR_PERIOD_S + rng.uniform(0, delay_s, len(first)), 0.0)
    return _truth(plan, _powered(rng, plan, _one_lane(run_s, replace(lane, gap_s=gap))), run_s)


def _amplified(rng: np.random.Generator, run_s: float, plan: Plan) -> Truth:
    count = len(plan.paths)
    step_s = plan.duration_s.sum()
    order = rng.permutation(np.tile(np.arange(count), 1 + int(run_s / (step_s + REPEATED_S / 2) / count)))
    stages, firsts, passed_s = [], [], 0.0
    for again in order:
        if passed_s > run_s:
            break
        times = max(1, round(REPEATED_S / float(plan.duration_s[again])))
        stages.append(np.concatenate((np.arange(count), np.full(times, again))))
        firsts.append(len(stages[-1]))
        passed_s += step_s + times * float(plan.duration_s[again])
    stage = np.concatenate(stages)
    step = np.repeat(np.arange(len(firsts)), firsts)
    gap = np.where(np.diff(step, prepend=-1) > 0, rng.exponential(0.03 * step_s, len(step)), 0.0)
    lasted = plan.duration_s[stage] * rng.lognormal(0, 0.02, len(stage))
    return _truth(plan, _powered(rng, plan, _one_lane(run_s, Lane(stage, step, gap, lasted))), run_s)


def _one_lane(run_s: float, lane: Lane) -> Calls:
    return _laid(run_s, [lane])


def _laid(run_s: float, lanes: list[Lane]) -> Calls:
    """Lay the calls of each lane end to end from the end of the idle lead-in on; what ends too late is left out."""
    columns: list[tuple[Ints, ...]] = []
    for number, lane in enumerate(lanes):
        end = np.rint((IDLE_S + np.cumsum(lane.gap_s + lane.duration_s)) * 1e9).astype(np.int64)
        start = np.minimum(np.rint((end * 1e-9 - lane.duration_s) * 1e9).astype(np.int64), end - 1)
        start[1:] = np.maximum(start[1:], end[:-1])
        # A call that follows at once begins when the one before ends, to the nanosecond.
        follows = np.append(False, lane.gap_s[1:] == 0)
        start[follows] = end[np.flatnonzero(follows) - 1]
        kept = end < (run_s - IDLE_S) * 1e9
        columns.append((lane.stage[kept], np.full(kept.sum(), number), lane.step[kept], start[kept], end[kept]))
    stage, lane_of, step, start, end = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Calls(stage, lane_of, step, start, end, np.zeros(len(stage)))


def _powered(rng: np.random.Generator, plan: Plan, calls: Calls) -> Calls:
    return replace(calls, power_w=plan.power_w[calls.stage] * _around_1(rng, 0.03, len(calls)))


def _around_1(rng: np.random.Generator, varies: float, count: int) -> Floats:
    """Return factors of mean 1."""
    return rng.lognormal(-(varies**2) / 2, varies, count)


def _truth(plan: Plan, calls: Calls, run_s: float) -> Truth:
    base = Base(np.zeros(1, np.int64), np.array([BASE_W]))
    return Truth(plan.paths, calls, base, round(run_s * 1e9))
