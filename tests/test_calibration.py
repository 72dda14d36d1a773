"""Calibration on a machine that is simulated: its clock, its load and its true power are the test's own."""

from __future__ import annotations

from itertools import pairwise

import pytest

from energyprof import calibration
from energyprof.calibration import LoadRecord, ReferenceSource, fit_log, fit_windows, keep, kept_load, run_load
from energyprof.errors import InputError
from energyprof.interfaces import Reading
from energyprof.model.domain import Domain
from energyprof.model.fitted_power import read_fitted
from energyprof.model.ids import DomainId
from energyprof.testing import SECOND, FakeClock

CPUS = {"idle": 0.02, "one CPU": 1.0, "all CPUs": 8.0, "memory": 8.0}
IDLE_W, CPU_W, MEMORY_W = 30.0, 5.0, 2.0
EPOCH_NS = 1_700_000_000 * SECOND


class SimulatedMachine:
    """Eight CPUs; power is idle, so much for each busy CPU, and a little more for memory traffic."""

    def __init__(self):
        self.clock = FakeClock(1_000 * SECOND)
        self.now_ns = self.clock.now_ns
        self.load, self.used_ns, self.energy_j, self.loads = "idle", 0, 0.0, []
        self.log = []

    def epoch_ns(self):
        return EPOCH_NS + self.clock.now_ns()

    def busy_ns(self):
        return self.used_ns // 10_000_000 * 10_000_000  # the kernel counts in steps of 10 ms

    def power_w(self):
        return IDLE_W + CPU_W * CPUS[self.load] + (MEMORY_W if self.load == "memory" else 0.0)

    def wait(self, duration_s):
        self.clock.advance(round(duration_s * SECOND))
        self.used_ns += round(CPUS[self.load] * duration_s * SECOND)
        self.energy_j += self.power_w() * duration_s
        self.log.append((self.epoch_ns() * 1e-9, self.power_w()))

    def start(self, load):
        self.load = load
        self.loads.append(load)

    def stop(self):
        self.load = "idle"
        self.loads.append("stopped")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def logged(machine, path, rows=None):
    lines = [f"{t_s:.3f},{power_w:.3f}\n" for t_s, power_w in (machine.log if rows is None else rows)]
    path.write_text("time,watts\n" + "".join(lines))
    return path


def loaded(machine, duration_s=40.0, **more):
    machine.wait(2.0)
    record = run_load(machine, duration_s, ("Test CPU", 8), **more)
    machine.wait(2.0)
    return record


def test_each_load_has_its_share_and_all_of_them_end():
    machine, told = SimulatedMachine(), []

    record = loaded(machine, progress=lambda load, part: told.append((load, part)))

    assert machine.loads == ["idle", "one CPU", "all CPUs", "memory", "stopped"]
    assert [load for load, _, _ in record.phases] == list(CPUS)
    assert [(end - begin) / SECOND for _, begin, end in record.phases] == [pytest.approx(10.0)] * 4
    assert told[0][1] == 0.0
    assert told[-1] == ("memory", 1.0)


def test_load_ends_when_it_is_interrupted():
    machine = SimulatedMachine()

    def interrupt(load, part):
        if part > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loaded(machine, progress=interrupt)
    assert machine.loads[-1] == "stopped"


def test_meter_gives_idle_and_cpu_watts_with_an_error_that_holds_for_every_load(tmp_path):
    machine = SimulatedMachine()
    record = loaded(machine)

    fit = fit_log(logged(machine, tmp_path / "plug.csv"), record)

    assert (fit.idle_w, fit.cpu_w) == (pytest.approx(IDLE_W, rel=0.05), pytest.approx(CPU_W, rel=0.05))
    for measured_w, by_fit_w in fit.by_phase.values():
        assert by_fit_w == pytest.approx(measured_w, rel=fit.error)
    assert fit.by_phase["memory"][0] == pytest.approx(IDLE_W + 8 * CPU_W + MEMORY_W, rel=0.01)
    assert 0.005 < fit.error < 0.1


def test_load_is_kept_for_a_log_that_comes_later(tmp_path):
    machine = SimulatedMachine()
    record = loaded(machine)
    early = logged(machine, tmp_path / "early.csv", machine.log[:50])
    whole = logged(machine, tmp_path / "whole.csv")
    calibration.keep_load(record)

    with pytest.raises(InputError, match="--fit-only --meter-csv FILE"):
        fit_log(early, record)

    assert kept_load() == record
    assert fit_log(whole, kept_load()) == fit_log(whole, record)


def test_without_a_load_the_way_to_one_is_said():
    with pytest.raises(InputError, match="no load has been run here yet; try: energyprof calibrate --meter-csv FILE"):
        kept_load()


def test_model_is_kept_for_this_cpu_with_the_meters_error_added(tmp_path):
    machine = SimulatedMachine()
    record = loaded(machine)
    fit = fit_log(logged(machine, tmp_path / "plug.csv"), record)

    done = keep(fit, record, "plug.csv", (0.02, 0.03), "2026-11-25")

    folder = str(tmp_path / "cache" / "energyprof")
    assert read_fitted(folder, "Test CPU", 8) == done.power
    assert read_fitted(folder, "Test CPU", 16) is None
    assert done.power.gain_error == (pytest.approx(0.02 + fit.error), pytest.approx(0.03 + fit.error))
    assert (done.power.meter, done.power.fitted_on) == ("plug.csv", "2026-11-25")


class Counters:
    """A sensor of the simulated machine: a package that wraps, a core within it, and memory beside it."""

    name, measures, rank = "counters", "sensor", 50
    WRAP = 400_000_000

    def __init__(self, machine):
        self.machine = machine
        self.lost_j = 0.0

    def domains(self):
        rows = (("cpu:0:package", None, self.WRAP), ("cpu:0:core", "cpu:0:package", None), ("dram:0", None, None))
        return tuple(
            Domain(DomainId(id_), "counters", "sensor", "energy", 1e-6, "cpu", parent=parent, wrap=wrap,
                   gain_error=(0.05, 0.1))
            for id_, parent, wrap in rows
        )  # fmt: skip

    def read(self):
        total_uj = round(self.machine.energy_j * 1e6)
        parts = {
            "cpu:0:package": total_uj * 3 // 4 % self.WRAP,
            "cpu:0:core": total_uj // 2,
            "dram:0": total_uj // 4 - round(self.lost_j * 1e6),
        }
        return [Reading(DomainId(id_), raw) for id_, raw in parts.items()]

    def close(self):
        pass


def test_sensor_of_the_same_machine_serves_as_the_meter_each_joule_once():
    machine = SimulatedMachine()
    counters = Counters(machine)
    reference = ReferenceSource(counters, counters.domains(), machine.now_ns)

    record = loaded(machine, poll=reference.poll)
    fit = fit_windows(reference.windows(record.phases[-1][2]), record)

    assert (fit.idle_w, fit.cpu_w) == (pytest.approx(IDLE_W, rel=0.05), pytest.approx(CPU_W, rel=0.05))
    assert reference.error() == (0.05, 0.1)


def test_time_across_which_a_counter_started_anew_is_left_out():
    machine = SimulatedMachine()
    counters = Counters(machine)
    reference = ReferenceSource(counters, counters.domains(), machine.now_ns)

    def poll():
        if machine.now_ns() > 1_038 * SECOND and not counters.lost_j:
            counters.lost_j = machine.energy_j / 4  # the memory's counter, in the middle of the load on memory
        reference.poll()

    record = loaded(machine, poll=poll)
    _, begin_ns, end_ns = record.phases[-1]
    within = [one for one in reference.windows(end_ns) if begin_ns + SECOND < one[0] and one[1] < end_ns - SECOND]

    powers_w = [energy_j / (end - begin) * SECOND for begin, end, energy_j in within]
    assert powers_w == [pytest.approx(IDLE_W + 8 * CPU_W + MEMORY_W, rel=0.01)] * len(within)
    assert any(after[0] > before[1] for before, after in pairwise(within)), "a gap"


def test_sensor_that_gave_nothing_is_named():
    machine = SimulatedMachine()
    counters = Counters(machine)
    reference = ReferenceSource(counters, counters.domains(), machine.now_ns)

    with pytest.raises(InputError, match="cpu:0:package of counters gave no energy meanwhile; choose another source"):
        reference.windows(machine.now_ns())


def test_cpu_is_named_as_the_model_names_it(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor : 0\nmodel name : A CPU\n\nprocessor : 1\nmodel name : A CPU\n")

    from energyprof_plugins.power.load_table import identify

    processor = identify(str(tmp_path))
    assert calibration.this_cpu(str(tmp_path)) == (processor.name, processor.threads) == ("A CPU", 2)


def test_record_is_what_it_was_after_being_kept():
    record = LoadRecord((("idle", 0, 5),), (0, 5), (1, 2), 7, "A CPU", 2)

    calibration.keep_load(record)

    assert kept_load() == record
