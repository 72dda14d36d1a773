"""CPU time between the collector's reads."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.attribute.cpu_time import cpu_times


def used_ms(measure, *edges_ms):
    return (np.diff(measure.at(np.array(edges_ms) * 1e6)) / 1e6).tolist()


def test_time_between_two_reads_is_spread_evenly(make):
    lane = make.lane(cpu=[(0, 0), (10, 4), (20, 14)], tid=7)

    measure = cpu_times(make.trace([lane]).cpu, make.origin_ns).threads[1, 7]

    assert used_ms(measure, 0, 5, 10, 15, 20) == [2, 2, 5, 5]


def test_row_after_a_silence_stands_for_the_last_poll_only(make):
    busy = make.lane(cpu=[(t, t) for t in range(0, 201, 10)], tid=8)
    rare = make.lane(cpu=[(10, 10), (150, 16), (200, 17)], tid=9)

    measure = cpu_times(make.trace([busy, rare]).cpu, make.origin_ns).threads[1, 9]

    assert used_ms(measure, 10, 140, 150, 190, 200) == [0, 6, 0, 1]


def test_row_after_a_time_in_which_nobody_was_read_stands_for_all_of_it(make):
    at = [0, 100, *range(110, 161, 10)]  # the first poll comes late
    busy = make.lane(cpu=[(t, t / 2) for t in at], tid=8)
    rare = make.lane(cpu=[(0, 0), (100, 1)], tid=9)

    threads = cpu_times(make.trace([busy, rare]).cpu, make.origin_ns).threads

    assert used_ms(threads[1, 8], 0, 50, 100, 110) == [25, 25, 5]
    assert used_ms(threads[1, 9], 0, 50, 100, 110) == [0.5, 0.5, 0]


def test_no_more_time_is_used_than_there_was(make):
    busy = make.lane(cpu=[(t, t) for t in range(0, 201, 10)], tid=8)
    late = make.lane(cpu=[(10, 10), (150, 60)], tid=9)

    measure = cpu_times(make.trace([busy, late]).cpu, make.origin_ns).threads[1, 9]

    assert used_ms(measure, 10, 100, 125, 150) == [0, 25, 25]


def test_time_before_the_first_read_lies_just_before_it(make):
    busy = make.lane(cpu=[(t, t) for t in range(0, 201, 10)], tid=8)
    new = make.lane(cpu=[(100, 30)], tid=9)

    measure = cpu_times(make.trace([busy, new]).cpu, make.origin_ns).threads[1, 9]

    assert used_ms(measure, 0, 70, 100, 110) == [0, 30, 0]


def test_beyond_the_last_poll_a_thread_goes_on_as_it_was_last_seen_to(make):
    busy = make.lane(cpu=[(t, t / 2) for t in range(0, 201, 10)], tid=8)
    ended = make.lane(cpu=[(10, 5), (20, 9)], tid=9)

    times = cpu_times(make.trace([busy, ended]).cpu, make.origin_ns)

    assert used_ms(times.threads[1, 8], 190, 200, 230) == [5, 15]
    assert used_ms(times.threads[1, 9], 20, 230) == [0]


def test_thread_that_was_read_only_once_counts_as_running_beyond(make):
    new = make.lane(cpu=[(10, 0)], tid=8)

    times = cpu_times(make.trace([new]).cpu, make.origin_ns)

    assert used_ms(times.threads[1, 8], 0, 10, 30) == [0, 20]


def test_threads_never_read_used_what_those_read_do_not_explain(make):
    lanes = [make.lane(cpu=[(0, 0), (10, 3), (20, 13)], tid=8), make.lane(cpu=[(0, 0), (10, 1), (20, 4)], tid=9)]

    alone = cpu_times(make.trace(lanes).cpu, make.origin_ns)
    counted = cpu_times(make.trace(lanes, processes={1: [(0, 0), (10, 9), (20, 19)]}).cpu, make.origin_ns)

    assert alone.unread(1) is None
    assert counted.unread(2) is None
    assert used_ms(counted.unread(1), 0, 10, 20) == pytest.approx([5, 0])


def test_process_is_its_own_counter_or_the_sum_of_its_threads(make):
    lanes = [make.lane(cpu=[(0, 0), (10, 3)], tid=8), make.lane(cpu=[(0, 0), (10, 4)], tid=9)]
    start, end = np.array([0.0]), np.array([10e6])

    alone = cpu_times(make.trace(lanes).cpu, make.origin_ns)
    counted = cpu_times(make.trace(lanes, processes={1: [(0, 0), (10, 9)]}).cpu, make.origin_ns)

    assert alone.of_process(1, start, end).tolist() == [7e6]
    assert counted.of_process(1, start, end).tolist() == [9e6]
    assert alone.of_process(2, start, end).tolist() == [0.0]


def test_a_thread_never_read_used_no_more_than_the_time_there_was(make):
    trace = make.trace([make.lane(cpu=[(0, 0), (10, 10)], tid=8)], processes={1: [(0, 0), (10, 35)]})

    assert used_ms(cpu_times(trace.cpu, make.origin_ns).unread(1), 0, 5, 10) == pytest.approx([5, 5])
