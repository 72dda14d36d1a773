"""torch tensors in the flow of data: a tensor and its views are the storage that they show."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.sink_doors import FlowWatch


def read_tensors(watch: FlowWatch) -> Callable[[], None]:
    """Have plain tensors and parameters known by their storage; return what takes that back.

    Tensors of other classes, and those inside `torch.func`, have storages of their own making: they are known by
    themselves.
    """
    import torch
    from torch import Tensor
    from torch._C import DisableTorchFunction
    from torch.nn import Parameter

    is_watched: Callable[[], int] = getattr(torch._C, "_len_torch_function_stack", lambda: 1)

    def memory_of(tensor: Any) -> tuple[int, int]:
        try:
            if not is_watched():  # a third of the time
                return -tensor.untyped_storage()._cdata, tensor.nbytes
            with DisableTorchFunction():  # modes of the program's do not hear of our questions
                storage = tensor.untyped_storage()
                return -storage._cdata, tensor.nbytes
        except (NotImplementedError, RuntimeError):  # it has none: sparse, meta, batched
            return 0, 0

    for kind in (Tensor, Parameter):
        watch.readers[kind] = memory_of

    def undo() -> None:
        for kind in (Tensor, Parameter):
            watch.readers.pop(kind, None)

    return undo
