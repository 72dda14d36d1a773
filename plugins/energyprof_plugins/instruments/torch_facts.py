"""What the report says of a module beside its energy: its class, parameters, operations, and whether it is opaque."""

from __future__ import annotations

from energyprof_plugins.instruments.torch_opaque import why_opaque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

FLOPS = "flops_of_first_call"
NO_FLOPS = "no_flops"
"""The fact of a module whose operations cannot be known: why."""
OF_FORWARD = frozenset({FLOPS, "flops_of_prefill_call", "flops_of_decode_call", NO_FLOPS})
"""Facts that say nothing of a module's backward."""


def facts_of(
    module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], parts: Iterable[Any] = (), phase: str = ""
) -> dict[str, str | int]:
    """Return the facts of a module, operations of the call it was met in among them; `parts` are folded into it.

    `phase`: of a generation that the call is a part of.
    """
    from torch._C import DisableTorchFunction

    from energyprof_plugins.instruments.torch_operations import operations, parameters

    with DisableTorchFunction():  # modes and tensor subclasses of the program's do not hear of our questions
        own = sum(parameters(part) for part in (module, *parts))
        facts: dict[str, str | int] = {"module_class": type(module).__name__, "parameters": own}
        facts |= why_opaque(module)
        flops = operations(module, args, kwargs)
    if flops is None and "opaque" in facts:
        facts[NO_FLOPS] = f"{facts['opaque']} calls no layers, and operations are counted layer by layer"
    return facts if flops is None else {**facts, flops_key(phase): flops}


def flops_key(phase: str) -> str:
    """Return the name of the fact that holds the operations of a call."""
    return f"flops_of_{phase}_call" if phase else FLOPS


def operations_of(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """Return the operations of one call, its children excluded; None: they are not known."""
    from torch._C import DisableTorchFunction

    from energyprof_plugins.instruments.torch_operations import operations

    with DisableTorchFunction():
        return operations(module, args, kwargs)
