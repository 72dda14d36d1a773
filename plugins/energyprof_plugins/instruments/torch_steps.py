"""Steps whose layers are recorded, and others that are passed over, where recording every step costs too much.

A step is a call of a module that is not made within another one, in its thread. Whether its layers are recorded is
decided as it begins, by a generator of our own. In one that is passed over the outermost module alone is recorded, and
a stage inside it that stands for all its layers, in forward and backward. A thread takes part from its next call of a
whole model on: nobody knows what else it was in before.
"""

from __future__ import annotations

from _thread import get_ident
from random import Random
from time import perf_counter_ns as now_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink
    from energyprof_plugins.instruments.torch_backward import TorchBackward
    from energyprof_plugins.instruments.torch_entrance import Entrances
    from energyprof_plugins.instruments.torch_modules import ModuleNames

PASSED, OUTSIDE, RECORDED = range(3)
"""Where a thread is: in a step that is passed over, in none, in one that is recorded. `torch_call` knows the first two.
"""
SEED = 0x0E9E
"""The same program has the same steps recorded again, as far as it is measured alike."""
_STEP = 1 << 40
_IS_PASSED = 1 << 41
_CODE = (1 << 31) - 1
_NO_THREAD = -1


class Steps:
    """Begins and ends the calls of whole models; while steps are sampled, of all outermost modules."""

    def __init__(self, sink: SpanSink, names: ModuleNames, entrances: Entrances, backward: TorchBackward) -> None:
        import torch

        self.at: dict[int, int] = {}
        """Thread -> where it is, of those that take part; empty: all steps are recorded."""
        self._local: Any = sink.local()
        self._names = names
        self.entrances = entrances
        self._mine = backward.mine
        self._wants_gradients = torch.is_grad_enabled
        self._draw = Random(SEED).random
        self._part = 1.0
        self._passed_code = 0
        self._is_over = False
        sink.on_fork(self._forget_others)

    def sample(self, part: float, reason: str) -> None:
        """Record the layers of this part of the steps from now on."""
        if self._is_over:
            return
        self._passed_code = self._names.unrecorded_code(reason)
        self._part = part
        self.at.setdefault(_NO_THREAD, OUTSIDE)

    def stop(self, silence: Callable[[], None]) -> None:
        """Pass over none any more, once calls have been silenced."""
        silence()
        self._is_over = True
        self.at.clear()

    def _forget_others(self) -> None:
        """In a forked child, which has no thread but this one, and may give new ones the idents of those gone."""
        for thread in [one for one in self.at if one not in {_NO_THREAD, get_ident()}]:
            del self.at[thread]

    def enter(self, code: int, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Record the beginning of a call that may be a step; return what `leave` is to know, 0: nothing."""
        around = 0
        if code in self._names.entrances:
            around = self.entrances.enter(code, module, args, kwargs)
        else:
            self._local.ext((code, now_ns()))
        if not self.at:
            return around
        thread = get_ident()
        if self.at.get(thread) == RECORDED:
            return around
        if self._draw() < self._part:
            self.at[thread] = RECORDED
            return around | _STEP
        self._local.ext((self._passed_code, now_ns()))
        if self._wants_gradients():  # its backward is that of the layers together
            here = self._mine.here
            here.call = (here.call, self._passed_code, 0 if here.call is None else here.call[2] + 1)
        self.at[thread] = PASSED
        return around | _STEP | _IS_PASSED

    def leave(self, code: int, around: int, result: Any) -> None:
        """Record the end of such a call (result None: an exception), of all within it and of the stage around it."""
        ext, t_ns = self._local.ext, now_ns()
        if around & _IS_PASSED:
            ext((-self._passed_code, t_ns))
        if around & _STEP and not self._is_over:
            self.at[get_ident()] = OUTSIDE
        if around & _CODE:
            self.entrances.leave(around & _CODE, code, result)
        else:
            ext((-code, t_ns))
