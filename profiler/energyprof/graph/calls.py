"""Sampled stacks weighted by joules: the call tree, and what passes along each call between two functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from energyprof.graph.energy import microjoules
from energyprof.model.attribution import Attribution, counted_domains
from energyprof.model.call_picture import CallRow
from energyprof.model.call_tree import CallTree
from energyprof.model.domain import Domain
from energyprof.model.span import Stage
from energyprof.model.stacks import Stacks


class Call(NamedTuple):
    """One function calling another within a stage."""

    stage: int
    """-1: no stage was open."""
    caller: int
    callee: int
    """By place among the functions of the call tree."""
    energy_uj: int
    """Of all stacks with this call in them; one that holds it twice, by recursion, counts once."""
    samples: int


def call_tree(stacks: Stacks, domains: tuple[Domain, ...], attribution: Attribution) -> CallTree:
    """Return the stacks with the energy of all domains that count; without any sample there is no call."""
    table, counted = attribution.functions, counted_domains(domains, attribution)
    if table is None:
        return CallTree.none()
    energy_uj = np.zeros(len(table.stack_node), np.int64)
    for found in attribution.domains:
        if found.domain in counted and found.functions is not None:
            energy_uj += microjoules(found.functions.stack_j)
    return CallTree(
        functions=stacks.functions,
        parent=stacks.nodes.parent,
        function=stacks.nodes.function,
        node=table.stack_node,
        stage=table.stack_stage,
        energy_uj=energy_uj,
        samples=table.stack_samples,
    )


def calls_between(tree: CallTree) -> list[Call]:
    """Return every call seen, sorted; a function that calls itself makes none."""
    energy: defaultdict[tuple[int, int, int], int] = defaultdict(int)
    samples: defaultdict[tuple[int, int, int], int] = defaultdict(int)
    rows = zip(tree.node.tolist(), tree.stage.tolist(), tree.energy_uj.tolist(), tree.samples.tolist(), strict=True)
    for node, stage, energy_uj, count in rows:
        path = tree.path(node)
        for caller, callee in sorted(set(pairwise(path))):
            if caller != callee:
                energy[stage, caller, callee] += energy_uj
                samples[stage, caller, callee] += count
    return [Call(*call, energy[call], samples[call]) for call in sorted(energy)]


def call_rows(tree: CallTree, stages: tuple[Stage, ...]) -> Iterator[CallRow]:
    """Yield every call seen, by name."""
    names = [(function.name, function.file, function.line) for function in tree.functions]
    for call in calls_between(tree):
        stage = stages[call.stage].id if call.stage >= 0 else None
        yield CallRow(stage, names[call.caller], names[call.callee], call.energy_uj / 1e6, call.samples)
