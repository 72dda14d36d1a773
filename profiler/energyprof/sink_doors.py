"""Doors that a sink of spans may have besides those of `interfaces.SpanSink`; an instrument asks with `isinstance`.

Standard library only: instruments import it inside the profiled program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable


class FlowWatch(Protocol):
    """Watches which stage hands out an object and which one receives it, by identity; never raises."""

    readers: dict[type, Callable[[Any], tuple[int, int]]]
    """By exact type: returns by which number the memory of an object is known, if several objects may show it (0: none
    is known; negative, as ids are not), and its bytes.
    """

    def gives(self, result: object) -> None:
        """Take note that the innermost stage open in this thread hands `result` out."""
        ...

    def takes(self, arguments: Sequence[object]) -> None:
        """Take note that it receives these."""
        ...


@runtime_checkable
class FlowSink(Protocol):
    """A `SpanSink` that watches the flow of data; ask with `isinstance`, others know nothing of it."""

    def flow(self) -> FlowWatch | None:
        """Return who watches; None: nobody is asked to."""
        ...


@runtime_checkable
class FeedSink(FlowSink, Protocol):
    """A `FlowSink` that takes flow which is known without watching; ask with `isinstance`."""

    def fed_code(self, name: str, feeding: tuple[str, ...], *, file: str | None, line: int | None) -> int:
        """Return the code of a module that is handed, at each of its calls, what those named `feeding` have returned.

        They stand in the same stage as it does; those that were not recorded there do not count.
        """
        ...


class FoldSource(Protocol):
    """Who records calls of which some may be too short to be worth it, and can leave them out from now on."""

    def cost_ns(self, code: int) -> float:
        """Return what it costs the program to record one call of this stage; 0: it is no stage of this source's."""
        ...

    def layer_of(self, code: int) -> int:
        """Return the stage to be folded for this one to be left out, itself or the forward to its backward; 0: none."""
        ...

    def kin_of(self, code: int) -> str:
        """Return what layers have in common that are to be folded together: their place in like parts of a model."""
        ...

    def fold(self, codes: Sequence[int], reason: str) -> None:
        """Record calls of these stages no longer, and tell the report why; called from a thread of the recorder's."""
        ...


class StepSource(FoldSource, Protocol):
    """A `FoldSource` that can record layers in some steps only: calls of modules that are not made within others."""

    def sample_steps(self, part: float, reason: str) -> None:
        """Record layers in this part of the steps from now on, 0..1, drawn at random; called as `fold` is.

        In the others the model itself is recorded, and inside it a stage that bears the fact `PASSED_OVER`.
        """
        ...


@runtime_checkable
class GovernedSink(Protocol):
    """A `SpanSink` that keeps the cost of recording below a bound; ask with `isinstance`, others know nothing of it."""

    def governs(self, source: FoldSource) -> None:
        """Have `source` asked what its calls cost, and told what to leave out."""
        ...

    def added_ns(self, recorded: Callable[[], object], bare: Callable[[], object]) -> float:
        """Return by how much a call of `recorded` takes longer than one of `bare`, in ns, other work in between."""
        ...


@runtime_checkable
class DeviceSink(Protocol):
    """A `SpanSink` that takes what a device did as well; ask with `isinstance`, others know nothing of it."""

    def on_boundary(
        self,
        call: Callable[[int, tuple[int, ...], int], None],
        is_wanted: Callable[[], bool],
        before_end: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        """Have `call(base, path, t_ns)` called in a thread after each change of what is open there; return the undoing.

        `path` has the codes of the open stages, outermost first; two paths are of the same place only where their
        `base` is the same. It begins once `is_wanted`, asked at each event, has said so. `before_end` is called before
        an end is recorded, whose time is taken after that. Threads that recorded before this call are not heard, but
        for the one that calls.
        """
        ...

    def device_lane(self, device: int, base: int, name: str) -> Callable[[tuple[int, int]], None]:
        """Return the `extend` of a new lane for a stream of the device with this number, for paths of this base."""
        ...

    def on_flush(self, call: Callable[[], None]) -> None:
        """Have `call` called every 0.2 s or sooner, in a thread of the recorder's: what it adds to lanes is written."""
        ...

    def warn(self, message: str) -> None:
        """Have the report say `message`."""
        ...


@runtime_checkable
class RankSink(Protocol):
    """A `SpanSink` that knows of distributed programs; ask with `isinstance`."""

    def tell_rank(self, rank: int, world_size: int, local_rank: int | None = None) -> None:
        """Have the report know which rank this process is, and those that it makes; the last word counts."""

    def waited(self, start: tuple[int, int, int], end: tuple[int, int, int]) -> None:
        """Take (`perf_counter_ns`, `thread_time_ns`, `process_time_ns`) of this thread at a wait's ends."""
