"""Energy of sampled functions: threads count by the CPU time they used, whoever was looked at meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from energyprof.attribute.fit import attribute
from energyprof.model.stacks import Function, Samples, StackNodes, Stacks

MAIN, SLEEPER = 1, 9


def stacks(make, looks):
    """Return stacks of one function each from looks of (tid, function, start, end), times in ms."""
    names = sorted({name for _, name, _, _ in looks})
    row = sorted(((tid, names.index(name), a, b) for tid, name, a, b in looks), key=lambda look: (look[3], look[0]))
    tid, function, start, end = (np.array(column) for column in zip(*row, strict=True))
    node = np.arange(len(names), dtype=np.int32)
    rows = Samples(
        np.full(len(row), MAIN, np.int32),
        tid.astype(np.int32),
        make.origin_ns + (start * make.ms).astype(np.int64),
        make.origin_ns + (end * make.ms).astype(np.int64),
        function.astype(np.int32),
        np.zeros(len(row), np.int32),
    )
    return Stacks(tuple(Function(name, "job.py", 1) for name in names), StackNodes(np.full_like(node, -1), node), rows)


def every_10_ms(tid, name, start_ms, end_ms):
    return [(tid, name, t, t + 10) for t in range(start_ms, end_ms, 10)]


def energies(make, lanes, looks, processes=None, **domain):
    """Return joules, low and high by function, 10 W having flowed for 200 ms; 4 of them are idle power."""
    cpu = make.domain(**{"baseline_w": 4.0, "provenance": "model", "gain_error": (0.1, 0.1), **domain})
    trace = make.trace(lanes, [(cpu, make.counter([10.0] * 20))], processes, end_ms=200.0)
    found = attribute(replace(trace, stacks=stacks(make, looks)))
    spent, names = found.domains[0].functions, [function.name for function in found.functions.functions]
    columns = (spent.energy_j, spent.low_j, spent.high_j)
    return {name: tuple(float(column[row]) for column in columns) for row, name in enumerate(names)}


def function_columns(make, lanes, looks, **domain):
    """Return what `energies` is made of: the columns of the domain's functions, rows in the order of names."""
    cpu = make.domain(**{"baseline_w": 4.0, "provenance": "model", "gain_error": (0.1, 0.1), **domain})
    trace = make.trace(lanes, [(cpu, make.counter([10.0] * 20))], None, end_ms=200.0)
    return attribute(replace(trace, stacks=stacks(make, looks))).domains[0].functions


def ran(make, tid, rate, start_ms=0, end_ms=200, **more):
    """Return a thread read every 10 ms that was on a processor for this part of the time."""
    cpu = [(t, max(min(t, end_ms) - start_ms, 0) * rate) for t in range(0, 201, 10)]
    return make.lane(tid=tid, cpu=cpu, **more)


def test_sleeper_looked_at_before_anybody_looks_at_the_main_thread_has_its_cpu_time_only(make):
    main = ran(make, MAIN, 1.0, spans=[("program", 0, 200)])
    sleeper = ran(make, SLEEPER, 0.001)
    looks = [*every_10_ms(SLEEPER, "nap", 0, 200), *every_10_ms(MAIN, "work", 100, 200)]

    found = energies(make, [main, sleeper], looks)

    true_j = 2.0 * 0.001 / 1.001
    assert found["nap"][0] == pytest.approx(true_j, abs=1e-5)
    assert found["nap"][1] <= true_j <= found["nap"][2]
    assert found["work"][0] == pytest.approx(1.0 / 1.001, abs=1e-5)  # of the first half nobody saw what it did


def test_idle_power_is_told_apart_and_divided_as_the_rest(make):
    """10 W flow for 200 ms, 4 of them idle: who worked half of the CPU time has half of both."""
    lanes = [ran(make, MAIN, 0.5, spans=[("program", 0, 200)]), ran(make, SLEEPER, 0.5)]
    looks = [*every_10_ms(MAIN, "ask", 0, 200), *every_10_ms(SLEEPER, "work", 0, 200)]

    spent = function_columns(make, lanes, looks)

    assert spent.energy_j == pytest.approx([1.0, 1.0], abs=1e-5)
    assert spent.idle_j == pytest.approx([0.4, 0.4], abs=1e-5)
    assert spent.total_idle_j == pytest.approx([0.4, 0.4], abs=1e-5)


def test_idle_power_that_is_not_known_is_not_told_as_zero(make):
    main = ran(make, MAIN, 1.0, spans=[("program", 0, 200)])

    spent = function_columns(
        make, [main], every_10_ms(MAIN, "work", 0, 200), baseline_w=None, provenance="sensor", gain_error=(0.0, 0.0)
    )

    assert spent.idle_j is None
    assert spent.total_idle_j is None


def test_sleepers_for_whom_the_program_waits_at_its_end_spend_nothing(make):
    main = ran(make, MAIN, 1.0, end_ms=100, spans=[("program", 0, 200)])
    sleeper = ran(make, SLEEPER, 0.0)
    looks = [*every_10_ms(MAIN, "work", 0, 100), *every_10_ms(SLEEPER, "nap", 0, 200)]

    found = energies(make, [main, sleeper], looks)

    assert found["nap"][0] == 0.0
    assert found["work"][0] == pytest.approx(1.0, abs=1e-5)


def test_sleeper_that_wakes_while_the_main_thread_waits_has_no_idle_power(make):
    main = ran(make, MAIN, 0.0, spans=[("program", 0, 200)])
    sleeper = ran(make, SLEEPER, 0.001)
    looks = [*every_10_ms(MAIN, "wait", 0, 200), *every_10_ms(SLEEPER, "nap", 0, 200)]

    found = energies(make, [main, sleeper], looks, baseline_w=10.0)

    assert found["nap"][0] <= 1e-5
    assert found["wait"][0] == pytest.approx(2.0, abs=1e-4)


def test_threads_that_were_never_read_have_what_the_others_leave_of_their_process(make):
    main = ran(make, MAIN, 1.0, spans=[("program", 0, 200)])
    looks = [*every_10_ms(MAIN, "work", 0, 200), *every_10_ms(SLEEPER, "nap", 0, 200)]
    process = {MAIN: [(t, t * 1.1) for t in range(0, 201, 10)]}

    found = energies(make, [main], looks, process)

    assert found["nap"][0] == pytest.approx(2.0 * 0.1 / 1.1, abs=1e-5)
    assert found["work"][0] == pytest.approx(2.0 / 1.1, abs=1e-5)


def test_end_of_a_thread_between_two_looks_goes_as_the_rest(make):
    main = ran(make, MAIN, 0.5, spans=[("program", 0, 200)])
    other = ran(make, SLEEPER, 0.5, end_ms=115)
    looks = [*every_10_ms(MAIN, "work", 0, 200), *every_10_ms(SLEEPER, "help", 0, 110)]

    found = energies(make, [main, other], looks)

    assert found["work"][0] + found["help"][0] == pytest.approx(2.0, abs=1e-5)


def test_sleeper_beside_work_spends_nothing_of_what_a_sensor_measured(make):
    main = ran(make, MAIN, 1.0, spans=[("program", 0, 200)])
    sleeper = ran(make, SLEEPER, 0.0)
    looks = [*every_10_ms(SLEEPER, "nap", 0, 200), *every_10_ms(MAIN, "work", 100, 200)]

    found = energies(make, [main, sleeper], looks, provenance="sensor", gain_error=(0.0, 0.0))

    assert found["nap"][0] == 0.0
    assert found["work"][0] == pytest.approx(1.0, abs=1e-5)
