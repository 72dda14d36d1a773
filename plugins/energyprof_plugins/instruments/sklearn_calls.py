"""Which calls of estimators are stages: the outermost of each, and in compositions and searches those of their parts.

What an estimator calls of itself is part of its call, and so is what it calls of others, as a forest does of its trees:
hundreds of calls that nobody has written. Pipelines are seen wherever they are called.
"""

from __future__ import annotations

import sys
import threading
from time import perf_counter_ns as now_ns

from energyprof.sink_doors import FlowSink
from energyprof_plugins.instruments.sklearn_names import EstimatorNames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from energyprof.interfaces import SpanSink
    from energyprof.sink_doors import FlowWatch

    class EstimatorClasses(Protocol):
        """Where the methods stand that are recorded."""

        def finish(self) -> None:
            """Have classes recorded completely that were made since."""

        def meet(self, owner: type) -> None:
            """Have the class of a part recorded, which may be none of scikit-learn's."""


ASKS = ("sklearn.model_selection", "sklearn.metrics", "sklearn.utils", "sklearn.inspection")
"""Where scikit-learn calls the estimators of others for its own user, in threads as well."""
COMBINES = ("sklearn.pipeline", "sklearn.compose")


class _Here(threading.local):
    call: EstimatorCall | None = None


class EstimatorCalls:
    """Begins the calls that are recorded, each thread's within one another."""

    def __init__(self, sink: SpanSink, classes: EstimatorClasses) -> None:
        self._names: EstimatorNames | None = EstimatorNames(sink)
        self._classes = classes
        self.sink = sink
        self.watch: FlowWatch | None = sink.flow() if isinstance(sink, FlowSink) else None
        self.here = _Here()
        self.closed: dict[int, EstimatorCall] = {}
        """By thread: the outermost call in it that no other estimator's is seen in."""
        sink.on_fork(self.closed.clear)

    def stop(self) -> None:
        """Record nothing more; calls that have begun are recorded to their end."""
        self._names = None

    def begin(self, of: Any, method: str) -> EstimatorCall | None:
        """Begin the call of a method of an object; None: it is part of another call, or of no interest."""
        around, names = self.here.call, self._names
        if names is None or (around is not None and around.of is of):
            return None
        self._classes.finish()
        is_open = names.is_open(of)
        if not is_open and not names.is_part(of) and self._is_inside(around, of, names):
            return None
        if is_open:
            for new in names.meet(of):
                self._classes.meet(new)
        call = EstimatorCall(self, of, names.code(of, method, None if around is None else around.of), around, is_open)
        call.begin()
        return call

    def _is_inside(self, around: EstimatorCall | None, of: Any, names: EstimatorNames) -> bool:
        """Return whether a call is part of one that does not show it, here or in a thread that waits for this one."""
        if around is not None:
            return not (around.is_open and names.shows(around.of, of))
        if not self.closed:
            return False
        caller = str(sys._getframe(3).f_globals.get("__name__", ""))  # behind `begin` and the method's own frame
        return caller.startswith("sklearn.") and not caller.startswith(ASKS + COMBINES)


class EstimatorCall:
    """A call that is recorded."""

    __slots__ = ("_around", "_calls", "_code", "_ext", "is_open", "of")

    def __init__(self, calls: EstimatorCalls, of: Any, code: int, around: EstimatorCall | None, is_open: bool) -> None:
        self._calls = calls
        self._code = code
        self._around = around
        self._ext = calls.sink.extend()
        self.of = of
        self.is_open = is_open

    def begin(self) -> None:
        """Let what follows in this thread stand in it."""
        calls = self._calls
        calls.here.call = self
        if not self.is_open:
            calls.closed.setdefault(threading.get_ident(), self)
        self._ext((self._code, now_ns()))

    def takes(self, arguments: tuple[Any, ...]) -> None:
        """Have it known what it was handed."""
        if self._calls.watch is not None:
            self._calls.watch.takes(arguments)

    def gives(self, result: Any) -> None:
        """Have it known what it returned; an estimator that returns itself has made nothing."""
        if self._calls.watch is not None and result is not self.of:
            self._calls.watch.gives(result)

    def end(self) -> None:
        """End it; what follows stands in the call around it."""
        self._ext((-self._code, now_ns()))
        calls = self._calls
        calls.here.call = self._around
        if calls.closed.get(threading.get_ident()) is self:
            del calls.closed[threading.get_ident()]
