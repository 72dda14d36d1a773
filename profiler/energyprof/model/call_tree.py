"""The sampled stacks of a run with the joules spent in each: what functions spent, and by which calls they came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from energyprof.model.span import Index, Ints
from energyprof.model.stacks import Function


@dataclass(frozen=True, slots=True, eq=False)
class CallTree:
    """Calls as a tree, and per whole stack and stage what its innermost function spent there; energies can be summed.

    `parent` and `function` have a row per call, parents first; the others have a row per stack.
    """

    functions: tuple[Function, ...]
    parent: Index
    """-1: outermost."""
    function: Index
    node: Index
    """The innermost call of the stack."""
    stage: Index
    """The stage it was seen in, by place in the report; -1: none."""
    energy_uj: Ints
    """Over all domains that count, in whole microjoules."""
    samples: Ints

    def path(self, node: int) -> list[int]:
        """Return the functions from the outermost call to this one."""
        found = []
        while node >= 0:
            found.append(int(self.function[node]))
            node = int(self.parent[node])
        return found[::-1]

    @staticmethod
    def none() -> CallTree:
        """Return no calls: no stacks were sampled."""
        index, sums = np.zeros(0, np.int32), np.zeros(0, np.int64)
        return CallTree((), index, index, index, index, sums, sums)
