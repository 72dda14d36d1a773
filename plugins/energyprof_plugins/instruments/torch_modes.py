"""What is told of the modes in which a model was called: whether autograd recorded, and which layers were training.

Told as facts of the model: `gradients` (`recorded` in all of its calls, or in `some`) and `training_layers`, classes of
dropout and normalisation that behave differently in training. Looked at once per model and mode, not at every call.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink

GRADIENTS = "gradients"
TRAINING_LAYERS = "training_layers"
NAMED = 6
"""Classes of layers told at most."""


class CallModes:
    """Tells of each model, once, in which modes it has been called."""

    def __init__(self, sink: SpanSink, wants_gradients: Callable[[], bool]) -> None:
        from torch._C import DisableTorchFunction
        from torch.nn.modules.batchnorm import _BatchNorm
        from torch.nn.modules.dropout import _DropoutNd

        self._tell = sink.tell
        self._wants_gradients = wants_gradients
        self._unasked: Callable[[], Any] = DisableTorchFunction
        self._batch_norm: Any = _BatchNorm  # types of torch, which mypy does not see
        self._dropout: Any = _DropoutNd
        self._seen: set[tuple[int, bool, bool]] = set()
        self._recorded: dict[int, set[bool]] = {}
        """Code of a model -> whether autograd recorded, in all of its calls."""

    def note(self, code: int, module: Any) -> None:
        """Take note of a call; at most 0.1 us unless it is the first of its kind."""
        key = (code, self._wants_gradients(), module.training)
        if key not in self._seen:
            self._seen.add(key)
            self._learn(code, module, key[1])

    def _learn(self, code: int, module: Any, wants_gradients: bool) -> None:
        known = self._recorded.setdefault(code, set())
        with self._unasked():  # modes and tensor subclasses of the program's do not hear of our question
            known.add(wants_gradients and any(weight.requires_grad for weight in module.parameters()))
        facts: dict[str, str | int] = {}
        if True in known:
            facts[GRADIENTS] = "recorded" if len(known) == 1 else "some"
        layers = dict.fromkeys(type(part).__name__ for part in module.modules() if self._trains(part))
        if layers:
            facts[TRAINING_LAYERS] = ", ".join(sorted(layers)[:NAMED])
        if facts:
            self._tell(code, facts)

    def _trains(self, part: Any) -> bool:
        if not part.training:
            return False
        return bool((isinstance(part, self._dropout) and part.p > 0) or isinstance(part, self._batch_norm))
