"""All energy of a run as weighted stacks of frames, for flame graphs: each joule is in one stack, none in two.

A stack is the path of a stage. What stages cannot be told apart in has a frame of its own below the stage around them.
Where functions were sampled, they decompose what a stage spent itself. What no stage spent stands beside the stages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from energyprof.model.call_tree import CallTree
from energyprof.model.ids import StageId
from energyprof.model.report import Report, StageRow
from energyprof_plugins.exporters.account import counted_domains, is_stage, known, ledger, microjoules
from energyprof_plugins.exporters.visible import visible


@dataclass(frozen=True, slots=True)
class Frame:
    """One level of a stack."""

    name: str
    """As it may be shown: on one line, without control characters."""
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class EnergyStack:
    """Whole microjoules that belong to the innermost of the frames, outermost first."""

    frames: tuple[Frame, ...]
    energy_uj: int


def energy_stacks(report: Report, tree: CallTree | None) -> list[EnergyStack]:
    """Return the stacks that hold any energy, in pipeline order; `tree`: the sampled functions, None for stages only.

    Their sum is what was measured less what is unattributed, but for figures below 0, which no stack can hold.
    """
    paths = stage_frames(report)
    found = [*_of_stages(report, paths, tree), *_unsplit(report, paths), *_beside(report, tree)]
    return [stack for stack in found if stack.energy_uj > 0]


def stage_frames(report: Report) -> dict[StageId, tuple[Frame, ...]]:
    """Return the frames of every stage, from the outermost one around it to itself."""
    paths: dict[StageId, tuple[Frame, ...]] = {}
    for row in report.stages:
        if is_stage(row):
            above = paths.get(row.parent, ()) if row.parent is not None else ()
            paths[row.stage] = (*above, _frame(row))
    return paths


def _frame(row: StageRow) -> Frame:
    return Frame(visible(row.name), None if row.file is None else visible(row.file), row.line)


def _of_stages(report: Report, paths: dict[StageId, tuple[Frame, ...]], tree: CallTree | None) -> Iterator[EnergyStack]:
    counted = counted_domains(report)
    functions = _functions(tree, len(report.stages))
    for place, row in enumerate(report.stages):
        if row.stage not in paths:
            continue
        own = known(row.self_energy, counted)
        left_uj = own.energy_uj
        # Of a refused stage the functions hold what is part of its unsplit row: it would be there twice.
        if not own.refused and sum(energy_uj for _, energy_uj in functions[place]) <= own.energy_uj:
            for frames, energy_uj in functions[place]:
                yield EnergyStack((*paths[row.stage], *frames), energy_uj)
                left_uj -= energy_uj
        yield EnergyStack(paths[row.stage], left_uj)


def _unsplit(report: Report, paths: dict[StageId, tuple[Frame, ...]]) -> Iterator[EnergyStack]:
    counted = counted_domains(report)
    joint: dict[tuple[StageId, ...], int] = defaultdict(int)
    for row in report.unsplit:
        if row.domain in counted:
            joint[row.members] += microjoules(row.energy_j)
    for members, energy_uj in joint.items():
        around = _common([paths[member] for member in members if member in paths])
        if len(members) == 1:
            yield EnergyStack(around, energy_uj)
            continue
        names = [paths[member][-1].name for member in members if member in paths]
        listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield EnergyStack((*around, Frame(visible(f"({listed}: cannot be told apart)"))), energy_uj)


def _common(paths: Sequence[tuple[Frame, ...]]) -> tuple[Frame, ...]:
    """Return the frames that all paths begin with."""
    shared: list[Frame] = []
    for frames in zip(*paths, strict=False):
        if len(set(frames)) > 1:
            break
        shared.append(frames[0])
    return tuple(shared)


def _beside(report: Report, tree: CallTree | None) -> Iterator[EnergyStack]:
    account = ledger(report)
    outside, left_uj = (Frame("(outside any stage)"),), account.outside_uj
    functions = _functions(tree, len(report.stages))[-1]
    if sum(energy_uj for _, energy_uj in functions) <= account.outside_uj:
        for frames, energy_uj in functions:
            yield EnergyStack((*outside, *frames), energy_uj)
            left_uj -= energy_uj
    yield EnergyStack(outside, left_uj)
    yield EnergyStack((Frame("(idle)"),), account.idle_uj)
    yield EnergyStack((Frame("(other programs)"),), account.others_uj)


def _functions(tree: CallTree | None, stages: int) -> dict[int, list[tuple[tuple[Frame, ...], int]]]:
    """Return the stacks of functions by the place of the stage they were seen in, -1: in none."""
    found: dict[int, list[tuple[tuple[Frame, ...], int]]] = defaultdict(list)
    if tree is None:
        return found
    frames = [Frame(visible(one.name), visible(one.file), one.line) for one in tree.functions]
    for node, stage, energy_uj in zip(tree.node.tolist(), tree.stage.tolist(), tree.energy_uj.tolist(), strict=True):
        if stage < stages and energy_uj > 0:
            found[stage].append((tuple(frames[function] for function in tree.path(node)), energy_uj))
    return found
