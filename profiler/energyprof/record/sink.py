"""The recorder as an instrument sees it."""

from __future__ import annotations

from energyprof.record import lanes
from energyprof.record.ends import added_ns
from energyprof.record.lanes import device_lane, local
from energyprof.record.names import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from energyprof.interfaces import RepeatSource
    from energyprof.record.recorder import Recorder
    from energyprof.record.repeats import RepeatPhase
    from energyprof.sink_doors import FlowWatch, FoldSource


class Sink:
    """Hands instruments their codes and each thread's `extend`; the door is `energyprof.interfaces.SpanSink`."""

    def __init__(self, recorder: Recorder, phase: RepeatPhase | None = None) -> None:
        self._recorder = recorder
        self._phase = phase

    def stage_code(
        self, name: str, *, kind: str = "stage", file: str | None = None, line: int | None = None, module: bool = False
    ) -> int:
        """Return the code of a stage name; that of `<other>` once there are too many."""
        return NAMES.intern(name, kind=kind, is_module=module, file=file, line=line).code

    def tell(self, code: int, facts: dict[str, str | int]) -> None:
        """Have the report know more of a stage."""
        NAMES.tell(code, facts)

    def extend(self) -> Callable[[tuple[int, int]], None]:
        """Return this thread's `extend`."""
        return local.ext

    def local(self) -> object:
        """Return the thread-local object with this thread's `extend` as `ext`; the same one in forked children."""
        return local

    def on_fork(self, call: Callable[[], None]) -> None:
        """Have `call` called in each forked child from now on."""
        self._recorder.on_fork.append(call)

    def on_boundary(
        self,
        call: Callable[[int, tuple[int, ...], int], None],
        is_wanted: Callable[[], bool],
        before_end: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        """Have `call` told of what is open in a thread whenever that changes; return what ends it."""
        from energyprof.record.paths import Paths

        paths = Paths(call, is_wanted, before_end)
        paths.listen()
        self._recorder.costs.hear(paths.event_cost_ns)
        return paths.stop

    def device_lane(self, device: int, base: int, name: str) -> Callable[[tuple[int, int]], None]:
        """Return the `extend` of a new lane for a stream of a device."""
        return device_lane(device, base, name).buffer.extend

    def on_flush(self, call: Callable[[], None]) -> None:
        """Have `call` called in the flusher's thread, before events are written."""
        self._recorder.on_flush.append(call)

    def warn(self, message: str) -> None:
        """Have the report say `message`."""
        self._recorder.warn(message)

    def flow(self) -> FlowWatch | None:
        """Return who watches the flow of data; None: nobody does."""
        if not lanes.watches_flow:
            return None
        from energyprof.record.flow import WATCH

        return WATCH

    def fed_code(self, name: str, feeding: tuple[str, ...], *, file: str | None, line: int | None) -> int:
        """Return the code of a module that is handed what those named `feeding`, beside it, have returned."""
        return NAMES.intern(name, kind="module", is_module=True, after=feeding, file=file, line=line).code

    def tell_rank(self, rank: int, world_size: int, local_rank: int | None = None) -> None:
        """Have the report know which rank of a distributed program this process is."""
        told = {"rank": rank, "world_size": world_size}
        self._recorder.set_rank(told if local_rank is None else {**told, "local_rank": local_rank})

    def waited(self, start: tuple[int, int, int], end: tuple[int, int, int]) -> None:
        """Take the CPU times of the calling thread and its process at both ends of a wait."""
        self._recorder.waited(start, end)

    def governs(self, source: FoldSource) -> None:
        """Have `source` asked what its calls cost, and told what to leave out."""
        self._recorder.costs.add(source)

    def added_ns(self, recorded: Callable[[], object], bare: Callable[[], object]) -> float:
        """Return by how much a call of `recorded` takes longer than one of `bare`, other work in between."""
        return added_ns(recorded, bare)

    def repeats(self, source: RepeatSource) -> bool:
        """Return whether layers are to be repeated; if so `source` is asked for them."""
        if self._phase is None:
            return False
        self._phase.add(source)
        return True
