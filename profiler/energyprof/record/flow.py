"""Data flow, observed: which stage hands an object out, and which stage receives that same object.

Objects are known by identity, never by equality, and through weak references only, so that none lives longer for
being watched. No code of the program's runs: no `__eq__`, `__len__` or `__getattr__` of its classes is called.

What cannot be referred to weakly is known by its place in memory together with what it holds: a list by its length and
three of its items, a text or bytes by length and content, a dict by its size and first item. Where the place is used
again for something that looks alike, the two are taken for one where it is received; where it is handed out, it is told
that it may be another one (`LIKE`), but for texts of up to `WHOLE_TEXT`, which are kept. Numbers, None, functions and
texts shorter than `LEAST_TEXT` are not followed: the interpreter shares them between all who use the same value.

Tuples and dicts are followed by what they hold, lists, dataclasses and batches by themselves and by what they hold, one
level deep. Views of arrays and tensors are known by the memory that they show; `readers` tells it per type.

At most `KNOWN_LIMIT` objects are known at a time (about 250 bytes each); the dead go first, then the oldest. What
became of an object is told by events in the lane of whoever handled it (`model.events`): they need no time of their
own, as their place among the lane's events says which stage was open.
"""

from __future__ import annotations

from _weakref import ref
from itertools import count, islice
from time import perf_counter_ns
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

from energyprof.model.events import GIVE, LIKE, PASS, SIZE, SIZE_LIMIT, TAKE
from energyprof.record.lanes import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeAlias

    Reader: TypeAlias = Callable[[Any], tuple[int, int]]
    """Returns by which number the memory of an object is known (not 0, never an `id`), and its bytes."""

KNOWN_LIMIT = 65_536
ITEMS = 32
"""Of a list so many are followed by themselves."""
PARTS = 16
"""Of arguments, and of what a tuple, a dict or an object holds, so many are looked at."""
ATTRIBUTES = 12
"""An object with more attributes is a machine, not a batch."""
LEAST_TEXT = 8
WHOLE_TEXT = 96
UNFOLLOWED = frozenset(
    {type(None), bool, int, float, complex, range, slice, type(...), type}
    | {FunctionType, BuiltinFunctionType, MethodType, ModuleType}
)
SHARED: tuple[object, ...] = (-1,)
"""How something looks that others may well be the same object as."""
_ATOMS = frozenset({type(None), bool, int, float, complex})
_TEXTS = frozenset({str, bytes})
_LOOKED_AT = frozenset({list, str, bytes, dict})
"""Cannot be referred to weakly."""
_PARTED = 1 << 26 | 1 << 29
"""Flags of types that are tuples or dicts (Py_TPFLAGS_TUPLE_SUBCLASS and ..._DICT_SUBCLASS of CPython's object.h)."""


class ObjectWatch:
    """The objects of this process that stages have handed out. Takes no lock: single atomic steps on dicts."""

    def __init__(self, on_fault: Callable[[], None] = lambda: None) -> None:
        self.readers: dict[type, Reader] = {}
        """By exact type: what is known of memory that several objects show."""
        self.on_fault = on_fault
        """Called, once, when something went wrong here; from then on nothing is watched."""
        self.calls = 0
        self._known: dict[int, tuple[Any, int]] = {}
        """`id`, or number of a memory -> (weak reference or what it looked like, number of the object)."""
        self._numbers = count(1)
        self._is_off = False

    def __len__(self) -> int:
        return len(self._known)

    def gives(self, result: object) -> None:
        """Take note that the innermost stage open in this thread hands `result` out."""
        kind = type(result)
        if kind in UNFOLLOWED or self._is_off:
            return
        self.calls += 1
        try:
            events: list[int] = []
            if kind.__flags__ & _PARTED:
                for item in _held(result, kind):
                    if type(item) not in UNFOLLOWED:
                        self._give(item, type(item), events)
                if kind is dict and not events:
                    self._give(result, kind, events)
            else:
                self._give(result, kind, events)
            local.buffer.extend(events)
        except Exception:  # the program must not notice
            self._turn_off()

    def takes(self, arguments: Sequence[object]) -> None:
        """Take note that the innermost stage open in this thread receives these."""
        if not self._known or self._is_off:
            return
        self.calls += 1
        try:
            numbers: dict[int, None] = {}
            for item in arguments[:PARTS]:
                kind = type(item)
                if kind in UNFOLLOWED:
                    continue
                number = self.number_of(item, kind)
                if number:
                    numbers[number] = None
                elif kind not in _TEXTS and kind not in self.readers:
                    for part in _parts(item, kind):
                        if type(part) not in UNFOLLOWED:
                            number = self.number_of(part, type(part))
                            if number:
                                numbers[number] = None
            if numbers:
                events: list[int] = []
                for number in numbers:
                    events += (TAKE + number, 0)
                local.buffer.extend(events)
        except Exception:  # as above
            self._turn_off()

    def _give(self, item: object, kind: type, events: list[int]) -> None:
        number = next(self._numbers)
        size = self._know(item, kind, number, events)
        if size < 0:
            return
        if kind not in _TEXTS and kind not in self.readers:
            for part in _parts(item, kind):
                part_kind = type(part)
                if part_kind not in UNFOLLOWED:
                    more = self._know(part, part_kind, number, events)
                    if more > 0:
                        size += more
        events += (GIVE + number, 0, SIZE + min(size, SIZE_LIMIT - 1), 0) if size else (GIVE + number, 0)
        if len(self._known) > KNOWN_LIMIT:
            self._sweep()

    def _know(self, item: object, kind: type, number: int, events: list[int]) -> int:
        """Know an object under a number; return its bytes (0: unknown), or -1: it cannot be known again."""
        known, key = self._known, id(item)
        look: object
        if kind is str:
            length = len(item)  # type: ignore[arg-type]  # a text
            if length < LEAST_TEXT:
                return -1
            look = (item,) if length <= WHOLE_TEXT else (_trace(item),)
        elif kind in _LOOKED_AT:
            look = _look(item, kind)
            if look == SHARED:
                return -1
        else:
            try:
                look = ref(item)
            except TypeError:
                return -1
        reader = self.readers.get(kind)
        memory, size = (0, 0) if reader is None else reader(item)
        if key in known or memory:
            before = self._number_of_object(item, kind) or (memory and self._number_of_memory(memory))
            if before and before != number:
                events += ((PASS if _is_sure(look, item) else LIKE) + before, 0)
            known.pop(key, None)  # so that it counts as new
        known[key] = look, number
        if reader is None:
            return 0 if kind is not bytes else len(item)  # type: ignore[arg-type]
        if memory:
            known.pop(memory, None)
            known[memory] = look, number
        return size

    def number_of(self, item: object, kind: type) -> int:
        """Return the number under which an object is known; 0: under none."""
        number = self._number_of_object(item, kind)
        if number:
            return number
        reader = self.readers.get(kind)
        return 0 if reader is None else self._number_of_memory(reader(item)[0])

    def _number_of_object(self, item: object, kind: type) -> int:
        known = self._known.get(id(item))
        if known is not None:
            look, number = known
            if type(look) is ref:
                if look() is item:
                    return number
            # A short text is its own look.
            elif look[0] is item or _looks_like(item, kind, look):
                return number
        return 0

    def _number_of_memory(self, memory: int) -> int:
        known = self._known.get(memory)
        # While what first showed the memory is alive, it belongs to nobody else.
        if known is not None and type(known[0]) is ref and known[0]() is not None:
            return known[1]
        return 0

    def _sweep(self) -> None:
        """Forget the dead, then the oldest, down to three quarters of the limit."""
        known = self._known
        for key, (look, _) in list(known.items()):
            if type(look) is ref and look() is None:
                known.pop(key, None)
        for key in list(known)[: max(0, len(known) - KNOWN_LIMIT * 3 // 4)]:
            known.pop(key, None)

    def _turn_off(self) -> None:
        self._is_off = True
        self._known.clear()
        self.on_fault()


def _is_sure(look: object, item: object) -> bool:
    """Return whether nothing else can have been what looks so: it is referred to, or kept."""
    return type(look) is ref or (type(look) is tuple and look[0] is item)


def _held(item: Any, kind: type) -> Iterable[object]:
    """Return what a tuple or a dict holds, of its classes too, past any method of theirs."""
    if issubclass(kind, tuple):
        first: tuple[object, ...] = tuple.__getitem__(item, slice(PARTS))
        return first
    return tuple(islice(dict.values(item), PARTS))


def _parts(item: Any, kind: type) -> Iterable[object]:
    """Return what a container or a batch holds."""
    if kind is list:
        first: list[object] = item[:ITEMS]
        return first
    if kind.__flags__ & _PARTED:
        return _held(item, kind)
    if not kind.__dictoffset__:
        return ()
    held = object.__getattribute__(item, "__dict__")
    if type(held) is not dict or len(held) > ATTRIBUTES:
        return ()
    parts: list[object] = []
    for value in tuple(held.values()):
        if type(value) is dict:  # as in `collections.UserDict`
            parts += islice(value.values(), PARTS)
        else:
            parts.append(value)
    return parts


def _look(item: Any, kind: type) -> tuple[object, ...]:
    """Return what tells an object of `_LOOKED_AT` from others that come to lie in its place."""
    if kind is list:
        return (len(item), *map(_trace, (item[0], item[len(item) // 2], item[-1]))) if item else SHARED
    if kind in _TEXTS:
        return (_trace(item),) if len(item) >= LEAST_TEXT else SHARED
    return next(((len(item), _trace(key), _trace(value)) for key, value in item.items()), SHARED)


def _looks_like(item: Any, kind: type, look: object) -> bool:
    """Tell whether an object is what looked like that; a list may have grown since."""
    if kind not in _LOOKED_AT:
        return False
    if kind is list:
        size = look[0] if isinstance(look, tuple) else 0
        return 0 < size <= len(item) and look == (size, *map(_trace, (item[0], item[size // 2], item[size - 1])))
    return _look(item, kind) == look


def _trace(item: Any) -> object:
    """Return something small that differs for different objects."""
    kind = type(item)
    if kind in _TEXTS:
        size = len(item)
        if size <= WHOLE_TEXT:
            return item
        third, middle = WHOLE_TEXT // 3, size // 2
        return size, item[:third], item[middle : middle + third], item[-third:]
    return item if kind in _ATOMS else id(item)


class _Probe:
    __slots__ = ("__weakref__",)


def call_cost_ns(rounds: int = 5, calls: int = 50) -> float:
    """Return what it costs on average to be told of an object, measured on a watch that nobody reads."""
    watch, probes, costs = ObjectWatch(), [_Probe() for _ in range(calls)], []
    before = len(local.buffer)
    for _ in range(rounds):
        begun_ns = perf_counter_ns()
        for probe in probes:
            watch.gives(probe)
            watch.takes((probe,))
        costs.append((perf_counter_ns() - begun_ns) / (2 * calls))
    del local.buffer[before:]
    return min(costs)


def watching_ns() -> int:
    """Return about how long this process has spent here so far."""
    if not WATCH.calls:
        return 0
    if not _cost:
        _cost.append(call_cost_ns())
    return int(WATCH.calls * _cost[0])


_cost: list[float] = []
WATCH = ObjectWatch()
"""That of this process; a forked child goes on with its own copy, and numbers that both know mean the same objects."""
