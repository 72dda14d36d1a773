"""What is told of the modes in which a model was called: what autograd recorded, and which layers were training.

Counted where the call stands: calls that autograd has recorded and which of them a backward pass comes to
(`gradient_calls`, `backward_calls`), and calls with layers of dropout and normalisation that behave differently in
training (`training_calls`). The classes of those layers are told of the model, as its fact `training_layers`. Layers
that are training in a model in eval mode are meant to be so: dropout that samples.
"""

from __future__ import annotations

from itertools import count
from time import perf_counter_ns as now_ns

from energyprof.model.events import CALL, SAMPLES, SAMPLES_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink
    from energyprof_plugins.instruments.torch_backward import Call, TorchBackward

TRAINING_LAYERS = "training_layers"
NAMED = 6
"""Classes of layers told at most."""


class CallModes:
    """Knows of each model which of its layers are training; looked at once per model and mode, not at every call."""

    def __init__(self, sink: SpanSink) -> None:
        from torch._C import DisableTorchFunction
        from torch.nn.modules.batchnorm import _BatchNorm
        from torch.nn.modules.dropout import _DropoutNd

        self._tell = sink.tell
        self._unasked: Callable[[], Any] = DisableTorchFunction
        self._batch_norm: Any = _BatchNorm  # types of torch, which mypy does not see
        self._dropout: Any = _DropoutNd
        self._seen: dict[tuple[int, bool], bool] = {}
        self._statistical: set[int] = set()

    def trains(self, code: int, module: Any) -> bool:
        """Return whether layers are training that behave differently then; 0.1 us but for the first of its kind."""
        key = (code, module.training)
        found = self._seen.get(key)
        return self._learn(key, module) if found is None else found

    def counts(self, code: int) -> bool:
        """Return whether layers of the model with this code keep statistics while they are training."""
        return code in self._statistical

    def _learn(self, key: tuple[int, bool], module: Any) -> bool:
        with self._unasked():  # modes and tensor subclasses of the program's do not hear of our question
            parts = [part for part in module.modules() if self._trains(part)] if key[1] else []
            layers = dict.fromkeys(type(part).__name__ for part in parts)
            if any(isinstance(part, self._batch_norm) for part in parts):
                self._statistical.add(key[0])
        if layers:
            self._tell(key[0], {TRAINING_LAYERS: ", ".join(sorted(layers)[:NAMED])})
        self._seen[key] = bool(layers)
        return bool(layers)

    def _trains(self, part: Any) -> bool:
        if not part.training:
            return False
        return bool((isinstance(part, self._dropout) and part.p > 0) or isinstance(part, self._batch_norm))


class RecordedCalls:
    """Numbers the calls of whole models, and says of which autograd has recorded something: it has made nodes."""

    def __init__(self, sink: SpanSink, backward: TorchBackward) -> None:
        self._local: Any = sink.local()
        self._mine = backward.mine
        self._made = backward.made
        self._numbers = count(1).__next__

    def begin(self, code: int, samples: int) -> None:
        """Give the call of the module with this code, which has just begun in this thread, its number."""
        here = self._mine.here
        call = here.call
        if call is not None and call[1] == code and len(call) == 3:
            here.call = (*call, self._numbers(), self._made(), samples)

    def end(self, code: int) -> bool:
        """Say that autograd has recorded the call that ends, if it has; it stands innermost but for what was passed."""
        call: Call | None = self._mine.here.call
        if call is not None and call[1] != code:
            call = call[0]
        if call is None or len(call) <= 3 or call[1] != code or self._made() == call[4]:
            return False
        ext, t_ns = self._local.ext, now_ns()
        ext((CALL + call[3], t_ns))
        if call[5]:
            ext((SAMPLES + min(call[5], SAMPLES_LIMIT - 1), t_ns))
        return True
