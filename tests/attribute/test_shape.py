"""A counter read seldom beside power samples that tell its course: fine figures, whose sum is the counter's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from square_wave import SquareWave

from energyprof.attribute.fit import attribute
from energyprof.attribute.power_series import power_series
from energyprof.attribute.shape import said_of_counted
from energyprof.model.power import Readings

MS = 1_000_000
RUN_MS = 12_000
GAIN = 1.02
"""Of the counter, against the samples."""
HIGH_W, LOW_W, IDLE_W = 600.0, 250.0, 100.0


def work():
    """Two stages in turn that last a fraction of the time from one read of the counter to the next, then nothing."""
    chance = np.random.default_rng(3)
    at = 1000
    while at < 10_300:
        forward, backward, pause = chance.integers((90, 140, 20), (170, 210, 120)).tolist()
        yield "train/forward", at, at + forward
        yield "train/backward", at + forward, at + forward + backward
        at += forward + backward + pause


WORK = tuple(work())


def power_w(t_ms):
    """True power, by the samples' gain, in the middle of each ms."""
    watts = np.full(len(t_ms), IDLE_W)
    for name, start, end in WORK:
        watts[(t_ms >= start) & (t_ms < end)] = HIGH_W if name.endswith("forward") else LOW_W
    return watts


ENERGY_J = np.append(0.0, np.cumsum(power_w(np.arange(RUN_MS + 1000) + 0.5) * 1e-3))
"""Joules up to each ms."""


def train():
    train_ms = [("train", 1000.0, 10_700.0)]
    return [*train_ms, *((name, float(start), float(end)) for name, start, end in WORK)]


@pytest.fixture
def gpu(make):
    """Return the counter, updated every 100 ms and read every 600 or so, and samples of 20 ms, as domains with rows."""
    counter = make.domain(
        id="gpu:0", scale=1e-3, driver="device", period_ns=100 * MS, lag_ns=(0, 10 * MS), baseline_w=None
    )
    samples = replace(
        counter,
        id="gpu:0:samples",
        quantity="power",
        parent="gpu:0",
        shape_of="gpu:0",
        period_ns=None,
        window_ns=20 * MS,
        lag_ns=(0, 5 * MS),
    )
    polls = np.arange(37, RUN_MS + 900, 613)
    counted = make.readings([(float(t), round(GAIN * ENERGY_J[t // 100 * 100] * 1e3)) for t in polls.tolist()], 1.0)
    ends = np.arange(-200, RUN_MS + 1000, 20)  # from before the run, too: the device was idle
    watts = np.append(IDLE_W, np.diff(ENERGY_J[np.maximum(ends, 0)]) / 0.02)
    watts[ends <= 0] = IDLE_W
    seen = make.readings([(float(t), round(one * 1e3)) for t, one in zip(ends.tolist(), watts.tolist(), strict=True)])
    return (counter, counted), (samples, seen)


def kept(pair, rows):
    domain, readings = pair
    columns = (readings.t_before_ns, readings.t_after_ns, readings.raw, readings.status)
    return domain, Readings(*(column[rows] for column in columns))


def times_ms(make, pair):
    return (pair[1].t_after_ns - make.origin_ns) / MS


def figures(trace):
    """Return the energy of each stage and the domain's other figures."""
    (found,) = attribute(trace).domains
    return dict(zip((str(one.id) for one in trace.stages), found.self_energy.energy_j.tolist(), strict=True)), found


def true_j(name):
    return sum(GAIN * (ENERGY_J[end] - ENERGY_J[start]) for stage, start, end in WORK if stage == name)


def test_stages_shorter_than_the_reads_of_the_counter_are_told_apart(make, gpu):
    trace = make.trace([train()], gpu, end_ms=RUN_MS)

    energy_j, found = figures(trace)

    assert energy_j["train/forward"] == pytest.approx(true_j("train/forward"), rel=0.01)
    assert energy_j["train/backward"] == pytest.approx(true_j("train/backward"), rel=0.01)
    half_j = (found.self_energy.high_j - found.self_energy.low_j) / 2
    assert half_j[[1, 2]].max() < 0.05 * true_j("train/forward")
    assert any("its course is told by the power samples" in note for note in found.notes)


def test_the_counter_alone_cannot_tell_them_apart(make, gpu):
    trace = make.trace([train()], gpu[:1], end_ms=RUN_MS)

    _, found = figures(trace)

    half_j = (found.self_energy.high_j - found.self_energy.low_j) / 2
    assert half_j[[1, 2]].min() > 0.2 * true_j("train/forward")


def test_the_sum_is_the_counters(make, gpu):
    trace = make.trace([train()], gpu, end_ms=RUN_MS)

    _, found = figures(trace)

    assert found.ledger.measured_j == pytest.approx(GAIN * ENERGY_J[RUN_MS], rel=0.003)


def test_the_samples_have_no_figures_of_their_own_and_no_power_beside_the_counters(make, gpu):
    trace = make.trace([train()], gpu, end_ms=RUN_MS)

    assert [one.domain for one in attribute(trace).domains] == ["gpu:0"]
    assert [one.domain.id for one in power_series(trace)] == ["gpu:0"]


def test_gap_between_samples_holds_what_the_counter_shows_of_it(make, gpu):
    counter, samples = gpu
    t_ms = times_ms(make, samples)
    samples = kept(samples, (t_ms <= 4_000) | (t_ms > 5_500))

    _, found = figures(make.trace([train()], (counter, samples), end_ms=RUN_MS))

    assert found.ledger.measured_j == pytest.approx(GAIN * ENERGY_J[RUN_MS], rel=0.01)
    assert found.covered_ns == pytest.approx(RUN_MS * MS, rel=0.002)
    assert [note for note in found.notes if "hold what" in note] == [
        "1 gaps between samples, 1.5 s, hold what the counter shows of them"
    ]


def test_gap_in_both_stays_a_gap(make, gpu):
    counter, samples = ((domain, kept((domain, rows), ~_between(make, rows, 4_000, 5_500))[1]) for domain, rows in gpu)
    raw = counter[1].raw.copy()
    raw[times_ms(make, counter) > 5_000] -= int(raw[0] / 2)  # it began anew meanwhile
    counter = counter[0], replace(counter[1], raw=raw, status=_reset_after(make, counter[1], 5_000))

    _, found = figures(make.trace([train()], (counter, samples), end_ms=RUN_MS))

    assert found.gaps == 1
    assert found.covered_ns < (RUN_MS - 1_400) * MS


def _between(make, rows, first_ms, last_ms):
    t_ms = (rows.t_after_ns - make.origin_ns) / MS
    return (t_ms > first_ms) & (t_ms <= last_ms)


def _reset_after(make, rows, at_ms):
    status = rows.status.copy()
    first = int(np.flatnonzero((rows.t_after_ns - make.origin_ns) / MS > at_ms)[0])
    status[first] = 5
    return status


def one_of_many(make, seed, tick_ms=0.0, end_ms=2200):
    """Return a trace, counter and samples by clocks of their own, with what each of two stages truly used."""
    chance = np.random.default_rng(seed)
    watts, spans, at = np.full(end_ms + 3000, IDLE_W), [], 500
    while at < end_ms - 300:
        for name, usual_w, length in (("forward", HIGH_W, chance.integers(40, 170)), ("backward", LOW_W, 130)):
            watts[1000 + at : 1000 + at + length] = usual_w * (1 + 0.005 * chance.standard_normal())
            spans.append((f"train/{name}", float(at), float(at + length)))
            at += int(length)
        at += int(chance.integers(10, 120))
    joules = np.append(0.0, np.cumsum(watts * 1e-3))

    def until_j(t_ms):
        return np.interp(t_ms + 1000.0, np.arange(len(joules)), joules)

    polls = chance.uniform(-600, 0) + np.append(0.0, np.cumsum(chance.uniform(560, 660, end_ms // 600 + 3)))
    updates = np.floor(polls / 100) * 100 - chance.uniform(0, 20)
    ends = np.arange(-300, end_ms + 900, 20.0) + chance.uniform(0, 20)
    stamps = ends + 4 + chance.uniform(-tick_ms / 2, tick_ms / 2, len(ends))
    counter = make.domain(
        id="gpu:0", scale=1e-3, driver="device", period_ns=100 * MS, lag_ns=(0, 100 * MS), baseline_w=None
    )
    samples = replace(
        counter,
        id="gpu:0:samples",
        quantity="power",
        shape_of="gpu:0",
        period_ns=None,
        window_ns=20 * MS,
        lag_ns=(0, 20 * MS),
        tick_ns=round(tick_ms * MS),
    )
    counted = make.readings([*zip(polls.tolist(), np.rint(GAIN * until_j(updates) * 1e3).tolist(), strict=True)], 4.0)
    shown = np.rint((until_j(ends) - until_j(ends - 20)) * 50e3)
    pair = (counter, counted), (samples, make.readings([*zip(stamps.tolist(), shown.tolist(), strict=True)]))
    true = {
        name: sum(float(GAIN * (until_j(end) - until_j(start))) for one, start, end in spans if one == name)
        for name in ("train/forward", "train/backward")
    }
    return make.trace([[("train", 500.0, float(at)), *spans]], pair, end_ms=end_ms), true


def test_intervals_of_stages_hold_what_is_not_known_of_the_factor(make):
    held, without, shaped = [], [], 0

    for seed in range(8):
        trace, true = one_of_many(make, seed)
        energy_j, found = figures(trace)
        names = [str(one.id) for one in trace.stages]
        (note,) = (note for note in found.notes if "samples" in note)
        shaped += "its course is told" in note
        part = float(note.partition("±")[2].partition("%")[0]) / 100 if "±" in note else 0.0
        for name, true_j in true.items():
            row = names.index(name)
            half_j = (found.self_energy.high_j[row] - found.self_energy.low_j[row]) / 2
            off_j = abs(energy_j[name] - true_j)
            held.append(found.self_energy.low_j[row] <= true_j <= found.self_energy.high_j[row])
            without.append(off_j**2 <= half_j**2 - (part * energy_j[name]) ** 2)

    assert shaped == 8
    assert np.mean(held) >= 0.9
    assert np.mean(without) < 0.8


def test_stamps_that_come_in_ticks_leave_the_lag_less_sure_and_are_no_inertia(make):
    trace, true = one_of_many(make, 2, tick_ms=10.0, end_ms=6000)
    counter, samples = trace.domains

    energy_j, found = figures(trace)
    _, unaware = figures(replace(trace, domains=(counter, replace(samples, tick_ns=0))))

    assert found.fit.response_ns == 0
    assert found.fit.lag_sd_ns > unaware.fit.lag_sd_ns
    for name, true_j in true.items():
        assert energy_j[name] == pytest.approx(true_j, rel=0.01)


def test_samples_that_contradict_the_counter_are_not_used_and_it_is_said(make, gpu):
    counter, (domain, rows) = gpu
    stuck = np.where(times_ms(make, (domain, rows)) > 4_000, rows.raw[-1], rows.raw)

    _, found = figures(make.trace([train()], (counter, (domain, replace(rows, raw=stuck))), end_ms=RUN_MS))
    _, alone = figures(make.trace([train()], (counter,), end_ms=RUN_MS))

    assert found.ledger == alone.ledger
    assert any(note.startswith("the power samples that its driver keeps are not used:") for note in found.notes)


def test_samples_that_leave_out_half_of_the_time_are_not_used_and_it_is_said(make, gpu):
    counter, samples = gpu
    samples = kept(samples, times_ms(make, samples) % 1_000 < 400)

    _, found = figures(make.trace([train()], (counter, samples), end_ms=RUN_MS))

    assert any("are not used: they cover" in note for note in found.notes)


def test_samples_no_finer_than_the_counter_leave_it_alone(make, gpu):
    (domain, _), (shape, rows) = gpu
    polls = np.arange(7, RUN_MS + 900, 23)
    often = make.readings([(float(t), round(GAIN * ENERGY_J[t // 100 * 100] * 1e3)) for t in polls.tolist()], 1.0)
    seldom = kept((replace(shape, window_ns=100 * MS), rows), np.arange(len(rows)) % 5 == 4)

    _, found = figures(make.trace([train()], ((domain, often), seldom), end_ms=RUN_MS))
    _, alone = figures(make.trace([train()], ((domain, often),), end_ms=RUN_MS))

    assert found.ledger == alone.ledger
    assert not any("samples" in note for note in found.notes)


def test_samples_with_equal_stamps_and_an_emptied_buffer_leave_the_sum_the_counters(make, gpu):
    counter, samples = gpu
    t_ms = times_ms(make, samples)
    domain, rows = kept(samples, (t_ms <= 5_000) | (t_ms > 5_400))  # what was not fetched before the driver began anew
    t_ns = rows.t_after_ns.copy()
    t_ns[10::10] = t_ns[9:-1:10]
    samples = domain, replace(rows, t_before_ns=t_ns, t_after_ns=t_ns)

    energy_j, found = figures(make.trace([train()], (counter, samples), end_ms=RUN_MS))

    assert any("its course is told" in note for note in found.notes)
    assert found.ledger.measured_j == pytest.approx(GAIN * ENERGY_J[RUN_MS], rel=0.01)
    assert found.self_energy.low_j[1] <= true_j("train/forward") <= found.self_energy.high_j[1]
    assert energy_j["train/forward"] == pytest.approx(true_j("train/forward"), rel=0.03)


def test_run_that_only_counted_says_that_the_counter_stands_alone(make, gpu):
    trace = make.trace([train()], gpu, end_ms=RUN_MS)

    only_counted = said_of_counted(replace(trace, counted=object()), gpu[0][0])

    assert said_of_counted(trace, gpu[0][0]) == ()
    (note,) = only_counted
    assert note.startswith("not all of this run was stored (--max-size): the counter is used alone")


def test_counter_without_samples_is_as_it_was(make, gpu):
    counter, (domain, rows) = gpu
    none = kept((domain, rows), np.zeros(len(rows), np.bool_))

    _, found = figures(make.trace([train()], (counter, none), end_ms=RUN_MS))
    _, alone = figures(make.trace([train()], (counter,), end_ms=RUN_MS))

    assert found.ledger == alone.ledger


NAMES = {1000: "second", 300: "third", 37: "flash", 2000: "last"}
"""Stretches of load by their length in ms."""


def test_real_gpu_whose_counter_is_read_every_600_ms_has_the_figures_of_one_read_all_the_time(make):
    log = SquareWave()
    make = replace(make, origin_ns=0)
    spans = [
        (NAMES[min(NAMES, key=lambda one: abs(one - (end - start) / MS))], start / MS, end / MS)
        for start, end in log.load_ns
    ]
    counter = make.domain(
        id="gpu:0", scale=1e-3, driver="device", period_ns=100 * MS, lag_ns=(0, 100 * MS), baseline_w=None
    )
    shape = replace(
        counter,
        id="gpu:0:samples",
        quantity="power",
        shape_of="gpu:0",
        period_ns=None,
        window_ns=20 * MS,
        lag_ns=(0, 20 * MS),
        tick_ns=10 * MS,
    )
    end_ms = log.end_ns / MS - 300

    dense, whole = figures(make.trace([spans], [(counter, log.counter)], end_ms=end_ms))
    found, part = figures(make.trace([spans], [(counter, log.seldom(600 * MS)), (shape, log.samples)], end_ms=end_ms))
    _, seldom = figures(make.trace([spans], [(counter, log.seldom(600 * MS))], end_ms=end_ms))

    for name in ("second", "third", "last"):
        assert found[name] == pytest.approx(dense[name], rel=0.02)
    # Of what lasts a third of its period the counter itself is not so sure.
    own, other = part.self_energy, whole.self_energy
    assert np.all((own.low_j <= other.high_j) & (other.low_j <= own.high_j))
    half_width = (part.self_energy.high_j - part.self_energy.low_j) / 2
    assert half_width.max() < 0.05 * min(found["second"], found["last"])
    assert ((seldom.self_energy.high_j - seldom.self_energy.low_j) / 2).min() > 0.2 * found["third"]
