"""numpy arrays in the flow of data: an array and its views are the memory that they show."""

from __future__ import annotations

from energyprof.sink_doors import FlowSink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from energyprof.interfaces import SpanSink
    from energyprof.sink_doors import FlowWatch


class NumpyArrays:
    """Tells the recorder how to know arrays again, until removed; records no spans."""

    name = "numpy_arrays"
    framework = "numpy"

    def __init__(self) -> None:
        self._watch: FlowWatch | None = None
        self._type: type | None = None

    def install(self, sink: SpanSink) -> None:
        """Have arrays read by `memory_of`."""
        from numpy import ndarray

        watch = sink.flow() if isinstance(sink, FlowSink) else None
        if watch is not None:
            self._watch, self._type = watch, ndarray
            watch.readers[ndarray] = memory_of

    def remove(self) -> None:
        """Have arrays known by themselves only; a second call does nothing."""
        if self._watch is not None and self._type is not None:
            self._watch.readers.pop(self._type, None)
        self._watch = None


def memory_of(array: Any) -> tuple[int, int]:
    """Return a number for the object that owns an array's memory, and the bytes of the array.

    numpy hands `base` on to the owner itself, however many views lie between (documentation of `ndarray.base`).
    """
    base = array.base
    return -id(array if base is None else base), array.nbytes
