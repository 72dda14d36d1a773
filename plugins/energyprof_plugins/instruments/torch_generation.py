"""Prefill and decode: the calls of a model that writes a sequence piece by piece, told apart by what they are given.

A call is a part of a generation if it is handed a cache of keys and values, or asks for one; or if it is made inside
the `generate` of Hugging Face. Over many positions it is a *prefill*; a *decode* continues a sequence that was filled
before, by one position each, or by a few where guessed tokens are checked together. Nothing is read but shapes, names
and identities: no value of a tensor, which would wait for a device.

What cannot be known so stays a plain forward: a first call over a prompt that says nothing of a cache (the next prompt
of the same model is known), a loop that hands over the whole text again each time, a loop within a model's own forward.
"""

from __future__ import annotations

import threading

from energyprof_plugins.instruments.torch_method import innermost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    Phase = Literal["prefill", "decode"]

FEW = 32
"""At most so many new positions a sequence check guesses; more continue a sequence with another prompt."""
LATELY = 64
"""Models of a thread whose last call is remembered."""
GENERATE = "generate"
_CACHES = frozenset({"incremental_state", "inference_params", "kv", "kvs", "mems"})
_DECODERS_INPUT = ("decoder_input_ids", "decoder_inputs_embeds", "input_ids", "inputs_embeds")
_PLAIN = (bool, int, float, str)


class Generation:
    """What this process has seen of its models' generations."""

    def __init__(self) -> None:
        self._here = _Here()
        self._signatures: dict[type, _Signature] = {}
        self._generating: set[int] = set()
        """Codes of models that have been seen to decode."""

    def phase(self, code: int, module: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Phase, int] | None:
        """Return what a call of the model with this code, about to be made, is, and over how many positions.

        Those of all sequences together; 0: cannot be told. None: it is no part of a generation.
        """
        given = self._signature(type(module)).bound(args, kwargs)
        if given.get("labels") is not None:
            return None
        return self._phase(code, not module.training, innermost(GENERATE), given)

    def is_possible(self, module: Any) -> bool:
        """Return whether a call of the module may be a part of a generation: asked first, as it costs least."""
        return self._signature(type(module)).takes_cache or innermost(GENERATE) is not None

    def _signature(self, kind: type) -> _Signature:
        return self._signatures.get(kind) or self._signatures.setdefault(kind, _Signature(kind))

    def _phase(
        self, code: int, is_evaluated: bool, generate: object, given: Mapping[str, Any]
    ) -> tuple[Phase, int] | None:
        caches = [name for name in given if is_cache(name)]
        cache = next((given[name] for name in caches if _holds(given[name])), None)
        asks = bool(caches) or given.get("use_cache") is True
        if cache is None and generate is None:
            known = is_evaluated and code in self._generating
            if given.get("use_cache") is False or not (asks or known):
                return None
        shape = _shape(given)
        last, latest = self._here.latest.get(code), _Latest(cache, generate, shape)
        phase = latest.phase_after(last)
        if phase is None or (phase == "decode" and cache is None and generate is None and not asks):
            return None
        self._remember(code, latest)
        if phase == "decode":
            self._generating.add(code)
        return phase, latest.new_positions(last, phase)

    def _remember(self, code: int, latest: _Latest) -> None:
        here = self._here.latest
        here.pop(code, None)
        here[code] = latest
        while len(here) > LATELY:
            del here[next(iter(here))]


def is_cache(name: str) -> bool:
    """Return whether an argument of this name holds what a model keeps of the positions before."""
    return (name.startswith("past") or "cache" in name or name in _CACHES) and not name.endswith(
        ("use_cache", "_position", "_length", "_len", "_size")
    )


class _Here(threading.local):
    def __init__(self) -> None:
        self.latest: dict[int, _Latest] = {}


class _Latest:
    """The call of a model made last in a thread."""

    __slots__ = ("batch", "cache_id", "generate_id", "is_tuple", "positions")

    def __init__(self, cache: object, generate: object, shape: tuple[int, int] | None) -> None:
        self.cache_id = 0 if cache is None else id(cache)
        self.is_tuple = isinstance(cache, tuple)
        """Such a cache is made anew by each call, and never empty."""
        self.generate_id = 0 if generate is None else id(generate)
        self.batch, self.positions = shape or (0, 0)

    def phase_after(self, last: _Latest | None) -> Phase | None:
        """Return which phase this call is, the one before it having been `last`."""
        if not self.positions:
            return "decode" if self.is_tuple or (last is not None and self._continues(last)) else "prefill"
        if self.positions == 1:
            return "decode"
        if not self.cache_id and self._grows_on(last):
            return "decode"
        return "decode" if self.positions <= FEW and last is not None and self._continues(last) else "prefill"

    def _continues(self, last: _Latest) -> bool:
        """Return whether the same sequences are gone on with: with the cache that the call before had, or has made."""
        if not self.cache_id or self.batch != last.batch:
            return False
        return self.is_tuple or last.cache_id in {0, self.cache_id}

    def _grows_on(self, last: _Latest | None) -> bool:
        """Return whether, within one `generate` without a cache, all is handed over again and a bit more."""
        if last is None or not self.generate_id or last.generate_id != self.generate_id or last.cache_id:
            return False
        return last.batch == self.batch and 0 < self.positions - last.positions <= FEW

    def new_positions(self, last: _Latest | None, phase: Phase) -> int:
        """Return over how many new positions the call is."""
        if phase == "decode" and last is not None and not self.cache_id and self._grows_on(last):
            return self.batch * (self.positions - last.positions)
        return self.batch * self.positions


class _Signature:
    """What a class's forward takes."""

    __slots__ = ("_names", "takes_cache")

    def __init__(self, kind: Any) -> None:
        import inspect

        try:
            parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
        except (AttributeError, TypeError, ValueError):
            parameters = []
        self._names = [one.name for one in parameters if one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}]
        takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
        self.takes_cache = takes_any or any(is_cache(one.name) or one.name == "use_cache" for one in parameters)

    def bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by name; those behind the last name are left out."""
        return {**dict(zip(self._names, args, strict=False)), **kwargs}


def _holds(value: object) -> bool:
    return value is not None and not isinstance(value, _PLAIN)


def _shape(given: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return batch and positions of the tokens handed over, whole numbers or their embeddings; None: not known."""
    from torch import Tensor

    for name in _DECODERS_INPUT:
        value = given.get(name)
        if isinstance(value, Tensor) and value.dim() == (3 if name.endswith("embeds") else 2):
            return int(value.shape[0]), int(value.shape[1])
    for name, value in given.items():
        if not isinstance(value, Tensor) or is_cache(name):
            continue
        if value.dim() == 2 and not (value.is_floating_point() or value.is_complex()):
            return int(value.shape[0]), int(value.shape[1])
        return None  # the first tensor is something else: which of the others are tokens, nobody says
    return None
