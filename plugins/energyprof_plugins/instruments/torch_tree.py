"""How torch modules stand in their model: paths, depths, copies. Reads nothing but the modules' own tables."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from typing import Any

_COMPILED_CHILD = "_orig_mod"
"""The child under which torch.compile keeps the module it wraps; it is no part of anybody's model."""
_NO_FORWARD = "_forward_unimplemented"
"""Name of the `forward` of modules that only hold others and are never called: ModuleList, ModuleDict."""


def tree(root: Any, others: Container[int] = ()) -> Iterator[tuple[str, Any, int]]:
    """Yield (dotted path, module, depth), parents first, a shared module once; not below modules whose id is in others.

    Depth is the number of modules above it that can be called, so that it is the same as in a table of layers.
    """
    seen: set[int] = set()
    waiting = [("", root, 0)]
    while waiting:
        path, module, depth = waiting.pop()
        if id(module) in seen or (module is not root and id(module) in others):
            continue
        seen.add(id(module))
        yield path, module, depth
        is_step = _is_called(module)
        for name, child in reversed(list((vars(module).get("_modules") or {}).items())):
            if child is None:
                continue
            if name == _COMPILED_CHILD:
                waiting.append((path, child, depth))
            else:
                waiting.append((f"{path}.{name}" if path else name, child, depth + is_step))


def wrapped(module: Any) -> Any:
    """Return the module that torch.compile has wrapped in this one, else the module itself."""
    children = vars(module).get("_modules")
    return children.get(_COMPILED_CHILD, module) if isinstance(children, dict) else module  # TorchScript has no dict


def copied_from(module: Any, known: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Return (module among the known, its copy) for each part of a copy that torch has made; nothing if it is none."""
    original = wrapped(module)
    if original is not module:
        return [(original, module)]
    if not vars(module).get("_is_replica"):
        return []
    # All that a replica of DataParallel still shares with what it was made of is the tables that it did not renew.
    hooks = vars(module).get("_forward_hooks")
    for original in known:
        if original is not module and hooks is not None and vars(original).get("_forward_hooks") is hooks:
            return [(mine, copy) for (_, mine, _), (_, copy, _) in zip(tree(original), tree(module), strict=False)]
    return []


def _is_called(module: Any) -> bool:
    forward = vars(module).get("forward") or getattr(type(module), "forward", None)
    return getattr(forward, "__name__", "") != _NO_FORWARD
