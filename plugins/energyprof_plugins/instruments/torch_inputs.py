"""Copies of what a module was called with: tensors, and plain values that nobody can change; anything else is refused.

A copy is detached and on the same device; whether a gradient is wanted of it is kept. Copying draws no random numbers.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEEPEST = 8


class NotKeptError(Exception):
    """The inputs of a call cannot be kept; the message says why."""


class Unkept:
    """Why a module was not kept."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Copied:
    """Copies of one call's inputs."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Any]) -> None:
        self.args = args
        self.kwargs = kwargs
        self.tensors = tensors
        self.nbytes = sum(tensor.untyped_storage().nbytes() for tensor in tensors)
        self.device_types = tuple(dict.fromkeys(tensor.device.type for tensor in tensors))

    def want_no_gradients(self) -> bool:
        """Have no gradient of the inputs computed; return whether one would have been."""
        wanted = [tensor for tensor in self.tensors if tensor.requires_grad]
        for tensor in wanted:
            tensor.requires_grad_(False)
        return bool(wanted)

    def wait(self) -> None:
        """Return when the devices of the inputs have done all they were given."""
        import torch

        for kind in self.device_types:
            module = getattr(torch, kind, None)
            synchronize = getattr(module, "synchronize", None)
            if kind != "cpu" and synchronize is not None:
                synchronize()


def copied(args: tuple[Any, ...], kwargs: dict[str, Any], room_bytes: int) -> Copied:
    """Return copies of the inputs; raises NotKeptError where they cannot be kept, or not in so many bytes."""
    import torch

    tensors: list[Any] = []
    _measure((args, kwargs), room_bytes)
    try:
        with torch.no_grad():
            copy = _copy((args, kwargs), tensors, 0)
    except NotKeptError:
        raise
    except Exception as error:  # memory, a tensor of a strange kind: the program goes on without our copy
        raise NotKeptError(f"its inputs could not be copied ({type(error).__name__})") from None
    return Copied(copy[0], copy[1], tensors)


def _measure(value: Any, room_bytes: int) -> None:
    import torch

    needed, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, torch.Tensor):
            needed += one.numel() * one.element_size()
        elif type(one) in {tuple, list}:
            waiting += one
        elif type(one) is dict:
            waiting += one.values()
    if needed > room_bytes:
        raise NotKeptError(f"its inputs take {needed / (1 << 20):.0f} MiB, and there is no room left for copies")


def _copy(value: Any, tensors: list[Any], depth: int) -> Any:
    import torch

    kind = type(value)
    if kind in {torch.Tensor, torch.nn.Parameter}:
        if value.layout is not torch.strided or value.is_meta or value.is_quantized:
            raise NotKeptError("called with a tensor that is not dense")
        tensor = value.detach().clone()
        if value.requires_grad:
            tensor.requires_grad_(True)
        tensors.append(tensor)
        return tensor
    if depth < _DEEPEST and kind in {tuple, list}:
        return kind(_copy(item, tensors, depth + 1) for item in value)
    if depth < _DEEPEST and kind is dict:
        return {_plain(key): _copy(item, tensors, depth + 1) for key, item in value.items()}
    return _plain(value)


def _plain(value: Any) -> Any:
    import torch

    fixed = (torch.dtype, torch.device, torch.Size, torch.layout, torch.memory_format)
    if value is None or type(value) in {bool, int, float, complex, str, bytes} or isinstance(value, fixed):
        return value
    raise NotKeptError(f"called with a {type(value).__name__}, which is no tensor")


def is_watched() -> bool:
    """Return whether something sees or stores every operation now: a copy of ours would show."""
    import torch

    if torch.jit.is_tracing() or torch.jit.is_scripting():
        return True
    inner: Any = torch._C  # what follows has no public name; where it is missing there is nothing to see
    for name in ("_len_torch_dispatch_stack", "_len_torch_function_stack"):
        count = getattr(inner, name, None)
        if count is not None and count() > 0:
            return True
    peek = getattr(getattr(inner, "_functorch", None), "peek_interpreter_stack", None)
    if peek is not None and peek() is not None:
        return True
    return bool(torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing())
