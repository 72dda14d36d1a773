"""The steps of a Sequential hand on to one another what they return: known from the model, no tensor is watched."""

from __future__ import annotations

from itertools import pairwise

from energyprof.sink_doors import FeedSink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from energyprof.interfaces import SpanSink


class Sequences:
    """Gives modules the codes of their stages, which tell from which others results come where that is sure."""

    def __init__(self, sink: SpanSink) -> None:
        self._sink = sink
        self._before: dict[int, list[int]] = {}
        """id of a step -> ids of those that come right before it."""

    def add(self, module: Any) -> None:
        """Take note of the steps of a module, if it has any."""
        for before, step in steps_of(module):
            self._before.setdefault(id(step), []).append(id(before))

    def forget(self, key: int) -> None:
        """Forget the module with this id."""
        self._before.pop(key, None)

    def code(self, module: Any, name: str, names: Mapping[int, str], file: str | None, line: int | None) -> int:
        """Return the code of the stage of a module; `names` are those of all modules by their ids."""
        feeding = [names[key] for key in self._before.get(id(module), ()) if key in names]
        if feeding and isinstance(self._sink, FeedSink) and self._sink.flow() is not None:
            return self._sink.fed_code(name, tuple(dict.fromkeys(feeding)), file=file, line=line)
        return self._sink.stage_code(name, kind="module", file=file, line=line, module=True)


def steps_of(module: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the steps of a Sequential in pairs, the first of which hands what it returns to the second; others none."""
    from torch.nn import Sequential

    if getattr(type(module), "forward", None) is Sequential.forward and "forward" not in vars(module):
        for before, step in pairwise(vars(module)["_modules"].values()):
            if before is not step:
                yield before, step
