"""What becomes of a source's answers: good or broken, each ends as a row or as a warning."""

from __future__ import annotations

import pytest

from energyprof.collect.devices import open_source
from energyprof.collect.poller import Poller
from energyprof.interfaces import ReadFailure, Reading
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof.model.sampling import DomainFacts
from energyprof.testing import SECOND, Delayed, FakeClock, ScriptedSource

CPU, GPU = DomainId("cpu"), DomainId("gpu:0")
COUNTER = Domain(CPU, "scripted", "sensor", "energy", 1.0, "cpu")
POWER = Domain(GPU, "scripted", "sensor", "power", 1.0, "device")


def device(source, domains):
    """Return the one device of a source that is read as a whole."""
    (one,) = open_source(source, domains).devices
    return one


def polled(script, domains=(COUNTER,), clock=None, start_ns=0, every_ns=SECOND):
    """Return a poller that has played the whole script, a poll a second."""
    clock = clock or FakeClock(start_ns)
    script = list(script)
    poller = Poller(device(ScriptedSource(domains, script), domains), clock.now_ns, start_ns)
    for _ in script:
        poller.poll()
        clock.advance(every_ns)
    return poller


def rows(poller, id_=CPU):
    """Return the drained rows of one domain as tuples."""
    readings = poller.drain()[id_]
    return list(
        zip(
            readings.t_before_ns.tolist(),
            readings.t_after_ns.tolist(),
            readings.raw.tolist(),
            readings.status.tolist(),
            strict=True,
        )
    )


def test_reading_keeps_the_raw_integer_and_both_poll_times():
    clock = FakeClock(5)

    poller = polled([Delayed(clock, 7, 42)], clock=clock)

    assert rows(poller) == [(5, 12, 42, ReadStatus.OK)]


def test_time_told_by_the_sensor_replaces_both_poll_times():
    poller = polled([[Reading(CPU, 1, 100), Reading(CPU, 2, 200)]], start_ns=50, clock=FakeClock(500))

    assert rows(poller) == [(100, 100, 1, ReadStatus.OK), (200, 200, 2, ReadStatus.OK)]


def test_readings_that_a_sensor_hands_over_in_disorder_are_put_in_order():
    poller = polled([[Reading(CPU, 2, 200), Reading(CPU, 1, 100)]], clock=FakeClock(500))

    assert rows(poller) == [(100, 100, 1, ReadStatus.OK), (200, 200, 2, ReadStatus.OK)]


def test_failed_read_is_a_row_with_its_status_not_a_zero():
    poller = polled([[ReadFailure(CPU, ReadStatus.LOST, "fell off the bus")]])

    assert rows(poller) == [(0, 0, 0, ReadStatus.LOST)]
    assert poller.warnings() == ("cpu: 1 of 1 reads failed (LOST: fell off the bus); they are gaps, not zeros",)


def test_failure_called_ok_is_unknown():
    assert rows(polled([[ReadFailure(CPU, ReadStatus.OK)]])) == [(0, 0, 0, ReadStatus.UNKNOWN)]


def test_exception_is_a_gap_in_every_domain_and_one_warning_each():
    poller = polled([RuntimeError("driver bug"), RuntimeError("driver bug")], domains=(COUNTER, POWER))

    drained = poller.drain()

    assert {id_: readings.status.tolist() for id_, readings in drained.items()} == {CPU: [7, 7], GPU: [7, 7]}
    assert poller.warnings() == (
        "cpu: 2 of 2 reads failed (UNKNOWN: RuntimeError: driver bug); they are gaps, not zeros",
        "gpu:0: 2 of 2 reads failed (UNKNOWN: RuntimeError: driver bug); they are gaps, not zeros",
    )


def test_what_a_generator_gave_before_it_raised_is_kept():
    def dies_halfway():
        yield Reading(CPU, 5)
        raise OSError("gone")

    poller = polled([dies_halfway], domains=(COUNTER, POWER))
    drained = poller.drain()

    assert (drained[CPU].raw.tolist(), drained[CPU].status.tolist()) == ([5], [ReadStatus.OK])
    assert drained[GPU].status.tolist() == [ReadStatus.UNKNOWN]


@pytest.mark.parametrize("raw", [2**63, -1, 1.5, None, "12"])
def test_raw_value_that_fits_no_column_is_a_failure(raw):
    poller = polled([[Reading(CPU, raw)], [Reading(CPU, 2**63 - 1)]])

    assert [row[2:] for row in rows(poller)] == [(0, ReadStatus.UNKNOWN), (2**63 - 1, ReadStatus.OK)]


@pytest.mark.parametrize("t_ns", [99, 501, 1.5])
def test_time_outside_the_run_is_a_failure(t_ns):
    poller = polled([[Reading(CPU, 1, t_ns)]], start_ns=100, clock=FakeClock(500))

    assert rows(poller) == [(500, 500, 0, ReadStatus.UNKNOWN)]


@pytest.mark.parametrize("answer", [Reading(DomainId("psys"), 1), "nonsense", None])
def test_answer_that_was_never_announced_is_ignored_and_said_once(answer):
    poller = polled([[answer], [answer]])

    assert poller.drain() == {}
    (warning,) = poller.warnings()
    assert warning.startswith("power source 'scripted' answered ")


def test_poll_tells_failures_from_answers_and_from_nothing_due():
    answers = [[ReadFailure(CPU, ReadStatus.LOST), Reading(GPU, 1)], [], [ReadFailure(CPU, ReadStatus.LOST)], OSError()]
    poller = Poller(device(ScriptedSource((COUNTER, POWER), answers), (COUNTER, POWER)), FakeClock().now_ns)

    assert [poller.poll() for _ in answers] == [True, True, False, False]


def test_each_reading_is_handed_out_once():
    poller = polled([1, 2])

    first, second = poller.drain(), poller.drain()

    assert (first[CPU].raw.tolist(), second) == ([1, 2], {})


def test_columns_cannot_be_written_to():
    readings = polled([1]).drain()[CPU]

    assert not any(column.flags.writeable for column in (readings.t_before_ns, readings.raw, readings.status))


def test_facts_count_reads_failures_and_the_rate_between_first_and_last():
    poller = polled([1, OSError(), 2, 3], every_ns=SECOND // 2)

    assert poller.facts() == {CPU: DomainFacts(reads=3, failures=1, achieved_hz=2 / 1.5, gaps=1, call_cost_s=0.0)}


def test_read_that_takes_seconds_is_said_and_short_ones_are_not():
    clock = FakeClock()
    script = [Delayed(clock, 3 * SECOND, 1), Delayed(clock, SECOND // 10, 2)]

    long, short = polled(script, clock=clock).warnings(), polled(script[1:], clock=clock).warnings()

    assert short == ()
    (line,) = long
    assert line.startswith("scripted took up to 3.0 s to answer a read; how power went meanwhile is not known; ")


def test_source_that_fails_to_close_is_named():
    class Stubborn(ScriptedSource):
        def close(self):
            raise OSError("busy")

    poller = Poller(device(Stubborn((COUNTER,), []), (COUNTER,)), FakeClock().now_ns)

    poller.close()

    assert poller.warnings() == ("power source 'scripted' failed to close: OSError: busy",)
