"""What is told of a call of a whole model beside its span: how many samples it is for, and which part of what it is.

That part is a stage around the call: `prefill` or `decode` of a generation, with its tokens; `evaluation`, of a model
that is called without gradients once the program has gone backward. Nothing of that is trained from, in whatever mode
the model is: many evaluate under `torch.no_grad()` and forget `model.eval()`. A call in training mode without gradients
whose result is dropped works out the statistics of batch norm, and is no such answer.
"""

from __future__ import annotations

import sys
import threading
from time import perf_counter_ns as now_ns
from weakref import ref

from energyprof.model.events import work_code
from energyprof.sink_doors import FlowSink
from energyprof_plugins.instruments.dropping_callers import DroppingCallers
from energyprof_plugins.instruments.torch_generation import Generation
from energyprof_plugins.instruments.torch_modes import CallModes, RecordedCalls
from energyprof_plugins.instruments.torch_operations import batch
from energyprof_plugins.instruments.torch_precision import MatmulPrecision
from energyprof_plugins.instruments.torch_same_tensors import SameTensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Any

    from energyprof.interfaces import SpanSink
    from energyprof_plugins.instruments.torch_backward import TorchBackward
    from energyprof_plugins.instruments.torch_same_tensors import Asked

SAMPLING = "sampled_in_training_mode"
"""Fact of a model that is called again on the same tensor at once, in training mode and without gradients."""


class _Here:
    """What goes on in one thread."""

    __slots__ = ("begun", "phase")

    def __init__(self) -> None:
        self.begun: list[tuple[Asked | None, Any]] = []
        """Calls of whole models, begun and not ended, innermost last: what `SameTensors` wants to be handed at the end,
        and the model. What a model calls inside, as a compiler has it do, is its own work."""
        self.phase = ""
        """Of the generation that this thread is in."""


class _Mine(threading.local):
    def __init__(self) -> None:
        self.here = _Here()


class Entrances:
    """Begins the calls of whole models, in place of the event that begins another module's."""

    def __init__(self, sink: SpanSink, backward: TorchBackward, relearn: Callable[[Any], None]) -> None:
        """`relearn` has a model's parts told anew."""
        import torch
        from torch._C import DisableTorchFunction

        self._local: Any = sink.local()
        self._watch = sink.flow() if isinstance(sink, FlowSink) else None
        self._tensor = torch.Tensor
        self._wants_gradients = torch.is_grad_enabled
        self._modes = CallModes(sink)
        self._callers = DroppingCallers()
        self._tell = sink.tell
        self._lately: dict[int, ref[Any]] = {}
        """By model the first tensor of its latest call, of those in training mode without gradients."""
        self._sampled: set[int] = set()
        self._recorded = RecordedCalls(sink, backward)
        self._precision = MatmulPrecision(sink)
        self._same = SameTensors(sink)
        self._is_traced = getattr(torch._C, "_is_tracing", torch.jit.is_tracing)
        self._is_watched = getattr(torch._C, "_len_torch_function_stack", lambda: 1)
        self._unwatched = DisableTorchFunction
        self._passes = backward.passes
        self._relearn = relearn
        self._generation = Generation()
        self._evaluation = sink.stage_code("evaluation", kind="evaluation")
        self._samples_code = work_code("samples", 0)
        self._training_code = work_code("training_calls", 1)
        self._codes = {phase: sink.stage_code(phase, kind="generation") for phase in ("prefill", "decode")}
        self._learnt: set[tuple[int, str]] = set()
        self._mine = _Mine()
        self.counts: dict[int, list[int]] = {}
        """Code of a model -> how many calls of it have ended, and how many of them autograd has recorded."""

    def phase(self) -> str:
        """Return which part of a generation this thread is in; nothing if it is in none."""
        return self._mine.here.phase

    def enter(self, code: int, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        """Record the beginning of a call and of the stage around it; return what `leave` is to be handed.

        That is the code of the stage around it, or that of the call itself where there is none.
        """
        here = self._mine.here
        around = 0
        values = (*args, *kwargs.values()) if kwargs else args
        trains, samples, phase, tokens = self._about(here, code, module, args, kwargs, values)
        asked = None
        if not trains and not phase:
            asked = self._same.begin(code, (*kwargs, *values) if kwargs else values)
        wants_gradients = self._wants_gradients()
        if phase:
            around = self._codes[phase]
            self._learn_anew(code, module, phase)
        elif not wants_gradients and self._passes and not here.begun and not here.phase:
            around = self._evaluation if self._is_evaluation(module, values) else 0
        ext, t_ns = self._local.ext, now_ns()
        if around:
            ext((around, t_ns))
        if phase:
            here.phase = phase
            if tokens:
                ext((work_code("tokens", tokens), t_ns))
        ext((code, t_ns))
        if samples:
            ext((self._samples_code + samples, t_ns))
        if trains:
            ext((self._training_code, t_ns))
        if wants_gradients:
            self._recorded.begin(code, samples)
            self._lately.clear()
        here.begun.append((asked, module))
        if self._watch is not None:
            self._watch.takes(values)
        return around or code

    def _about(  # noqa: PLR0913, PLR0917 - a tuple made to be taken apart would take longer
        self,
        here: _Here,
        code: int,
        module: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        values: tuple[Any, ...],
    ) -> tuple[bool, int, str, int]:
        """Return whether layers are training, how many samples it is for, which phase it is, over how many tokens."""
        if self._is_traced():  # a trace of torch.jit would warn of each shape that is looked at
            return False, 0, "", 0
        trains, samples = False, 0
        try:
            trains = self._modes.trains(code, module) and self._is_as_trained(values)
            trains = trains and (self._wants_gradients() or self._is_answer(code, args, sys._getframe(3)))
            self._precision.note(code, module)
            samples = self._samples(args, kwargs)
            if not here.phase and self._generation.is_possible(module):
                with self._unwatched():
                    return trains, samples, *(self._generation.phase(code, module, args, kwargs) or ("", 0))
        except Exception:  # a strange model must still be callable, and nothing be said of it
            return trains, samples, "", 0
        return trains, samples, "", 0

    def leave(self, around: int, code: int, result: Any) -> None:
        """Record the end of a call, which hands out its result (None: an exception), and of the stage around it."""
        here = self._mine.here
        asked, module = here.begun.pop()
        if self._watch is not None and result is not None:
            self._watch.gives(result)
        if asked is not None and result is not None:
            self._same.end(asked, module, result)
        is_recorded = self._wants_gradients() and self._recorded.end(code)
        ext, t_ns = self._local.ext, now_ns()
        ext((-code, t_ns))
        if around != code:
            ext((-around, t_ns))
            if around != self._evaluation:
                here.phase = ""
        counts = self.counts.get(code)
        if counts is None:
            counts = self.counts[code] = [0, 0]
        counts[0] += 1
        counts[1] += is_recorded

    def _is_answer(self, code: int, args: tuple[Any, ...], caller: FrameType) -> bool:
        """Return whether a call in training mode without gradients is for its result; tell of one that samples.

        Again on the very tensor of the call before, a model answers differently only as its dropout does.
        """
        first: Any = args[0] if args else None
        if type(first) is self._tensor:
            lately = self._lately.get(code)
            if lately is None or lately() is not first:
                self._lately[code] = ref(first)
            elif code not in self._sampled:
                self._sampled.add(code)
                self._tell(code, {SAMPLING: 1})
        return not (self._modes.counts(code) and self._callers.drops(caller))

    def _samples(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        first: Any = args[0] if args else None
        if type(first) is self._tensor and not self._is_watched():
            return int(first.size(0)) if first.dim() > 1 else 0
        with self._unwatched():  # modes and tensor subclasses of the program's do not hear of our questions
            return batch(args, kwargs) or 0

    def _is_evaluation(self, module: Any, args: Iterable[Any]) -> bool:
        """Return whether a call without gradients, of a program that has gone backward, is an evaluation."""
        return not module.training or self._is_as_trained(args)

    def _is_as_trained(self, args: Iterable[Any]) -> bool:
        """Return whether it is no first call of a reentrant checkpoint.

        That calls without gradients what it calls again in the backward pass: it hands in what has them, and nobody
        does so in an evaluation.
        """
        return self._wants_gradients() or not self._any_requires_grad(args)

    def _any_requires_grad(self, values: Iterable[Any]) -> bool:
        with self._unwatched():
            return any(isinstance(value, self._tensor) and value.requires_grad for value in values)

    def _learn_anew(self, code: int, module: Any, phase: str) -> None:
        """Have the operations of each layer worked out once for each part of a generation: its inputs differ."""
        if (code, phase) not in self._learnt:
            self._learnt.add((code, phase))
            self._relearn(module)
