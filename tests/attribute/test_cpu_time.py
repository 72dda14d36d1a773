"""CPU time between the collector's reads."""

from __future__ import annotations

import numpy as np

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


def test_beyond_the_last_poll_running_counts_as_on_cpu(make):
    busy = make.lane(cpu=[(t, t / 2) for t in range(0, 201, 10)], tid=8)
    ended = make.lane(cpu=[(10, 5), (20, 9)], tid=9)

    times = cpu_times(make.trace([busy, ended]).cpu, make.origin_ns)

    assert used_ms(times.threads[1, 8], 190, 200, 230) == [5, 30]
    assert used_ms(times.threads[1, 9], 20, 230) == [0]


def test_process_is_its_own_counter_or_the_sum_of_its_threads(make):
    lanes = [make.lane(cpu=[(0, 0), (10, 3)], tid=8), make.lane(cpu=[(0, 0), (10, 4)], tid=9)]
    start, end = np.array([0.0]), np.array([10e6])

    alone = cpu_times(make.trace(lanes).cpu, make.origin_ns)
    counted = cpu_times(make.trace(lanes, processes={1: [(0, 0), (10, 9)]}).cpu, make.origin_ns)

    assert alone.of_process(1, start, end).tolist() == [7e6]
    assert counted.of_process(1, start, end).tolist() == [9e6]
    assert alone.of_process(2, start, end).tolist() == [0.0]
