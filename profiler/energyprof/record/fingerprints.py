"""What the inputs of a call hold, as one number: equal numbers mean equal content, as far as it was looked at.

Looked at are numbers, texts, bytes, paths, arrays (numpy's, `array`, `bytearray`: what shows its memory by the buffer
protocol and is written in C), lists, tuples and dicts of these, and tensors that a stage has handed out, by their
version. No code of the program's runs, and nothing is kept alive.

An array is read as a whole where that takes less than a hundredth of the time (and 25 ms), divided among the stages
that have arrays. A larger one is known by its memory, as long as who owns it lives, and by 64 pieces of 64 bytes spread
over it, head and tail among them. A change of a part p of it is missed with a probability of about (1 - p) ** 64: a
frame that is filled anew is another input, one in which a few bytes changed may be taken for the same.
"""

from __future__ import annotations

from _weakref import ref
from time import perf_counter_ns
from zlib import crc32

from energyprof.record.flow import WATCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    Look: TypeAlias = "tuple[int, bool, bool]"
    """A number for the content, whether all of it was looked at, and whether it is more than numbers."""

LONGEST_TEXT = 1 << 20
"""A longer one is not hashed: 1 MiB takes 0.3 ms, once."""
ITEMS = 256
"""Of a list or tuple; a longer one is not looked at."""
DEEPEST = 3
WHOLE_BYTES = 1 << 25
"""A larger array is never read as a whole: it would stop the program for 15 ms at once."""
PIECES, PIECE_BYTES = 64, 64
PIECES_NS = 25_000
LOOK_NS = 4_000
"""What looking at the pieces of a large array takes, and at any at all (EPYC, Python 3.11); no look takes 1 us."""
STRIDED = 10
"""So many times as long takes an array that is not in one piece."""
MOST_SHARE = 0.01
HEAD_START_NS = 25_000_000
_CHUNK = 5_120
"""A longer piece of memory `crc32` reads without the interpreter lock, and may wait 5 ms until it has it again."""
OWNERS = 4_096
_ATOMS = frozenset({type(None), bool, int, float, complex})
_TEXTS = frozenset({str, bytes})
_PATHS = frozenset({"pathlib", "pathlib._local"})
_PATH_KINDS = frozenset({"PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"})
_HEAP_TYPE = 1 << 9
"""Flag of types that are made as a program runs (Py_TPFLAGS_HEAPTYPE of CPython's object.h)."""
_MAPPED = frozenset({"mmap", "memmap"})
"""Owners of memory that is read from a disk when it is looked at."""


class Unknown(Exception):  # noqa: N818 - no error: it ends a look
    """Nothing can be told of a value."""


class Fingerprints:
    """Looks at values within a bounded part of the time. Takes no lock: what a race loses is a look."""

    def __init__(
        self,
        number_of: Callable[[object, type], int] = WATCH.number_of,
        now_ns: Callable[[], int] = perf_counter_ns,
        byte_ns: float | None = None,
    ) -> None:
        """`number_of` returns by which number a tensor is known, 0: by none; `byte_ns`: what reading a byte takes."""
        self._number_of = number_of
        self._now_ns = now_ns
        self._since_ns = now_ns()
        self._byte_ns = byte_ns
        self._spent_ns: dict[int, float] = {}
        """By stage, what looking at arrays took."""
        self._owners: dict[int, tuple[ref[Any], int]] = {}
        self._kinds: dict[type, bool] = {}

    @property
    def spent_ns(self) -> int:
        """Return about what looking at arrays has taken so far."""
        return int(sum(self._spent_ns.values()))

    def of(self, code: int, values: Iterable[object], is_result: bool = False) -> Look | None:
        """Return how values look that the stage with this code receives or returns; None: nothing can be told."""
        parts: list[object] = []
        look = [True, False]
        try:
            for value in values:
                kind = type(value)
                if kind in _ATOMS:
                    parts += (kind, value, value == -1)  # whose hash is that of -2
                elif kind is str and len(value) <= LONGEST_TEXT:  # type: ignore[arg-type]  # a text
                    look[1] = True
                    parts.append(value)
                else:
                    self._add(code, value, parts, look, 0 if is_result else 1)
        except (Unknown, BufferError, TypeError, ValueError, RuntimeError):  # a list that changes meanwhile, say
            return None
        return hash(tuple(parts)), look[0], look[1]

    def _add(self, code: int, item: Any, parts: list[object], look: list[bool], depth: int) -> None:
        kind = type(item)
        if kind in _ATOMS:
            parts += (kind, item, item == -1)
        elif kind in _TEXTS:
            if len(item) > LONGEST_TEXT:
                raise Unknown
            look[1] = True
            parts += (kind, item)
        elif kind is list or kind is tuple or kind is dict:
            if abs(depth) > DEEPEST or len(item) > ITEMS:
                raise Unknown
            parts += (kind, len(item))
            inner = [each for pair in item.items() for each in pair] if kind is dict else item
            for each in inner:
                self._add(code, each, parts, look, depth + 1 if depth else 0)
            look[1] = look[1] or bool(item)
        elif type(kind) is type and kind.__name__ in _PATH_KINDS and kind.__module__ in _PATHS:
            look[1] = True
            parts += (kind, str(item))
        elif self._is_array(kind):
            look[0] &= self._add_array(code, item, parts, is_input=depth > 0)
            look[1] = True
        else:
            version = getattr(item, "_version", None) if kind in WATCH.readers else None
            number = 0 if version is None else self._number_of(item, kind)
            if not number:
                raise Unknown
            look[1] = True
            parts += (number, version)

    def _is_array(self, kind: type) -> bool:
        known = self._kinds.get(kind)
        if known is None:
            is_static = type(kind) is type and not kind.__flags__ & _HEAP_TYPE
            known = self._kinds[kind] = (
                kind is bytearray
                or (is_static and hasattr(kind, "__array_interface__"))
                or (type(kind) is type and (kind.__module__, kind.__name__) == ("array", "array"))
            )
        return known

    def _add_array(self, code: int, array: Any, parts: list[object], is_input: bool) -> bool:
        """Add what an array holds; return whether that is all of it."""
        if not self._affords(code, LOOK_NS):
            raise Unknown
        owner = getattr(array, "base", None)
        if type(owner).__name__ in _MAPPED:
            raise Unknown
        with memoryview(array) as view:
            if "O" in view.format or "P" in view.format:  # holds objects, not their content
                raise Unknown
            parts += (view.format, view.shape, view.nbytes)
            if not view.nbytes:
                return True
            if not view.c_contiguous and view.f_contiguous and view.ndim > 1:
                parts.append("T")
                return self._add_array(code, array.T, parts, is_input)
            times = 1 if view.c_contiguous else STRIDED
            cost_ns = times * view.nbytes * self._reading_ns()
            if view.nbytes <= WHOLE_BYTES and self._affords(code, cost_ns):
                parts.append(_whole(view))
                return True
            if not view.c_contiguous or not self._affords(code, PIECES_NS):
                raise Unknown
            with view.cast("B") as memory:
                parts.append(_pieces(memory))
            if is_input:
                place = array.__array_interface__["data"] if owner is not None else 0
                parts += (self._number(array if owner is None else owner), place)
            return False

    def _affords(self, code: int, cost_ns: float) -> bool:
        """Take so much out of what a stage may spend on looks at arrays, if there is as much."""
        spent = self._spent_ns.setdefault(code, 0.0) + cost_ns
        allowed_ns = HEAD_START_NS + MOST_SHARE * (self._now_ns() - self._since_ns)
        if spent * len(self._spent_ns) > allowed_ns:
            return False
        self._spent_ns[code] = spent
        return True

    def _reading_ns(self) -> float:
        if self._byte_ns is None:
            self._byte_ns = _byte_ns()
        return self._byte_ns

    def _number(self, owner: Any) -> int:
        """Return a number that is an object's own as long as it lives."""
        known = self._owners.get(id(owner))
        if known is not None and known[0]() is owner:
            return known[1]
        if len(self._owners) >= OWNERS:
            self._owners.clear()
        number = _next_number()
        self._owners[id(owner)] = ref(owner), number
        return number


def _whole(view: memoryview) -> int:
    if not view.c_contiguous:
        return crc32(view.tobytes())
    try:
        memory = view.cast("B")
    except (TypeError, ValueError):  # complex numbers and records cannot be cast
        return crc32(view)
    with memory:
        found = 0
        for at in range(0, len(memory), _CHUNK):
            found = crc32(memory[at : at + _CHUNK], found)
        return found


def _pieces(memory: memoryview) -> int:
    last, found = len(memory) - PIECE_BYTES, 0
    for piece in range(PIECES):
        at = last * piece // (PIECES - 1)
        found = crc32(memory[at : at + PIECE_BYTES], found)
    return found


def _byte_ns(rounds: int = 3, size: int = 1 << 16) -> float:
    """Return what reading a byte takes here."""
    memory, best = memoryview(bytes(size)), float("inf")
    for _ in range(rounds):
        began_ns = perf_counter_ns()
        _whole(memory)
        best = min(best, (perf_counter_ns() - began_ns) / size)
    return best


_numbers = iter(range(1, 1 << 62))
_next_number = _numbers.__next__
