"""The clock of a device that works behind the program's back: what is needed of it to learn when its work was done."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_EVENTS = 4_096


class Place(NamedTuple):
    """A queue of work, and the device it belongs to."""

    device: int
    stream: int


class DeviceClock(Protocol):
    """Marks in streams of a device. An event is whatever the device calls so; none of this ever waits for one."""

    def is_there(self) -> bool:
        """Return whether the program uses the device by now; never starts it."""
        ...

    def here(self) -> Place | None:
        """Return where this thread's work goes at present; None: nothing may be put there (a graph is captured)."""
        ...

    def mark(self, place: Place) -> Any:
        """Put an event into the stream; the device dates it when it comes to it."""
        ...

    def mark_idle(self, device: int) -> Any:
        """Put an event where nothing else waits, so that the device dates it at once."""
        ...

    def is_done(self, event: Any) -> bool:
        """Return whether the device has dated the event."""
        ...

    def elapsed_ns(self, first: Any, second: Any) -> float:
        """Return the device's time from one dated event to another, negative where `second` was first."""
        ...

    def release(self, event: Any) -> None:
        """Take back an event that nobody needs any more."""
        ...

    def synchronize(self) -> None:
        """Wait until the device has done all of this thread's work; only where the user asked for it."""
        ...


def never_free(thing: object) -> None:
    """Have an object, and all that it holds, outlive this process.

    In a forked child an event of its parent must not be destroyed: CUDA fails, in a destructor, and that ends the child
    (torch 2.11 on an H200: "terminate called after throwing an instance of 'c10::AcceleratorError'").
    """
    from ctypes import py_object, pythonapi

    pythonapi.Py_IncRef(py_object(thing))


class EventPool:
    """Events to use again: to make one costs a call of the driver. Appends and pops are atomic, so no lock."""

    def __init__(self, make: Callable[[], Any], kept: int = KEPT_EVENTS) -> None:
        self._make = make
        self._kept = kept
        self._free: list[Any] = []
        self.made = 0

    def take(self) -> Any:
        """Return an event that is free."""
        try:
            return self._free.pop()
        except IndexError:
            self.made += 1
            return self._make()

    def give(self, event: Any) -> bool:
        """Take an event back; False: enough are kept, and this one is let go."""
        if len(self._free) >= self._kept:
            return False
        self._free.append(event)
        return True
