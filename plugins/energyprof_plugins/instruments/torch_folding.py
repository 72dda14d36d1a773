"""What it costs to record a module's call, measured where it is recorded, and which modules can be left out.

A module is folded with its backward: its calls are torch's own again but for one look into a dictionary.
"""

from __future__ import annotations

from time import perf_counter_ns as now_ns

from energyprof.model.recorded_names import FOLDED
from energyprof_plugins.instruments.torch_backward import Here, TorchBackward
from energyprof_plugins.instruments.torch_call import recording_call
from energyprof_plugins.instruments.torch_inputs import is_watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol, TypeAlias

    from energyprof_plugins.instruments.torch_steps import Steps

    Added: TypeAlias = Callable[[Callable[[], object], Callable[[], object]], float]
    """Measures by how much a call of the first takes longer than one of the second."""

    class FoldedNames(Protocol):
        """Who knows the modules by their codes."""

        entrances: set[int]
        """Codes of those at which calls of a whole model begin."""

        def name_of(self, code: int) -> str:
            """Return the name of a module's stage; nothing for others."""
            ...

        def fold(self, codes: Sequence[int], reason: str) -> None:
            """Record calls of these modules no longer."""
            ...


ENOUGH_CALLS = 8
"""So many calls of a model say how many of them autograd records; fewer add to what was known."""
MARKS = 1.0
"""Marks that autograd comes across for each call of a module, about: 96 for 109 modules of a transformer encoder."""


class TorchFolding:
    """A `StepSource` of all modules."""

    def __init__(
        self,
        names: FoldedNames,
        backward: TorchBackward,
        steps: Steps,
        original: Callable[..., Any],
        added_ns: Added,
    ) -> None:
        """Measure what recording costs here: 2 ms. `original` is torch's `Module.__call__`."""
        self._names = names
        self._backward = backward
        self._steps = steps
        self._entrances = steps.entrances
        self._models: dict[int, int] = {}
        """Code of a module -> that of the model it is a part of; 0: of none that has been called so far."""
        self._recorded: dict[int, tuple[int, int, float]] = {}
        """Code of a model -> its calls and those recorded by autograd when last asked, and the share of the latest."""
        self._added_ns = added_ns
        self._plain_ns, self._marked_ns = _costs_ns(original, added_ns)
        self._reached_ns = self._marked_ns
        """What autograd does for a mark that it comes across; as much as making it, until the first pass is over."""
        backward.after_pass = self._measure_reached

    def _measure_reached(self) -> bool:
        """Be called after a backward pass; return whether another one must be waited for.

        Not before the program's own first: autograd starts its threads then, and asks for devices.
        """
        import torch

        if is_watched() or torch.autograd._profiler_enabled() or torch.is_anomaly_enabled():
            return True
        self._reached_ns = _reached_ns(self._added_ns)
        return False

    def cost_ns(self, code: int) -> float:
        """Return what it costs to record one call of this stage; 0: it is none of a module."""
        if code in self._backward.forward_codes:
            return MARKS * self._reached_ns
        if not self._names.name_of(code):
            return 0.0
        return self._plain_ns + self._recorded_share(code) * (self._marked_ns - self._plain_ns)

    def _recorded_share(self, code: int) -> float:
        """Return the share of the last calls of a module that autograd has recorded: that of the model it is in."""
        model = self._models.get(code) or self._models.setdefault(code, self._model_of(code))
        if not model:
            self._models.pop(code)
            return float(self._backward.has_marked)
        calls, recorded = self._entrances.counts[model]
        before, recorded_before, share = self._recorded.get(model, (0, 0, 0.0))
        if calls > before:
            weight = min((calls - before) / ENOUGH_CALLS, 1.0) if before else 1.0
            share += weight * ((recorded - recorded_before) / (calls - before) - share)
            self._recorded[model] = calls, recorded, share
        return share

    def _model_of(self, code: int) -> int:
        """Return the code of the innermost model, around this module or itself, whose calls are counted; 0: none is."""
        models = {self._names.name_of(model): model for model in list(self._entrances.counts)}
        name = self._names.name_of(code)
        while name and name not in models:
            name = name.rpartition(".")[0]
        return models.get(name, 0)

    def layer_of(self, code: int) -> int:
        """Return the code of the module's forward; 0: it belongs to no module, or to one that is called on its own."""
        forward = self._backward.forward_codes.get(code, code)
        return forward if self._names.name_of(forward) and forward not in self._names.entrances else 0

    def kin_of(self, code: int) -> str:
        """Return the module's name with its numbers left out: what stands alike in alike blocks."""
        from re import sub

        return sub(r"\d+", "*", self._names.name_of(code))

    def fold(self, codes: Sequence[int], reason: str) -> None:
        """Record these modules no longer."""
        self._names.fold(codes, reason)
        self._backward.tell(codes, {FOLDED: reason})

    def sample_steps(self, part: float, reason: str) -> None:
        """Record the layers of this part of the steps only, drawn at random."""
        self._steps.sample(part, reason)


class _NoSink:
    """Takes the events of the calls that are measured."""

    def __init__(self) -> None:
        events: list[int] = []
        self.ext = events.extend

    def local(self) -> object:
        return self

    def stage_code(self, _name: str, **_of: object) -> int:
        return 1


def _costs_ns(original: Callable[..., Any], added_ns: Added) -> tuple[float, float]:
    """Return what recording adds to a call of a module without gradients, and to one with."""
    import torch

    module = torch.nn.Identity()
    sink: Any = _NoSink()
    backward = TorchBackward(sink, lambda _code: 1)
    scope = {
        "local": sink,
        "codes": {id(module): 1},
        "learn": None,
        "now_ns": now_ns,
        "is_traced": getattr(torch.compiler, "is_dynamo_compiling", torch.compiler.is_compiling),
        "wants_gradients": bool,
        "mine": backward.mine,
        "made": backward.made,
        "arrive": backward.arrive,
        "leave": backward.leave,
        "entrances": (),
        "enter": None,
        "leave_around": None,
        "steps": (),
        "thread": None,
    }
    plain, _ = recording_call(original, scope)
    marking, _ = recording_call(original, {**scope, "wants_gradients": torch.is_grad_enabled})
    here: Here = backward.mine.here
    with torch.inference_mode(False), torch.enable_grad():
        given = torch.empty(0, device="cpu").requires_grad_()
        twice = given.view(0)

        def marked() -> None:
            here.made = -1  # as if what it is given had been made since, and never met
            here.marks.clear()
            marking(module, twice)

        marked_ns = added_ns(marked, lambda: original(module, twice))
        plain_ns = added_ns(lambda: plain(module, given), lambda: original(module, given))
    return plain_ns, marked_ns


def _reached_ns(added_ns: Added) -> float:
    """Return what it takes autograd to come across a mark: hand it the gradient, and record what it says. 1 ms."""
    import torch

    sink: Any = _NoSink()
    backward = TorchBackward(sink, lambda _code: 1)
    here: Here = backward.mine.here
    here.depth = 1
    with torch.inference_mode(False), torch.enable_grad():
        given, gradient = torch.empty(0, device="cpu").requires_grad_(), torch.empty(0, device="cpu")
        inner = given.view(0)
        outer, plain = inner.view(0), given.view(0).view(0)
        for tensor in (inner, outer):  # each begins a stretch, and ends the other's
            backward._mark(here, tensor.grad_fn, (None, 1, 0), 0)

    def go_back(tensor: Any) -> object:
        run = torch.autograd.Variable._execution_engine.run_backward
        return run((tensor,), (gradient,), True, False, (given,), allow_unreachable=False, accumulate_grad=False)

    return added_ns(lambda: go_back(outer), lambda: go_back(plain)) / 2
