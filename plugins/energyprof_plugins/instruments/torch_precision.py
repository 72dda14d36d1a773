"""What is told of the arithmetic of a model's matrix products: where its weights are, and in which precision it runs.

Told as facts of the model: `device` (of most of its weights), `matmul_runs_in` (`float32`, `tf32`, `bfloat16`, ...;
`some`: it was not always the same), and what the device could do instead: `compute_capability` of an NVIDIA GPU, or
`bfloat16_unit` of a processor. Looked at in the 1st, 2nd, 4th, 8th ... call of a model: programs warm up in one
precision and go on in another.

Layers whose products count are those that `torch_operations` has a formula for, convolutions left out: cuDNN runs these
in TF32 unless it is told not to (docs.pytorch.org/docs/stable/notes/cuda.html, "TensorFloat-32 (TF32) on Ampere").
Those of float64 count: nothing runs them in less, autocast neither (docs.pytorch.org/docs/stable/amp.html).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from energyprof.interfaces import SpanSink

DEVICE = "device"
RUNS_IN = "matmul_runs_in"
CAPABILITY = "compute_capability"
UNIT = "bfloat16_unit"
MIXED = "some"
"""It ran in one precision in some calls, in another in others."""
UNITS = ("amx_bf16", "avx512_bf16")
"""What cpuinfo, and torch, call units of processors that multiply matrices of bfloat16."""


class MatmulPrecision:
    """Tells of each model in which precision its matrix products were made."""

    def __init__(self, sink: SpanSink, torch: Any = None) -> None:
        """Ask `torch`, that of the program unless another is handed in."""
        import torch as own
        from torch._C import DisableTorchFunction

        self._torch: Any = torch or own
        self._tell = sink.tell
        self._unasked: Any = DisableTorchFunction
        self._calls: dict[int, int] = {}
        self._told: dict[int, dict[str, str | int]] = {}

    def note(self, code: int, module: Any) -> None:
        """Take note of a call: 0.2 us (EPYC), and 10 us for each layer in the few calls that are looked at."""
        calls = self._calls[code] = self._calls.get(code, 0) + 1
        if not calls & (calls - 1):
            self._look(code, module)

    def _look(self, code: int, module: Any) -> None:
        with self._unasked():  # modes and tensor subclasses of the program's do not hear of our questions
            facts = self._facts(module)
        known = self._told.get(code, facts)
        if facts and known.get(RUNS_IN, facts[RUNS_IN]) != facts[RUNS_IN]:
            facts[RUNS_IN] = MIXED
        if facts and self._told.get(code) != facts:
            self._told[code] = facts
            self._tell(code, facts)

    def _facts(self, module: Any) -> dict[str, str | int]:
        """Return what is told; nothing of a model without matrix products."""
        sizes: dict[tuple[Any, Any], int] = {}
        for weight in self._weights(module):
            place = weight.device, weight.dtype
            sizes[place] = sizes.get(place, 0) + int(weight.numel())
        if not sizes:
            return {}
        device, dtype = max(sizes, key=sizes.__getitem__)
        return {DEVICE: device.type, RUNS_IN: self._runs_in(device, dtype), **self._could(device)}

    def _weights(self, module: Any) -> Iterator[Any]:
        nn = self._torch.nn
        for part in module.modules():
            is_product = isinstance(part, (nn.Linear, nn.Bilinear, nn.MultiheadAttention, nn.RNNBase))
            if is_product or type(part).__name__ == "Conv1D":  # Hugging Face's linear layer of GPT-2
                own = part.parameters(recurse=False)
                yield from (weight for weight in own if weight.dim() > 1 and weight.is_floating_point())
            elif isinstance(part, nn.modules.conv._ConvNd) and part.weight.dtype is self._torch.float64:
                yield part.weight

    def _runs_in(self, device: Any, dtype: Any) -> str:
        torch = self._torch
        if dtype is not torch.float64 and _is_autocast(torch, device.type):
            return str(torch.get_autocast_dtype(device.type)).removeprefix("torch.")
        if dtype is torch.float32:
            return _float32_as(torch, device.type)
        return str(dtype).removeprefix("torch.")

    def _could(self, device: Any) -> dict[str, str | int]:
        if device.type == "cuda" and self._torch.version.hip is None:
            major, minor = self._torch.cuda.get_device_capability(device)
            return {CAPABILITY: f"{major}.{minor}"}
        if device.type == "cpu":
            able: dict[str, object] = getattr(self._torch.cpu, "get_capabilities", dict)()  # older torch has none
            unit = next((unit for unit in UNITS if able.get(unit)), "")
            return {UNIT: unit} if unit else {}
        return {}


def _is_autocast(torch: Any, device: str) -> bool:
    try:
        return bool(torch.is_autocast_enabled(device))
    except (RuntimeError, TypeError):  # a device that has none; torch before 2.4 takes no device
        return bool(device == "cuda" and torch.is_autocast_enabled())


def _float32_as(torch: Any, device: str) -> str:
    """Return in what products of float32 are really made there.

    The backend's own setting is read (torch 2.9 and later), for the general one raises where a program uses both.
    """
    backend = {"cuda": "cuda", "cpu": "mkldnn"}.get(device)
    read = getattr(torch._C, "_get_fp32_precision_getter", None)
    if backend is None:
        return "float32"
    if read is not None:
        setting = str(read(backend, "matmul"))
        return {"tf32": "tf32", "bf16": "bfloat16"}.get(setting, "float32")
    is_less = torch.get_float32_matmul_precision() != "highest"
    return "float32" if not is_less else {"cuda": "tf32"}.get(device, "bfloat16")
