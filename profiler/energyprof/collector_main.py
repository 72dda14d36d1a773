"""The collector process: sources, clocks, spools and capture wired together, and the loop that keeps them moving.

It runs outside the program, so that its polls wait for nobody's interpreter lock, and outside the foreground, so that
Ctrl-C and the prompt wait for no driver. It ends when the foreground says so, or is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from typing import Any

from energyprof import __version__, discover
from energyprof.collect.allowance import sources_share
from energyprof.collect.beginning import Beginning
from energyprof.collect.due import Due
from energyprof.collect.followed_program import FollowedProgram
from energyprof.collect.open_sources import Opened, lead_out_ns, said_of
from energyprof.collect.sampler import SamplerFacts
from energyprof.collect.sleeps import SleepWatch
from energyprof.errors import CaptureError, EnergyprofError
from energyprof.launch.control import BEGIN, COMMIT, LOST, START, Control
from energyprof.launch.detached import close_inherited
from energyprof.launch.processor import cpu_model
from energyprof.launch.pulse import Pulse
from energyprof.launch.root_process import RootProcess
from energyprof.launch.run_configuration import await_removal, leave_nothing, read_configuration
from energyprof.launch.run_folder import is_restored, remove_run_folder
from energyprof.launch.run_notes import KEPT_NAME, hold
from energyprof.model.overhead_bound import DEFAULT, bound_of
from energyprof.probe.store import KeptProbes
from energyprof.sampling import SensorSampling

TICK_S = 0.08
CONVERT_S = 0.04
"""Longest stretch of conversion at a time; between two the collector sleeps as long: half a core at most."""
LIVE_S = 0.3
FACTS_S = 2.0
SETTLED_NS = 2_000_000_000
"""What happened so long ago has arrived: recorders write every 0.25 s."""
FIRST_READ_PATIENCE_S = 0.2
"""How long a program that profiles itself is kept waiting for the first answer of all sources that are open."""
DRIVER_PATIENCE_S = 1.0
ORPHAN_PATIENCE_S = 5.0


def main(run_dir: str | None = None) -> None:
    """Serve one run; the foreground starts this with its pipes as standard input and output.

    A program that profiles itself starts it with a FIFO and a file instead, and `run_dir`, where the configuration is.
    """
    if run_dir is not None:
        close_inherited()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # With Python's 5 ms a converting main thread would make every sampling thread that late.
    sys.setswitchinterval(0.0005)
    control = Control(os.dup(0), os.dup(1))
    os.dup2(2, 1)  # what a driver prints goes to the log, not between our events
    config = control.wait(None) if run_dir is None else read_configuration(run_dir)
    control.tell("begun")
    if config is None or config.get("op") == LOST:
        return
    try:
        with Pulse(control):
            collection = Collection(config, control)
        collection.run()
    except _CancelledError:
        leave_nothing(config["output"], config["run_dir"])
    except EnergyprofError as error:
        control.tell("failed", message=str(error))
    except Exception as error:  # a fault of ours: the details are in the log, and the program does not notice
        import traceback

        traceback.print_exc()
        control.tell("failed", message=f"the collector failed: {type(error).__name__}: {error}")
    else:
        if run_dir is not None:
            await_removal(run_dir, ORPHAN_PATIENCE_S)


class _CancelledError(Exception):
    """Nobody starts the program any more."""


class Collection:
    """One run being recorded."""

    def __init__(self, config: dict[str, Any], control: Control) -> None:
        """Start sampling, then open the rest; raises EnergyprofError where the capture cannot be written.

        A configuration without `start_ns` is that of a lead-in: sensors are read before there is a program.
        """
        self._config = config
        self._control = control
        hold(config["run_dir"])
        self._sleeps = SleepWatch()
        self._beginning = Beginning()
        self._probes = KeptProbes(discover.cache_folder(), cpu_model())
        program = FollowedProgram(config) if "start_ns" in config else None
        self._sensors = SensorSampling(config, program, self._beginning, self._probes.known)
        self._sampler = self._sensors.sampler
        if program is None:
            self._lead_in()
            program = FollowedProgram(self._config)
            self._sensors.follow(program)
        self._start_ns, self._root = program.start_ns, RootProcess(program.root_pid)
        self._program, self._clock, self._horizon = program, program.clock, program.horizon
        self._bound = bound_of(str(self._config.get("max_overhead", DEFAULT)))
        if config.get("in_process"):
            self._sampler.await_first(FIRST_READ_PATIENCE_S)
            control.tell("sampling")
        # Imported while the sensors are being read already: with numpy they take four times as long as all above.
        from pathlib import Path

        from energyprof.collect.function_sampling import FunctionSampling

        gates = Path(self._config["run_dir"]) / "stacks"
        self._functions = FunctionSampling(self._config.get("stacks", "off"), gates, self._start_ns)
        self._open_capture(int(self._config["root_pid"]))
        self._settled_ns = 0
        """What happened until then has been converted."""
        self._said: set[str] = set()
        self._due = Due()

    def _open_capture(self, root_pid: int) -> None:
        """Begin the file and what fills it."""
        from pathlib import Path

        from energyprof.capture.place import CapturePlace
        from energyprof.collect.bursts import Bursts, lane_limit
        from energyprof.collect.convert import Converter
        from energyprof.collect.lost_stages import LostStages
        from energyprof.collect.sampled_rows import SampledRows
        from energyprof.collect.spool_owners import SpoolOwners
        from energyprof.collect.spool_watch import SpoolWatcher
        from energyprof.collect.unrecorded import Unrecorded
        from energyprof.collect.use_watch import UseWatch
        from energyprof.launch.host_facts import run_facts

        limit_bytes = int(self._config.get("max_size", 0))
        kept = Path(self._config["run_dir"]) / KEPT_NAME
        self._place = CapturePlace(Path(self._config["output"]), kept, limit_bytes, self._pass_on)
        self._writer = self._place.writer
        seed = int(self._config["start_unix_ns"])
        self._bursts = Bursts(limit_bytes, self._writer.size_bytes, seed) if limit_bytes else None
        self._rows = SampledRows(self._writer, self._bursts)
        self._facts = run_facts(self._config, __version__, time.monotonic_ns())
        self._writer.set_run(self._facts)
        self._writer.add_domains([domain for one in self._sensors.opened for domain in one.domains])
        self._functions.state(self._writer)
        spool = Path(self._config["run_dir"]) / "spool"
        self._converter = Converter(
            SpoolWatcher(spool),
            self._writer,
            signalled_ns=self._functions.signals.began_ns,
            is_part=bool(self._config.get("in_process")),
            bursts=self._bursts,
            lane_limit=lane_limit(limit_bytes),
        )
        self._converter.watch(self._functions.stages, self._functions.own)
        self._owners = SpoolOwners(spool, self._clock.adopt)
        self._unrecorded = Unrecorded(self._clock.pids)
        self._lost = LostStages(Path(self._config["run_dir"]))
        self._use = UseWatch(self._clock, root_pid, os.getpid(), self._config.get("foreground_pid"))
        self._use.add([one.source for one in self._sensors.opened])

    def _lead_in(self) -> None:
        """Read the sensors until the program has been started; raises _CancelledError where it will not be."""
        self._control.tell("sampling")
        parent = RootProcess(int(self._config["parent_pid"]))
        while True:
            message = self._control.wait(LIVE_S)
            if message is not None and message["op"] == START:
                self._config = {**self._config, **message}
                self._beginning.tell(int(message["start_ns"]))
                return
            if message is not None or parent.has_ended():
                self._sampler.stop(DRIVER_PATIENCE_S)
                raise _CancelledError
            self._sensors.add(self._sensors.opening.late())
            self._control.tell("sampling", power_w=self._sampler.live().power_w)

    def run(self) -> None:
        """Record until the foreground says that the program has ended, then finish the capture."""
        self._control.tell("ready", **said_of(self._sensors.opened))
        message = self._until_the_end()
        is_lost = message["op"] == LOST
        if is_lost:
            self._root.terminate(ORPHAN_PATIENCE_S)
            message = {"t_ns": time.monotonic_ns(), "exit_code": None, "cpu_ns": self._clock.total_ns()}
        self._look_for_deletion()
        self._converter.seal()
        said = dict(message.get("cpu_by_thread", ()))
        self._horizon.end(int(message["t_ns"]), int(message["cpu_ns"]), said)
        self._lead_out(int(message["t_ns"]))
        self._finish(message)
        if self._place.refused is not None:
            raise self._place.refused  # `recover` takes the file from the run folder to wherever there is room
        self._control.tell("done", path=self._config["output"], warnings=[])
        if is_lost:
            remove_run_folder(self._config["run_dir"])

    def _until_the_end(self) -> dict[str, Any]:
        """Record until told that the program has ended, or, where it has no foreground, until it is seen to have."""
        wait_s = 0.0  # whoever is killed now has said at least which run it was
        while True:
            message = self._control.wait(wait_s)
            if message is None and self._config.get("in_process") and self._root.has_ended():
                message = self._control.wait(0.0) or {"op": LOST}  # it may just have said so
            if message is not None and message["op"] == COMMIT:
                self._commit(message["number"])
            elif message is not None and message["op"] == BEGIN:
                self._begin(message["t_ns"], message["unix_ns"])
            elif message is not None:
                return message
            wait_s = self._tick()

    def _begin(self, t_ns: int, unix_ns: int) -> None:
        """Have the run begin where the block does; its sensors have been read before that, so nothing is missed."""
        self._facts = replace(self._facts, start_ns=t_ns, start_unix_ns=unix_ns)
        self._writer.set_run(self._facts)
        self._beginning.tell(t_ns)

    def _commit(self, number: int) -> None:
        """Store all that is known now, what is open included, for somebody who reads the file while the run goes on."""
        self._owners.adopt()
        self._take_all()
        self._rows.take_held_back()
        now_ns = time.monotonic_ns()
        self._converter.count_until(self._settled_ns)
        self._facts = replace(self._facts, end_ns=now_ns)
        self._writer.set_run(self._facts)
        self._state_costs()
        self._writer.set_open(self._converter.open_spans(now_ns))
        failure = ""
        try:
            if self._writer.commit(force=True):
                self._converter.release()
        except CaptureError as error:
            failure = str(error)
        self._control.tell("committed", number=number, failure=failure)

    def _take_all(self) -> None:
        """Convert whatever is there and take what has been sampled."""
        while not self._place.is_blocked and self._step():
            self._store()
            if self._due.is_due("live", LIVE_S):
                self._control.tell("working")
        self._take_samples()

    def _step(self) -> bool:
        """Convert the next piece; where there is none, all that is old enough has been converted."""
        looked_ns = time.monotonic_ns()
        has_more = self._converter.step()
        if not has_more:
            self._settled_ns = looked_ns - SETTLED_NS
        return has_more

    def _tick(self) -> float:
        """Move everything on by a bounded piece; return the seconds to wait before the next."""
        began_s = time.monotonic()
        self._look_for_deletion()
        self._owners.adopt()
        self._unrecorded.look()
        self._look_for_sleep()
        self._read_too(self._sensors.opening.late())
        has_more = not self._place.is_blocked
        while has_more and time.monotonic() - began_s < CONVERT_S:
            has_more = self._step()
        self._functions.look(time.monotonic_ns())
        self._take_samples()
        if self._bursts is not None:
            self._bursts.look(time.monotonic_ns())
            if self._bursts.is_counting:
                self._writer.readings_age_ns = self._bursts.period_ns
        if self._due.is_due("facts", FACTS_S):
            self._converter.count_until(self._settled_ns)
            self._facts = replace(self._facts, end_ns=time.monotonic_ns())
            self._writer.set_run(self._facts)
            self._state_costs()
        self._store()
        if self._config["live"] and self._due.is_due("live", LIVE_S):
            self._tell_live()
        return min(TICK_S, time.monotonic() - began_s) if has_more else TICK_S

    def _read_too(self, opened: Opened) -> None:
        """Read sources that were late to open, and say which are left out."""
        for line in (*self._sensors.opening.news(), *self._probes.news(), *self._use.news()):
            self._warn(line)
        if opened:
            self._sensors.add(opened)
            self._use.add([one.source for one in opened])
            self._writer.add_domains([domain for one in opened for domain in one.domains])
            self._control.tell("ready", **said_of(self._sensors.opened))

    def _look_for_deletion(self) -> None:
        """Make the run folder again where it is gone: what was recorded in it is lost, what follows need not be."""
        if is_restored(self._config["run_dir"]):
            self._lost.is_deleted = True
            self._warn(
                f"somebody deleted {self._config['run_dir']} during the run, and stages not yet stored are lost; "
                "keep cleaners away from it, or set TMPDIR to another place"
            )

    def _look_for_sleep(self) -> None:
        """Keep when the computer slept: what the sensors say across is not the program's."""
        sleep = self._sleeps.look()
        if sleep is not None:
            self._facts = replace(self._facts, sleeps=(*self._facts.sleeps, sleep))
            self._writer.set_run(self._facts)

    def _take_samples(self) -> None:
        domains = [domain for one in self._sensors.opened for domain in one.domains]
        readings = self._horizon.readings(domains, self._sampler.drain())
        self._rows.take(domains, readings, self._horizon.cpu(self._clock.drain()))
        self._use.look()
        self._sampler.allow(sources_share(self._use.idle_cpus(), self._bound))
        self._rows.take_use(*self._use.drain())

    def _store(self) -> None:
        """Commit what is due; where the disk refuses, the spools stay until it has room."""
        if self._place.store():
            self._converter.release()

    def _tell_live(self) -> None:
        power_w, energy_j, estimated = self._sampler.live()
        elapsed_s = (time.monotonic_ns() - self._start_ns) * 1e-9
        figures = {"elapsed_s": elapsed_s, "power_w": power_w, "energy_j": energy_j, "estimated": estimated}
        self._control.tell("live", **figures, stage=self._converter.current_stage())

    def _lead_out(self, end_ns: int) -> None:
        """Go on sampling until the slowest sensor has shown the program's last moment."""
        until_ns = end_ns + lead_out_ns(self._sensors.opened)
        while (left_ns := until_ns - time.monotonic_ns()) > 0:
            self._control.tell("working")
            time.sleep(max(0.0, min(left_ns * 1e-9, self._tick())))

    def _finish(self, message: dict[str, Any]) -> None:
        from energyprof.collect.convert_facts import lines_of_unclosed

        self._functions.signals.stop()
        self._read_too(self._sensors.opening.give_up())
        self._use.look(is_last=True)
        self._sampler.stop(DRIVER_PATIENCE_S)
        self._control.tell("working")
        self._owners.adopt()  # before what has been read to its end is deleted
        self._take_all()
        self._rows.take_held_back()
        if self._place.is_blocked:
            self._place.move()
            self._take_all()
        self._converter.finish(int(message["t_ns"]), self._horizon.ended_ns)
        self._functions.judge(int(message["t_ns"]), self._writer)
        sampled = self._state_costs()
        self._owners.adopt()
        unseen = self._lost.warning()
        if not unseen:
            has_recorded = self._owners.has_any or self._lost.is_deleted
            unseen = self._unrecorded.warning(self._config["command"], has_recorded)
        unclosed = lines_of_unclosed(self._converter.processes(), self._config["root_pid"], message["exit_code"])
        for line in (*([unseen] if unseen else unclosed), *sampled.warnings, *message.get("warnings", ())):
            self._writer.warn(line)
        from energyprof.launch.host_facts import at_its_end  # with numpy, which is loaded by now

        self._writer.set_run(at_its_end(self._facts, message, self._config["run_dir"]))
        self._control.tell("working")
        self._place.finish()
        self._converter.release()

    def _state_costs(self) -> SamplerFacts:
        sampled = self._sampler.facts()
        self._writer.set_sampling(sampled.domains)
        self._writer.set_cures(self._converter.cures.cures())
        self._writer.set_told(self._converter.told.told())
        self._writer.set_run_queue(self._program.run_queue())
        self._writer.set_recorder(
            replace(
                self._lost.added_to(self._converter.recorder_facts()),
                collector_s=time.process_time(),
                sampler_s=sampled.cpu_s,
                polls=sampled.polls,
                late_polls=sampled.late_polls,
            )
        )
        return sampled

    def _warn(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._writer.warn(line)
            self._pass_on(line)

    def _pass_on(self, line: str) -> None:
        self._control.tell("warning", message=line)
