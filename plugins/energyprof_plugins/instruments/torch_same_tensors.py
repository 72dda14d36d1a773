"""Calls of whole models on tensors that they have had before, with the same weights and the same outcome.

Small tensors in the CPU's memory are known by what they hold; larger ones, and those of devices, by being the same
memory, shape and version, as long as who owns the memory lives. In the CPU's memory a part of what they hold is
compared as well, for numpy may write there without a new version, and so is a part of the result: a model that draws
random numbers, or remembers something, has another. On a CUDA device the result cannot be read without waiting for it:
there a call must have drawn no random number. Nothing is asked of torch that its modes or profilers would hear of.

What this takes (7 us for a small network, 0.5 us more for each weight; EPYC, torch 2.13) is kept below a hundredth of
the program's time: calls that come too fast are not looked at, and time long gone by saves nothing up for them. One
look in `TIMED` is timed and stands for those since the last: reading a thread's clock four times took a fifth of a
look. Calls of a model, with gradients or without, that have brought nothing `KEPT` times on end are looked at no more.
"""

from __future__ import annotations

from collections import UserDict
from ctypes import string_at
from time import perf_counter_ns as now_ns
from time import thread_time_ns
from weakref import ref

from energyprof.model.events import work_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    from energyprof.interfaces import SpanSink

    Asked: TypeAlias = "tuple[int, tuple[ref[Any], ...], int | None, int, int]"
    """Key of a call, who owns the memory of its inputs, how many numbers its device had drawn before it (-1: it is on
    none; None: nobody knows), for how many looks this one is timed (0: it is not), and which calls it is one of."""

KEPT = 4_096
"""Inputs kept of all models."""
WHOLE_BYTES = 131_072
"""A larger input is not read as a whole; hashing this much takes 40 us."""
PIECES, PIECE_BYTES = 16, 64
"""Of a larger one."""
PARTS = 32
"""Inputs with more parts are not looked at, nor are such results."""
MOST_SHARE = 0.01
HEAD_START_NS = 20_000_000
"""Of looks at once, at the beginning and after a while without any."""
TIMED = 13
"""A prime, so that models that are called in turn are timed in turn."""
_ATOMS = frozenset({type(None), bool, int, float, str})
SKIPPED = "calls_not_looked_at"
"""Fact of a model of which a call was not looked at: it came too fast, or many before it had brought nothing."""
_AGAIN = work_code("calls_on_same_tensors", 1)


class SameTensors:
    """Counts such calls. Takes no lock: what a race loses makes the count too small."""

    def __init__(
        self, sink: SpanSink, clock_ns: Callable[[], int] = now_ns, cpu_ns: Callable[[], int] = thread_time_ns
    ) -> None:
        import torch

        self._local: Any = sink.local()
        self._tell = sink.tell
        self._skipped: set[int] = set()
        self._tensor = torch.Tensor
        self._strided = torch.strided
        self._is_watched = getattr(torch._C, "_len_torch_function_stack", lambda: 1)
        self._is_traced = getattr(torch._C, "_is_tracing", torch.jit.is_tracing)
        self._wants_gradients = torch.is_grad_enabled
        self._modes = (torch.is_autocast_enabled, torch.is_inference_mode_enabled)
        self._cuda = torch.cuda
        self._had: dict[int, tuple[tuple[ref[Any], ...], object, int]] = {}
        """By key: who owns the memory of the inputs, what the result looked like, and the weights."""
        self._vain: dict[int, int] = {}
        """By code of a stage, negative for calls with gradients: how many were looked at since one was on the same."""
        self._now_ns = clock_ns
        self._since_ns = clock_ns()
        self._left_ns: float = HEAD_START_NS
        """What looks might take at that instant."""
        self._cpu_ns = cpu_ns
        self._untimed = TIMED
        """Looks since the last that was timed; the first of all is."""
        self._is_first = True

    def begin(self, code: int, values: Iterable[Any]) -> Asked | None:
        """Return what `end` is to be handed of a call that begins; None: it is not looked at. Never raises."""
        if self._left_ns <= 0 and self._left_ns + MOST_SHARE * (self._now_ns() - self._since_ns) <= 0:
            self._skip(code)
            return None
        calls = -code if self._wants_gradients() else code
        if self._vain.get(calls, 0) >= KEPT:
            self._skip(code)
            return None
        if self._is_watched() or self._is_traced():
            return None
        self._untimed += 1
        if self._untimed < TIMED:
            return self._asked(calls, values, 0)
        looks = 1 if self._is_first else TIMED  # none came before the first
        self._untimed, self._is_first = 0, False
        began_ns = self._cpu_ns()  # of CPU time: what others do meanwhile is not spent here
        asked = self._asked(calls, values, looks)
        self._spend(looks * (self._cpu_ns() - began_ns))
        return asked

    def end(self, asked: Asked, module: Any, result: Any) -> None:
        """Count the call that ends, in its stage, if it was one of these. Never raises."""
        looks = asked[3]
        if not looks:
            self._count(asked, module, result)
            return
        began_ns = self._cpu_ns()
        self._count(asked, module, result)
        self._spend(looks * (self._cpu_ns() - began_ns))

    def _skip(self, code: int) -> None:
        if code not in self._skipped:
            self._skipped.add(code)
            self._tell(code, {SKIPPED: 1})

    def _spend(self, spent_ns: int) -> None:
        t_ns = self._now_ns()
        self._left_ns = min(self._left_ns + MOST_SHARE * (t_ns - self._since_ns), HEAD_START_NS) - spent_ns
        self._since_ns = t_ns

    def _asked(self, calls: int, values: Iterable[Any], looks: int) -> Asked | None:
        try:
            return self._begin(calls, values, looks)
        except Exception:  # tensors of the strangest kinds, without memory or version
            return None

    def _count(self, asked: Asked, module: Any, result: Any) -> None:
        calls = asked[4]
        try:
            if self._is_again(asked, module, result):
                self._local.ext((_AGAIN, now_ns()))
                self._vain[calls] = 0
                return
        except Exception:  # as above
            pass
        self._vain[calls] = self._vain.get(calls, 0) + 1

    def _begin(self, calls: int, values: Iterable[Any], looks: int) -> Asked | None:
        parts: list[object] = [calls, *[mode() for mode in self._modes]]
        owners: list[Any] = []
        device: Any = None
        count = 0
        tensor = self._tensor
        for outer in values:
            # Most are plain tensors; asking a generator for them takes three times as long.
            for value in (outer,) if type(outer) is tensor else self._flat((outer,)):
                if value is _UNKNOWN or len(parts) > 8 * PARTS:
                    return None
                if type(value) is tensor:
                    count += 1
                    self._add(value, parts, owners)
                    device = value.device if value.is_cuda else device
                else:
                    parts += (type(value), value)
        if not count:
            return None
        drawn = -1 if device is None else self._drawn(device)
        return hash(tuple(parts)), tuple([ref(owner) for owner in owners]), drawn, looks, calls

    def _is_again(self, asked: Asked, module: Any, result: Any) -> bool:
        key, owners, drawn, _, _ = asked
        look = self._look(result)
        if look is None or drawn is None:
            return False
        if drawn >= 0 and look[0] is not None and self._drawn(look[0]) != drawn:
            return False
        known = self._had.get(key)
        if known is None and len(self._had) >= KEPT:
            return False
        weights = _weights_of(module)
        self._had[key] = owners, look, weights
        if known is None or known[2] != weights or known[1] != look or len(known[0]) != len(owners):
            return False
        return all(mine() is not None and mine() is theirs() for mine, theirs in zip(known[0], owners, strict=True))

    def _flat(self, values: Iterable[Any], depth: int = 0) -> Iterable[Any]:
        """Yield what a call is handed or returns, one by one; `_UNKNOWN` for what is neither tensor nor plain."""
        for value in values:
            kind = type(value)
            if kind is self._tensor or kind in _ATOMS:
                yield value
            elif isinstance(value, (tuple, list)) and depth < 3 and len(value) <= PARTS:
                yield kind.__name__
                yield from self._flat(value, depth + 1)
            elif isinstance(value, (dict, UserDict)) and depth < 3 and len(value) <= PARTS:
                held = value if isinstance(value, dict) else value.data  # what tokenizers return is of the latter
                yield kind.__name__
                yield from self._flat((part for item in held.items() for part in item), depth + 1)
            else:
                yield _UNKNOWN

    def _add(self, tensor: Any, parts: list[object], owners: list[Any]) -> None:
        parts += (tensor.dtype, tensor.shape)
        if tensor.layout is not self._strided:
            raise TypeError("a sparse tensor has no one place in memory")
        nbytes = tensor.nbytes
        if tensor.is_cpu:
            if not tensor.is_contiguous():
                raise TypeError("its memory is not its own")
            if nbytes <= WHOLE_BYTES:
                parts.append(hash(string_at(tensor.data_ptr(), nbytes)))
                return
            parts.append(_pieces(tensor.data_ptr(), nbytes))
        place = tensor.data_ptr()
        if not place:
            raise TypeError("it has no memory")
        parts += (str(tensor.device), place, tensor.stride(), tensor._version)
        owners.append(tensor if tensor._base is None else tensor._base)

    def _look(self, result: Any) -> tuple[Any, ...] | None:
        """Return the device of a result and how it looks, as far as that can be told without waiting."""
        seen: list[object] = [None]
        for value in (result,) if type(result) is self._tensor else self._flat((result,)):
            if value is _UNKNOWN or len(seen) > 8 * PARTS:
                return None
            if type(value) is not self._tensor:
                seen.append(value)
                continue
            seen += (value.dtype, value.shape)
            if value.is_cpu and value.is_contiguous():
                nbytes, at = value.nbytes, value.data_ptr()
                seen.append(string_at(at, nbytes) if nbytes <= PIECES * PIECE_BYTES else _pieces(at, nbytes))
            elif value.is_cuda:
                seen[0] = value.device
            else:
                return None
        return tuple(seen)

    def _drawn(self, device: Any) -> int | None:
        """Return how many random numbers a CUDA device has drawn; None: its generator cannot be asked."""
        generator = self._cuda.default_generators[device.index]
        offset = getattr(generator, "get_offset", None)
        try:
            return None if offset is None else int(offset())
        except RuntimeError:  # while a graph is being captured
            return None


def _weights_of(module: Any) -> int:
    """Return what changes when a weight or a buffer of a model does, or a part takes the place of another.

    Gathered anew each time: what is kept of a model would keep its weights alive.
    """
    weights: list[Any] = []
    parts: set[int] = set()
    waiting = [module]
    for part in waiting:  # grows on the way
        if part is None or id(part) in parts:
            continue
        parts.add(id(part))
        own = part.__dict__
        for table in (own["_parameters"], own["_buffers"]):
            if table:
                weights += table.values()
        if own["_modules"]:
            waiting += own["_modules"].values()
    held = [weight for weight in weights if weight is not None]
    try:
        versions = [weight._version for weight in held]
    except RuntimeError:  # those made in inference mode have none
        versions = [0 if weight.is_inference() else weight._version for weight in held]
    return hash((*map(id, waiting), *map(id, held), *[weight.data_ptr() for weight in held], *versions))


class _Unknown:
    pass


_UNKNOWN = _Unknown()


def _pieces(place: int, nbytes: int) -> int:
    """Return a hash of pieces spread over memory, its ends among them."""
    step = (nbytes - PIECE_BYTES) / (PIECES - 1)
    return hash(b"".join(string_at(place + int(at * step), PIECE_BYTES) for at in range(PIECES)))
