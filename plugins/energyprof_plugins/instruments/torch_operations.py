"""Floating-point operations of one call of a module, worked out from shapes with torch's own formulas.

Nothing is run and nothing is dispatched: `FlopCounterMode` would change which kernels are chosen. The formulas are
those that torch registers for its counter (`torch.utils.flop_counter`): a multiplication and an addition are two
operations, bias and elementwise work count as none. What a forward does with functions only (attention by
`scaled_dot_product_attention`) is not seen here, so that the figure of a whole model is a lower bound: a prior and a
sanity check, never a measurement.
"""

from __future__ import annotations

from collections import UserDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

RECURRENT_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
"""Matrix products per layer, direction and step: the gates that the documentation of torch.nn lists for each."""


def operations(module: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    """Return the operations of one call, its children excluded; None: no formula is known, or the input is odd."""
    from torch import jit, nn

    if jit.is_tracing():  # it would warn of each shape that is looked at
        return None
    try:
        return _operations(nn, module, _tensor(args, kwargs))
    except Exception:  # a strange module must still be callable, and nothing be said of it
        return None


def parameters(module: Any) -> int:
    """Return how many parameters a module has of its own, its children's excluded."""
    # A replica of DataParallel keeps copies of its parameters elsewhere, for they are no parameters any more.
    own = vars(module).get("_parameters") or vars(module).get("_former_parameters") or {}
    return sum(
        int(parameter.numel()) for parameter in own.values() if parameter is not None and not _is_lazy(parameter)
    )


def batch(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int | None:
    """Return the length of the first dimension of the first tensor handed in; None: there is none.

    Where the first argument is a dict, or what a tokenizer returns, it is the first tensor in that.
    """
    try:
        first = args[0] if args else None
        held = first.data if isinstance(first, UserDict) else first
        tensor = _tensor((), held) if isinstance(held, dict) else _tensor(args, kwargs)
        return int(tensor.shape[0]) if tensor is not None and tensor.dim() > 1 else None
    except Exception:
        return None


def _is_lazy(parameter: Any) -> bool:
    from torch.nn.parameter import is_lazy

    return bool(is_lazy(parameter))


def _tensor(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    from torch import Tensor

    return next((value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)), None)


def _operations(nn: Any, module: Any, given: Any) -> int | None:
    if given is None:
        return None
    if isinstance(module, nn.Linear):
        return _product(given.numel() // module.in_features, module.in_features, module.out_features)
    if isinstance(module, nn.modules.conv._ConvNd):
        return _convolution(module, given)
    if type(module).__name__ == "Conv1D" and module.weight.dim() == 2:  # Hugging Face's linear layer of GPT-2
        return _product(given.numel() // module.weight.shape[0], *module.weight.shape)
    if isinstance(module, nn.RNNBase):
        return _recurrent(module, given)
    if isinstance(module, (nn.Bilinear, nn.MultiheadAttention)) or vars(module).get("_modules"):
        return None
    return 0 if type(module).__module__.startswith("torch.nn.modules.") else None


def _product(rows: int, inner: int, columns: int) -> int:
    from torch.utils.flop_counter import mm_flop

    return int(mm_flop((rows, inner), (inner, columns)))


def _convolution(module: Any, given: Any) -> int:
    from torch.utils.flop_counter import conv_flop_count

    spatial = len(module.kernel_size)
    shape = list(given.shape) if given.dim() == spatial + 2 else [1, *given.shape]
    out = [shape[0], module.out_channels, *(_length(module, shape[2 + at], at) for at in range(spatial))]
    return int(conv_flop_count(shape, list(module.weight.shape), out, transposed=module.transposed))


def _length(module: Any, length: int, at: int) -> int:
    """Return the length of a convolution's output along one dimension, as the documentation of torch.nn has it."""
    kernel, stride, dilation = module.kernel_size[at], module.stride[at], module.dilation[at]
    if module.transposed:
        padding, more = module.padding[at], module.output_padding[at]
        return int((length - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1)
    if module.padding == "same":
        return int(length)
    padding = 0 if module.padding == "valid" else module.padding[at]
    return int((length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1)


def _recurrent(module: Any, given: Any) -> int:
    gates = RECURRENT_GATES[module.mode.partition("_")[0]]
    steps = given.numel() // given.shape[-1]  # of all sequences together
    directions = 2 if module.bidirectional else 1
    hidden = module.proj_size or module.hidden_size
    total = 0
    for layer in range(module.num_layers):
        width = module.input_size if layer == 0 else hidden * directions
        one = _product(steps, width + hidden, gates * module.hidden_size)
        if module.proj_size:
            one += _product(steps, module.hidden_size, module.proj_size)
        total += directions * one
    return total
