"""The recorder: takes the events out of the threads' buffers and writes them to the spool, in bounded memory."""

from __future__ import annotations

import os
import struct
import sys
from _thread import RLock
from time import perf_counter, perf_counter_ns, thread_time_ns

from energyprof.model.frame import END, EVENTS, FACTS, pack_frame
from energyprof.model.json_text import to_json
from energyprof.record import fork, lanes
from energyprof.record.announcements import Announcements
from energyprof.record.call_costs import CallCosts
from energyprof.record.exit import HEADWAY_S, close_within_limits
from energyprof.record.faults import note, reason
from energyprof.record.flusher import Flusher
from energyprof.record.fork import Forking
from energyprof.record.losses import Losses
from energyprof.record.own_cpu import OwnCpu
from energyprof.record.ranks import rank_of
from energyprof.record.spool_file import Parent, SpoolFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from energyprof.record.frame_source import FrameSource
    from energyprof.record.stack_rows import StackRows

PARENT_SPOOL = "ENERGYPROF_PARENT_SPOOL"
"""Environment: the spool of the process that launched this one, with its folder."""

FLUSH_PERIOD_S = 0.2
ASIDE_PERIOD_S = 0.01
LOOK_PERIOD_S = 0.05
"""With the thread's own delay, a kill costs at most 0.25 s of events; a burst is met before it fills the memory."""
FLUSH_AT_EVENTS = 100_000
FACTS_PERIOD_S = 5.0
HELD_EVENTS = 2_000_000
"""About 100 bytes each. More than that is dropped and counted; writing keeps up with 1.8 million events a second."""
HELD_WHEN_BLOCKED_EVENTS = 200_000
"""The same while nothing can be written: a full disk, a folder that is gone, no descriptor left."""
PIECE_EVENTS = (8_192, 65_536)
"""A frame holds at most this many, more when there is much to do: packing holds the GIL 0.04 us per event."""
ABANDONED_AFTER = 10
"""Flushes that find no folder until nobody is thought to be there: a live collector makes a deleted one again."""
CLOSE_TIMEOUT_S = 0.04
_INT64S = "%dq" if sys.byteorder == "little" else "<%dq"


class Recorder:
    """Records this process into `run_dir/spool` from `start` to `close`; forked children have spools of their own."""

    def __init__(self, run_dir: str) -> None:
        self.run_dir = run_dir
        self.on_fork: list[Callable[[], None]] = []
        """Called in a forked child, after the recorder has been renewed there."""
        self.on_flush: list[Callable[[], None]] = []
        """Called by the flusher before it looks at what there is to write: what devices have done by now, say."""
        self.on_abandoned: Callable[[], None] = self.close
        """Called when the run folder is gone, and with it everybody who could read what is recorded."""
        self.stacks: StackRows | None = None
        """Samples of stacks to be written as well."""
        self.tellers: list[FrameSource] = []
        """Who has more to be written: what was delayed and repeated, what the program told."""
        self.costs = CallCosts()
        self.look_aside: Callable[[], bool] = lambda: False
        """Called by the flusher; True: it wants to be called again in ASIDE_PERIOD_S."""
        self._folder = os.path.join(run_dir, "spool")
        self._is_open = False
        self._announcements = Announcements(rank_of(os.environ))
        self._renew(None)

    def _renew(self, parent: Parent | None) -> None:
        self._begin_spool(parent)
        self._flusher = Flusher(self._tick, lambda: note(self.run_dir, "flushing"))
        # Re-entrant: a signal handler may fork or exit while its thread is flushing.
        self._flushing = RLock()
        self._writing = RLock()
        """Held for one frame at a time: what a fork waits for."""
        self._announcements = Announcements(self._announcements.rank)
        self._events_written = 0
        self._losses = Losses()
        self._misses = 0
        self._warnings: list[str] = []
        self._is_replacing = False
        self._busy_ns = 0
        self.costs.begin()
        self._facts_s = perf_counter()

    def _begin_spool(self, parent: Parent | None) -> None:
        self._spool = SpoolFile(self._folder, parent)
        self._cpu = OwnCpu() if parent is not None else None
        # A child's first event is written at once: one that is killed soon after has left a sign of what is missing.
        self._flushed_s = perf_counter() if parent is None else 0.0
        lanes.on_event = None if self._cpu is None else self._cpu.read

    def start(self) -> None:
        """Write the spool's head and have stages record from now on; raises OSError if the folder cannot be written."""
        parent = os.environ.get(PARENT_SPOOL, "")
        if os.path.dirname(parent) == self._folder:
            from energyprof.record.launches import ancestors_below

            spool = os.path.basename(parent)
            pid = lanes.first_pid = int(spool.partition("-")[0])
            between = () if pid == os.getpid() else ancestors_below(pid)
            self._begin_spool(Parent(spool, between=between))
        lanes.forget_events()
        self._spool.open()
        try:
            self._announcements.write(self._spool.id, self._write)
        finally:
            self._spool.shut()
        self._is_open = True
        os.environ[PARENT_SPOOL] = os.path.join(self._folder, self._spool.id)
        fork.follow(self)
        lanes.on_first_event = self._flusher.start
        if len(lanes.lanes) == 1 and lanes.lanes[0] is lanes.local.lane:
            lanes.await_next_event()  # a program that marks nothing keeps to its own threads
        else:
            self._flusher.start()
        lanes.set_recording(True)

    def close(self) -> None:
        """Stop recording and write all there is; a second call does nothing.

        Takes some milliseconds, longer only where much is left to write, and gives a hanging disk `HEADWAY_S`.
        """
        if not self._is_open:
            return
        self._is_open = False
        lanes.set_recording(False)
        fork.unfollow(self)
        lanes.on_event, lanes.on_first_event = None, lanes.nothing
        self._flusher.stop()
        if self._is_free():
            try:
                self._ask()
                if self._has_something():
                    self._flush(last=True)
            finally:
                self._flushing.release()

    def _has_something(self) -> bool:
        """Return whether there is anything to write, or a reader who waits for the end."""
        return bool(self._spool.is_begun or self.stacks or any(self.tellers) or lanes.events_held())

    def _is_free(self) -> bool:
        """Wait until nobody else flushes; False: no headway is made, and a hanging disk is not waited for."""
        written = -1
        while not self._flushing.acquire(timeout=HEADWAY_S):
            if self._events_written == written:
                return False
            written = self._events_written
        return True

    def flush(self) -> None:
        """Write what has been recorded so far."""
        with self._flushing:
            if self._is_open:
                self._flush()

    @property
    def spool_id(self) -> str:
        """What this process's spool is called."""
        return self._spool.id

    def wake(self) -> None:
        """Have what comes without an event written too; does next to nothing where the flusher runs."""
        if not fork.is_pending():
            self._flusher.start()

    def warn(self, message: str) -> None:
        """Have the report say `message`."""
        self._warnings.append(message)

    def set_rank(self, rank: dict[str, int]) -> None:
        """Have the report know which rank of a distributed program this process is (JSON as in RANK)."""
        self._announcements.set_rank(rank)

    def waited(self, start: tuple[int, int, int], end: tuple[int, int, int]) -> None:
        """Take what the calling thread had used when a wait began and ended; see `OwnCpu`."""
        if self._cpu is not None:
            self._cpu.waited(start, end)

    # --- in the flusher's thread -----------------------------------------------------------------------------------

    def _tick(self) -> float:
        wait_s = self._flush_if_due()
        return ASIDE_PERIOD_S if self.look_aside() else wait_s

    def _flush_if_due(self) -> float:
        """Flush if it is time, and return the seconds until the next look."""
        self._ask()
        held = (events := lanes.events_held()) + len(self._announcements)
        now_s = perf_counter()
        if held < FLUSH_AT_EVENTS and now_s - self._flushed_s < FLUSH_PERIOD_S:
            return LOOK_PERIOD_S
        if events or self._events_written or self._cpu is None:  # a child's first event is written at once
            self._flushed_s = now_s
        if held or self.stacks or any(self.tellers):
            self.flush()
        return LOOK_PERIOD_S if held or not self._flushed_s else FLUSH_PERIOD_S

    def _ask(self) -> None:
        began_ns = thread_time_ns()
        for call in self.on_flush[:]:
            try:
                call()
            except Exception:  # a plugin's error must not cost what others have recorded
                self.on_flush.remove(call)
                note(self.run_dir, "asking an instrument before flushing")
        self._busy_ns += thread_time_ns() - began_ns

    def _flush(self, last: bool = False) -> None:
        began_ns = thread_time_ns()
        try:
            self._spool.open()
        except FileNotFoundError as error:
            self._hold(error)
            self._misses += 1
            if self._misses >= ABANDONED_AFTER and not os.path.isdir(self._folder):
                self.on_abandoned()
            return
        except OSError as error:
            self._hold(error)
            if last:
                self._losses.add(lanes.events_held(), reason(error))
            self._losses.state(self._spool, error, self.run_dir)
            return
        self._misses = 0
        if self._spool.is_robbed:
            self._forget_announcements()
        try:
            self._write_events()
            threads = [lane.tid for lane in list(lanes.lanes) if lane.kind == "thread"]
            if self._cpu is not None and (frame := self._cpu.frame(threads, last)):
                self._write(frame)
            sources: list[FrameSource] = [*self.tellers, *(() if self.stacks is None else (self.stacks,))]
            for frame in (frame for source in sources for frame in source.frames()):
                self._write(frame)
            self._write_facts(began_ns, last)
        except OSError as error:
            self._losses.state(self._spool, error, self.run_dir)
        finally:
            self._spool.shut()
            self._busy_ns += thread_time_ns() - began_ns
        if not last:
            self._busy_ns += self.costs.govern(self._busy_ns)

    def _write_events(self) -> None:
        """Take everything at once (deleting a list's head piece by piece is quadratic), then write it in pieces."""
        taken = []
        for lane in list(lanes.lanes):
            is_alive = lane.is_alive() is not None  # asked before its buffer is emptied
            if count := len(lane.buffer):
                taken.append((lane, lane.buffer[:count]))
                del lane.buffer[:count]
            if lane.announced == self._spool.id and not is_alive:
                lanes.lanes.remove(lane)
        unwritten = sum([len(events) for _, events in taken]) // 2
        if unwritten > HELD_EVENTS:
            self._losses.add(unwritten, "the program recorded faster than could be written")
            return
        try:
            self._announcements.write(self._spool.id, self._write)
            for lane, events in taken:
                step = 2 * max(PIECE_EVENTS[0], min(PIECE_EVENTS[1], len(events) // 16))
                for at in range(0, len(events), step):
                    piece = events[at : at + step]
                    self._write(pack_frame(EVENTS, lane.number, struct.pack(_INT64S % len(piece), *piece)))
                    unwritten -= len(piece) // 2
                    self._events_written += len(piece) // 2
        except OSError as error:
            self._losses.add(unwritten, reason(error))  # the few words that say so may still fit
        self.costs.take([events for lane, events in taken if lane.kind != "device"])  # measures only once all is kept

    def _write(self, frame: bytes) -> None:
        with self._writing:
            self._spool.write(frame)

    def _forget_announcements(self) -> None:
        """Have all announced again: the folder was deleted, perhaps before anybody had read it, and is there again."""
        self._spool.is_robbed = False
        self._announcements.forget()
        if self.stacks is not None:
            self.stacks.forget_announcements()

    def _write_facts(self, began_ns: int, last: bool) -> None:
        self._losses.write(self._spool, self._write)
        if last or self._is_replacing or self._warnings or perf_counter() - self._facts_s > FACTS_PERIOD_S:
            self._facts_s = perf_counter()
            facts = {
                "recorder_ns": self._busy_ns + thread_time_ns() - began_ns + self._recording_ns(),
                "events": self._events_written,
                "warnings": self._warnings,
                "replacing": self._is_replacing,
                "governor": self.costs.told(),
            }
            self._write(pack_frame(FACTS, 0, to_json(facts)))
            self._warnings = []
        if last:
            self._write(pack_frame(END, 0, perf_counter_ns().to_bytes(8, "little")))

    def _recording_ns(self) -> int:
        sampling_ns = 0 if self.stacks is None else self.stacks.busy_ns
        watching = [sys.modules.get(f"energyprof.record.{name}") for name in ("flow", "same_inputs", "dropped")]
        watching_ns: int = sum(module.watching_ns() for module in watching if module is not None)
        return int(self.costs.spent_ns) + sampling_ns + watching_ns

    def _hold(self, error: OSError) -> None:
        """Keep the events for later as long as they are few."""
        held = lanes.events_held()
        if held > HELD_WHEN_BLOCKED_EVENTS:
            for lane in list(lanes.lanes):
                del lane.buffer[:]
            del lanes.guests[:]
            self._losses.add(held, reason(error))
        if self.stacks is not None and len(self.stacks) > HELD_WHEN_BLOCKED_EVENTS // 4:
            self._losses.add(self.stacks.drop(), reason(error))

    # --- around the launch of a program ----------------------------------------------------------------------------

    def launching(self) -> int:
        """Announce the process that this thread is about to make, and return the number of its lane."""
        return self._announce_process()

    def launched(self, lane: int, pid: int, since_ns: int) -> None:
        """Say which process it was: `pid`, or if that is 0 any that was made since `since_ns`."""
        times = {"since_ns": since_ns, "until_ns": perf_counter_ns()}
        self._announcements.add_launched({"lane": lane, "tid": 0, "kind": "process", "name": "", "pid": pid, **times})

    def replacing(self) -> None:
        """Write all there is: another program may be about to take this process over."""
        self._is_replacing = True
        self._flush_safely()
        self._is_replacing = False

    def telling(self) -> None:
        """Write all there is before a message to whoever made this process, and may end it once it has the answer."""
        is_told = self._spool.has_parent and any(lane.buffer for lane in lanes.lanes)
        # Where the flusher hangs in a disk, the message is not to wait for it.
        if is_told and self._flushing.acquire(timeout=CLOSE_TIMEOUT_S):
            try:
                self._flush_safely()
            finally:
                self._flushing.release()

    def exiting(self) -> None:
        """Write all there is before `os._exit`: in a thread, waited for as long as it makes headway, within limits."""
        if self._has_something():
            close_within_limits(self.close, lambda: self._events_written, self.run_dir)

    def _announce_process(self) -> int:
        number = lanes.announce_spawn()
        if not self._spool.is_begun:  # a forked child that records nothing itself is still the parent of what it makes
            self._flush_safely()
        return number

    def _flush_safely(self) -> None:
        try:
            self.flush()
        except Exception:  # an error of ours must not break the program
            note(self.run_dir, "flushing before a launch")

    # --- around a fork ---------------------------------------------------------------------------------------------

    def before_fork(self, is_asked_for: bool) -> Forking:
        """Announce the child, `is_asked_for` by another process; from here to `after_fork_in_*` nothing is written."""
        was_flushing = self._flusher.stop()
        parent = Parent(self._spool.id, self._announce_process(), is_asked_for=is_asked_for)
        is_held = self._writing.acquire(timeout=CLOSE_TIMEOUT_S)
        return Forking(self, parent, was_flushing, is_held)

    def after_fork_in_parent(self, forking: Forking) -> None:
        """Go on; the flusher's thread waits for the next event where the program has no other recording thread."""
        if forking.is_held:
            self._writing.release()
        own = lanes.local.lane
        others = any(lane is not own and lane.is_alive() is not None for lane in lanes.lanes)
        if forking.was_flushing and (others or self.stacks is not None):
            self._flusher.start()
        else:
            lanes.await_next_event()

    def after_fork_in_child(self, forking: Forking) -> None:
        """Begin anew below the stage open at the fork; a spool appears with the child's first event."""
        lanes.keep_only_own_lane()
        self._spool.shut()  # the parent may have been writing: this is the child's own copy of the descriptor
        self._renew(forking.parent)
        os.environ[PARENT_SPOOL] = os.path.join(self._folder, self._spool.id)
        lanes.on_first_event = self._flusher.start
        lanes.await_next_event()
        for call in self.on_fork:
            try:
                call()
            except Exception:  # a plugin's error must not break the program
                note(self.run_dir, "renewing an instrument after a fork")
