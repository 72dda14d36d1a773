"""The recorder as an instrument sees it."""

from __future__ import annotations

from energyprof.record.lanes import local
from energyprof.record.names import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from energyprof.interfaces import RepeatSource
    from energyprof.record.recorder import Recorder
    from energyprof.record.repeats import RepeatPhase


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

    def repeats(self, source: RepeatSource) -> bool:
        """Return whether layers are to be repeated; if so `source` is asked for them."""
        if self._phase is None:
            return False
        self._phase.add(source)
        return True
