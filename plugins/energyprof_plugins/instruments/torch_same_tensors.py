"""Calls of whole models on tensors that they have had before, with the same weights and the same outcome.

Small tensors in the CPU's memory are known by what they hold; larger ones, and those of devices, by being the same
memory, shape and version, as long as who owns the memory lives. In the CPU's memory a part of what they hold is
compared as well, for numpy may write there without a new version, and so is a part of the result: a model that draws
random numbers, or remembers something, has another. On a CUDA device the result cannot be read without waiting for it:
there a call must have drawn no random number. Nothing is asked of torch that its modes or profilers would hear of.

What this takes (4 us for a small network, 0.1 us more for each weight; EPYC, torch 2.13) is kept below a hundredth of
the program's time: calls that come too fast are not looked at. One look in `TIMED` is timed and stands for those since
the last: reading a thread's clock four times took a fifth of a look.
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

    Asked: TypeAlias = "tuple[int, tuple[ref[Any], ...], int | None, int]"
    """Key of a call, who owns the memory of its inputs, how many numbers its device had drawn before it (-1: it is on
    none; None: nobody knows), and for how many looks this one is timed (0: it is not)."""

KEPT = 4_096
"""Inputs kept of all models."""
WHOLE_BYTES = 131_072
"""A larger input is not read as a whole; hashing this much takes 40 us."""
PIECES, PIECE_BYTES = 16, 64
"""Of a larger one."""
PARTS = 32
"""Inputs with more parts are not looked at, nor are such results."""
MOST_SHARE = 0.01
HEAD_START_NS = 50_000_000
TIMED = 13
"""A prime, so that models that are called in turn are timed in turn."""
_ATOMS = frozenset({type(None), bool, int, float, str})
SKIPPED = "calls_not_looked_at"
"""Fact of a model that was called too fast once."""
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
        self._is_traced = torch.jit.is_tracing
        self._modes = (torch.is_grad_enabled, torch.is_autocast_enabled, torch.is_inference_mode_enabled)
        self._cuda = torch.cuda
        self._had: dict[int, tuple[tuple[ref[Any], ...], object, int]] = {}
        """By key: who owns the memory of the inputs, what the result looked like, and the weights."""
        self._weights: dict[int, tuple[ref[Any], list[tuple[dict[str, Any], str]]]] = {}
        self._now_ns = clock_ns
        self._since_ns = clock_ns()
        self._cpu_ns = cpu_ns
        self._spent_ns = 0
        self._untimed = TIMED
        """Looks since the last that was timed; the first of all is."""

    def begin(self, code: int, module: Any, values: Iterable[Any]) -> Asked | None:
        """Return what `end` is to be handed of a call that begins; None: it is not looked at. Never raises."""
        if self._spent_ns > HEAD_START_NS + MOST_SHARE * (self._now_ns() - self._since_ns):
            if code not in self._skipped:
                self._skipped.add(code)
                self._tell(code, {SKIPPED: 1})
            return None
        if self._is_watched() or self._is_traced():
            return None
        self._untimed += 1
        if self._untimed < TIMED:
            return self._asked(code, module, values, 0)
        looks = TIMED if self._spent_ns else 1  # none came before the first
        self._untimed = 0
        began_ns = self._cpu_ns()  # of CPU time: what others do meanwhile is not spent here
        asked = self._asked(code, module, values, looks)
        self._spent_ns += looks * (self._cpu_ns() - began_ns)
        return asked

    def end(self, asked: Asked, module: Any, result: Any) -> None:
        """Count the call that ends, in its stage, if it was one of these. Never raises."""
        looks = asked[3]
        began_ns = self._cpu_ns() if looks else 0
        self._count(asked, module, result)
        if looks:
            self._spent_ns += looks * (self._cpu_ns() - began_ns)

    def _asked(self, code: int, module: Any, values: Iterable[Any], looks: int) -> Asked | None:
        try:
            return self._begin(code, module, values, looks)
        except Exception:  # tensors of the strangest kinds, without memory or version
            return None

    def _count(self, asked: Asked, module: Any, result: Any) -> None:
        try:
            if self._is_again(asked, module, result):
                self._local.ext((_AGAIN, now_ns()))
        except Exception:  # as above
            return

    def _begin(self, code: int, module: Any, values: Iterable[Any], looks: int) -> Asked | None:
        parts: list[object] = [code, *(mode() for mode in self._modes)]
        owners: list[Any] = []
        device: Any = None
        count = 0
        for value in self._flat(values):
            if value is _UNKNOWN or len(parts) > 8 * PARTS:
                return None
            if type(value) is self._tensor:
                count += 1
                self._add(value, parts, owners)
                device = value.device if value.is_cuda else device
            else:
                parts += (type(value), value)
        if not count:
            return None
        drawn = -1 if device is None else self._drawn(device)
        parts.append(self._weights_of(module))
        return hash(tuple(parts)), tuple(ref(owner) for owner in owners), drawn, looks

    def _is_again(self, asked: Asked, module: Any, result: Any) -> bool:
        key, owners, drawn, _ = asked
        look = self._look(result)
        if look is None or drawn is None:
            return False
        if drawn >= 0 and look[0] is not None and self._drawn(look[0]) != drawn:
            return False
        known = self._had.get(key)
        weights = 0
        if known is not None and len(known[0]) == len(owners):
            same = all(mine() is not None and mine() is theirs() for mine, theirs in zip(known[0], owners, strict=True))
            if same and known[1] == look:
                self._weights.pop(id(module), None)  # parts may have been put in the place of others
                weights = self._weights_of(module)
                if known[2] in {0, weights}:
                    self._had[key] = owners, look, weights
                    return True
        if known is not None or len(self._had) < KEPT:
            self._had[key] = owners, look, weights
        return False

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
        parts += (tensor.dtype, tuple(tensor.shape))
        if tensor.layout is not self._strided:
            raise TypeError("a sparse tensor has no one place in memory")
        nbytes = tensor.numel() * tensor.element_size()
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
        for value in self._flat((result,)):
            if value is _UNKNOWN or len(seen) > 8 * PARTS:
                return None
            if type(value) is not self._tensor:
                seen.append(value)
                continue
            seen += (value.dtype, tuple(value.shape))
            if value.is_cpu and value.is_contiguous():
                nbytes = value.numel() * value.element_size()
                whole = nbytes <= PIECES * PIECE_BYTES
                at = value.data_ptr()
                seen.append(string_at(at, nbytes) if whole else _pieces(at, nbytes))
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

    def _weights_of(self, module: Any) -> int:
        """Return what changes when a weight or a buffer of a model does."""
        known = self._weights.get(id(module))
        if known is None or known[0]() is not module:
            places = [
                (held, name) for part in module.modules() for held in (part._parameters, part._buffers) for name in held
            ]
            known = self._weights[id(module)] = ref(module), places
            if len(self._weights) > KEPT:
                self._weights.pop(next(iter(self._weights)))
        found: list[int] = []
        for held, name in known[1]:
            weight = held.get(name)
            if weight is not None:
                found += (id(weight), weight.data_ptr(), 0 if weight.is_inference() else weight._version)
        return hash(tuple(found))


class _Unknown:
    pass


_UNKNOWN = _Unknown()


def _pieces(place: int, nbytes: int) -> int:
    """Return a hash of pieces spread over memory, its ends among them."""
    step = (nbytes - PIECE_BYTES) / (PIECES - 1)
    return hash(b"".join(string_at(place + int(at * step), PIECE_BYTES) for at in range(PIECES)))
