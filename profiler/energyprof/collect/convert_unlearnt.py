"""Calls of a model between the steps of its training that autograd recorded and no backward pass came to.

Such are those of a validation that has forgotten `no_grad()`: they stand in a row, and then the model is called anew
for a step. Many calls that nobody goes back to belong to a step all the same, and are left out here:

* those whose result another model learns from (a generator while its judge learns, a teacher, an encoder below a head):
  no other call of theirs follows that the next backward pass comes to;
* those that each step begins with (labels guessed from one view of a batch, rollouts): more than half of the steps have
  them, and the first has;
* steps given up in the middle (an exception, a loss that is not finite): a call or two on a batch of the loader that
  steps learn from, or where there is none, on as many samples as they;
* what came before the first step: warming up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from energyprof.model.events import WorkUnit

FEWEST_CALLS: Final = 2
"""A single one in a whole run may be a step that was given up."""
LONG_ROW: Final = 3
"""So many calls in a row are no step given up, whatever they are called on."""
PART_OF_STEPS: Final = 0.5
CALLS_LIMIT: Final = 65_536
"""Calls between two backward passes that are looked at; of more the first are."""
SIZES_LIMIT: Final = 64
"""Batch sizes known of a model; one with more has all sizes there are."""
KINDS_LIMIT: Final = 1024
"""Kinds of rows kept apart, per place."""
NO_LOADER: Final = -1
SAME_BATCH: Final = -2
"""Stands for a loader: none has given another batch since."""

Place: TypeAlias = "tuple[int, int]"
"""Lane as stored, and lane-relative stage."""
_Kind: TypeAlias = "tuple[int, tuple[int, ...], bool]"
"""What decides of a row: the loader that gave its batches, their sizes if that may tell, whether it is long."""


@dataclass(slots=True, eq=False)
class Call:
    """One call of a whole model of which autograd has recorded something."""

    place: Place
    took_ns: int
    loader: int
    """Stage of the loader that gave a batch last before it ended, on its lane; `NO_LOADER`: none has."""
    batches: int
    """How many batches had been given there by then."""
    is_first_on_batch: bool
    stretch: _Stretch
    samples: int = 0
    """0: not known."""
    is_learnt: bool = False
    """Whether a backward pass came to it."""


@dataclass(slots=True, eq=False)
class _Stretch:
    """What one lane called from one backward pass to the next."""

    is_first: bool
    is_over: bool = False
    calls: list[Call] = field(default_factory=list)
    told: list[tuple[Place, _Kind | None, int, int]] = field(default_factory=list)
    """What it adds to which place: rows by kind, with calls and time; None: a step of the model."""


@dataclass(slots=True, eq=False)
class _Lane:
    stretch: _Stretch
    loader: int = NO_LOADER
    batches: int = 0
    called_on: int = 0
    """Which of the batches a model was called on last."""
    latest: Call | None = None


@dataclass(slots=True, eq=False)
class _OfPlace:
    """Sums of what all stretches say of one place."""

    steps: int = 0
    """Stretches with a call that was learnt from."""
    rows: int = 0
    led: int = 0
    """First stretches of their lane that have rows."""
    kinds: dict[_Kind, list[int]] = field(default_factory=dict)
    """Rows, calls, time."""
    sizes: set[int] = field(default_factory=set)
    """Samples of calls that were learnt from."""
    told: list[int] = field(default_factory=lambda: [0, 0, 0])


class Passes:
    """The calls of one process, in the order of each lane, between its backward passes."""

    def __init__(self) -> None:
        self._lanes: dict[int, _Lane] = {}
        self._places: dict[Place, _OfPlace] = {}
        self._learnt_loaders: set[int] = set()
        self._changed: dict[int, _Stretch] = {}

    def gave(self, lane: int, loader: int) -> None:
        """Have a loader, a stage, give a batch."""
        of = self._lane(lane)
        of.loader, of.batches = loader, of.batches + 1

    def begin(self, lane: int) -> None:
        """Have a backward pass begin."""
        of = self._lane(lane)
        of.stretch.is_over = True
        self._change(of.stretch)
        of.stretch, of.latest = _Stretch(is_first=False), None

    def call(self, lane: int, place: Place, took_ns: int) -> Call:
        """Return a call that ends now."""
        of = self._lane(lane)
        call = Call(place, took_ns, of.loader, of.batches, of.batches != of.called_on, of.stretch)
        of.latest, of.called_on = call, of.batches
        if len(of.stretch.calls) < CALLS_LIMIT:
            of.stretch.calls.append(call)
            if not of.stretch.is_first:  # before the first pass nobody asks
                self._change(of.stretch)
        return call

    def had(self, lane: int, samples: int) -> None:
        """Have the call that came last been for so many samples."""
        latest = self._lane(lane).latest
        if latest is not None:
            latest.samples = samples

    def learn(self, call: Call) -> None:
        """Have a backward pass come to a call."""
        call.is_learnt = True
        if call.is_first_on_batch:  # one on a batch of long ago may be on something else
            self._learnt_loaders.add(call.loader)
        sizes = self._of(call.place).sizes
        if len(sizes) < SIZES_LIMIT:
            sizes.add(call.samples)
        self._change(call.stretch)

    def settle(self) -> Iterator[tuple[Place, WorkUnit, int]]:
        """Yield how calls, rows and time of each place differ from what was told before."""
        if not self._changed:
            return
        for stretch in self._changed.values():
            for place, kind, calls, took_ns in stretch.told:
                self._add(stretch, place, kind, (-1, -calls, -took_ns))
            stretch.told = list(_told(stretch))
            for place, kind, calls, took_ns in stretch.told:
                self._add(stretch, place, kind, (1, calls, took_ns))
            if stretch.is_over and all(call.is_learnt for call in stretch.calls):
                stretch.calls = []  # nothing of it changes any more, and each of them holds on to it
        self._changed.clear()
        units: tuple[WorkUnit, ...] = ("unlearnt_rows", "unlearnt_calls", "unlearnt_ns")
        for place, of in self._places.items():
            found = self._unlearnt(of)
            for unit, now, before in zip(units, found, of.told, strict=True):
                if now != before:
                    yield place, unit, now - before
            of.told = found

    def _lane(self, lane: int) -> _Lane:
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(_Stretch(is_first=True))
        return self._lanes[lane]

    def _of(self, place: Place) -> _OfPlace:
        return self._places.setdefault(place, _OfPlace())

    def _change(self, stretch: _Stretch) -> None:
        self._changed[id(stretch)] = stretch

    def _add(self, stretch: _Stretch, place: Place, kind: _Kind | None, more: tuple[int, int, int]) -> None:
        of = self._of(place)
        if kind is None:
            of.steps += more[0]
            return
        of.rows += more[0]
        if stretch.is_first:
            of.led += more[0]
            return
        if kind not in of.kinds and len(of.kinds) >= KINDS_LIMIT:
            kind = (SAME_BATCH, (), kind[2])
        sums = of.kinds.setdefault(kind, [0, 0, 0])
        for at, one in enumerate(more):
            sums[at] += one

    def _unlearnt(self, of: _OfPlace) -> list[int]:
        """Return rows, calls and time of a place."""
        if not of.steps or (of.led and of.rows >= PART_OF_STEPS * of.steps):
            return [0, 0, 0]
        apart = [sums for kind, sums in of.kinds.items() if self._is_apart(kind, of.sizes)]
        rows, calls, took_ns = (sum(one) for one in zip(*apart, strict=True)) if apart else (0, 0, 0)
        return [rows, calls, took_ns] if calls >= FEWEST_CALLS else [0, 0, 0]

    def _is_apart(self, kind: _Kind, sizes: set[int]) -> bool:
        loader, row_sizes, is_long = kind
        if is_long or loader == SAME_BATCH:
            return is_long
        if loader != NO_LOADER:
            return loader not in self._learnt_loaders
        return bool(row_sizes) and len(sizes) < SIZES_LIMIT and sizes.isdisjoint(row_sizes)


def _told(stretch: _Stretch) -> Iterator[tuple[Place, _Kind | None, int, int]]:
    """Yield what a stretch adds to which place: rows stand before a step of their own model, or behind the last one."""
    steps: dict[Place, Call] = {}
    rows: dict[tuple[Place, int], list[Call]] = {}
    for call in reversed(stretch.calls):
        step = steps.get(call.place)
        if call.is_learnt:
            steps[call.place] = call
        elif step is not None or not stretch.is_over:
            rows.setdefault((call.place, call.loader), []).append(call)
    for place in steps:
        yield place, None, 0, 0
    for (place, loader), calls in rows.items():
        is_long = len(calls) >= LONG_ROW
        sizes = () if is_long or loader != NO_LOADER else tuple(sorted({call.samples for call in calls} - {0}))
        step = steps.get(place)  # the first one, behind all of the row
        has_moved_on = step is None or loader == NO_LOADER or step.batches > calls[-1].batches
        took_ns = sum(call.took_ns for call in calls)
        yield place, (loader if has_moved_on else SAME_BATCH, sizes, is_long), len(calls), took_ns
