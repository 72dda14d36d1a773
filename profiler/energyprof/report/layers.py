"""Layers: stages of the same module brought together, whichever stage called it, apart by phase.

A stage is a layer if its instrument told the class of a module. What stands below a backward pass without being a
part of it is a forward done again: a recompute; below a prefill or decode it is a forward of that. Energies are sums of
stages: bounds are added, which is never too narrow, and a sum with a refused part is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from energyprof.model.ids import StageId
from energyprof.model.recorded_names import FOLDED
from energyprof.model.report import LAYER_PHASES, LayerPhase, LayerRow, StageRow, SumRow
from energyprof.report.sums import exact_sum, weakest
from energyprof.report.work import Handed

GENERATED: Final[tuple[LayerPhase, ...]] = ("prefill", "decode")
FORWARD: Final[tuple[LayerPhase, ...]] = ("forward", *GENERATED)
MODULE_CLASS = "module_class"
"""The fact that makes a stage a layer."""


def layer_rows(stages: Sequence[StageRow], stages_j: float) -> tuple[LayerRow, ...]:
    """Return every layer in each phase it had, and in all of them together; shares are of `stages_j`."""
    return _Layers(stages, stages_j).rows() if any(MODULE_CLASS in row.facts for row in stages) else ()


def layers_of(rows: Sequence[LayerRow], model: str) -> tuple[LayerRow, ...]:
    """Return the rows of one model, which stands at depth 0 whoever calls it."""
    mine = [row for row in rows if row.layer == model or row.layer.startswith(f"{model}.")]
    parents = {row.layer: row.parent for row in mine}
    inside: dict[str, str | None] = {name: above if above in parents else None for name, above in parents.items()}
    return tuple(replace(row, parent=inside[row.layer], depth=_depth(row.layer, inside)) for row in mine)


def _depth(name: str, parents: Mapping[str, str | None]) -> int:
    depth, seen, at = 0, {name}, parents[name]
    while at is not None and at not in seen:
        seen.add(at)
        depth, at = depth + 1, parents[at]
    return depth


class _Layers:
    """What the rows are worked out from."""

    def __init__(self, stages: Sequence[StageRow], stages_j: float) -> None:
        self._stages_j = stages_j
        self._by_id = {row.stage: row for row in stages}
        self._parts: dict[str, dict[LayerPhase, list[StageRow]]] = {}
        self._parent: dict[str, str | None] = {}
        self._operations: dict[StageId, int | None] = {}
        self._samples, self._tokens = Handed(stages, "samples"), Handed(stages, "tokens")
        self._trained_on = Handed(stages, "trained_samples")
        self._phase: dict[StageId, LayerPhase] = {}
        for row in stages:  # parents stand first
            phase = self._phase[row.stage] = self._phase_of(row)
            if MODULE_CLASS not in row.facts:
                continue
            self._parts.setdefault(row.name, {}).setdefault(phase, []).append(row)
            if self._parent.get(row.name) is None:
                self._parent[row.name] = self._layer_above(row)
        self._parameters = {
            name: max(int(row.facts.get("parameters", 0)) for rows in phases.values() for row in rows)
            for name, phases in self._parts.items()
        }
        self._depth = {name: _depth(name, self._parent) for name in self._parts}
        for name in sorted(self._parts, key=self._depth.__getitem__, reverse=True):
            above = self._parent[name]
            if above is not None and self._depth[above] < self._depth[name]:
                self._parameters[above] += self._parameters[name]
        self._count_operations(stages)

    def _phase_of(self, row: StageRow) -> LayerPhase:
        if row.kind == "backward":
            return "backward"
        for generated in GENERATED:
            if row.kind == "generation" and row.name == generated:
                return generated
        around: LayerPhase = "forward" if row.parent is None else self._phase[row.parent]
        return "recompute" if around == "backward" else around

    def _layer_above(self, row: StageRow) -> str | None:
        at = row.parent
        while at is not None:
            above = self._by_id[at]
            if MODULE_CLASS in above.facts and above.name != row.name:
                return above.name
            at = above.parent
        return None

    def _count_operations(self, stages: Sequence[StageRow]) -> None:
        """Per stage of a module: its own operations and those of all below it, over all calls; None: none is known."""
        known: dict[StageId, int | None] = self._operations
        for row in reversed(stages):
            phase = self._phase[row.stage]
            one = row.facts.get(f"flops_of_{phase}_call" if phase in GENERATED else "flops_of_first_call")
            if one is not None and row.kind != "backward":
                known[row.stage] = (known.get(row.stage) or 0) + int(one) * row.calls
            counted = known.get(row.stage)
            if counted is not None and row.parent is not None:
                known[row.parent] = (known.get(row.parent) or 0) + counted

    def rows(self) -> tuple[LayerRow, ...]:
        """Return the rows, a layer before those it calls, a layer's phases in the order of `LAYER_PHASES`."""
        made = []
        for name in self._in_tree_order():
            phases = self._parts[name]
            whole = [row for rows in phases.values() for row in rows]
            made += [self._row(name, phase, phases[phase]) for phase in LAYER_PHASES if phase in phases]
            made.append(self._row(name, "total", whole))
        return tuple(made)

    def _in_tree_order(self) -> list[str]:
        """Return each layer before those it calls, in the order of their first calls."""
        below: dict[str | None, list[str]] = {}
        for name, parent in self._parent.items():
            below.setdefault(parent, []).append(name)
        order: dict[str, None] = {}
        waiting = list(reversed(below.get(None, [])))
        while waiting:
            name = waiting.pop()
            if name not in order:
                order[name] = None
                waiting += reversed(below.get(name, []))
        return [*order, *(name for name in self._parts if name not in order)]

    def _row(self, name: str, phase: LayerPhase, stages: list[StageRow]) -> LayerRow:
        forward = [row for one in FORWARD for row in self._parts[name].get(one, [])]
        counted = forward if phase == "total" and forward else stages
        calls = sum(row.calls for row in counted)
        wall_s = sum(row.wall_s for row in stages)
        total = self._sum([row.total_sum for row in stages])
        per_call_j = total.energy_j / calls if calls and total.energy_j is not None else None
        samples, tokens = self._handed(name, phase, counted)
        is_forward = phase in {*FORWARD, "recompute"} or "backward" not in self._parts[name]
        operations = [self._operations.get(row.stage) for row in stages] if is_forward else []
        flops = sum(count for count in operations if count is not None) or None
        joules_per_gflop = total.energy_j / (flops / 1e9) if flops and total.energy_j is not None else None
        facts = next(row.facts for row in stages)
        return LayerRow(
            layer=name,
            phase=phase,
            parent=self._parent[name],
            depth=self._depth[name],
            module_class=str(facts[MODULE_CLASS]),
            calls=calls,
            wall_s=wall_s,
            self_wall_s=sum(row.self_wall_s for row in stages),
            off_cpu_s=max(wall_s - sum(row.cpu_s for row in stages), 0.0),
            self_sum=self._sum([row.self_sum for row in stages]),
            total_sum=total,
            per_call_j=per_call_j,
            per_sample_j=total.energy_j / samples if samples and total.energy_j is not None else None,
            mean_power_w=total.energy_j / wall_s if wall_s > 0 and total.energy_j is not None else None,
            parameters=self._parameters[name],
            flops=flops,
            joules_per_gflop=joules_per_gflop,
            samples=samples,
            tokens=tokens,
            per_token_j=total.energy_j / tokens if tokens and total.energy_j is not None else None,
            no_flops="" if flops else str(facts.get("no_flops", "")),
            folded=str(facts.get(FOLDED, "")),
        )

    def _handed(self, name: str, phase: LayerPhase, counted: list[StageRow]) -> tuple[int | None, int | None]:
        """Return samples and tokens that a layer's stages work off."""
        if phase in {"forward", *GENERATED, "total"} and "backward" not in {row.kind for row in counted}:
            return self._samples.to(counted), self._tokens.to(counted)
        trained = [row for row in self._parts[name].get("forward", []) if not self._is_evaluated(row)]
        trained_on = self._trained_on.to([row for row in trained if self._trained_on.to([row])])
        if trained_on is not None:  # where nobody goes backward there are others
            return trained_on, None
        samples, calls = self._samples.to(trained), sum(row.calls for row in trained)
        if samples is None or not calls:
            return None, None
        return round(samples * min(sum(row.calls for row in counted) / calls, 1.0)), None

    def _is_evaluated(self, row: StageRow) -> bool:
        at: StageId | None = row.stage
        while at is not None:
            if self._by_id[at].kind == "evaluation":
                return True
            at = self._by_id[at].parent
        return False

    def _sum(self, parts: Iterable[SumRow]) -> SumRow:
        parts = tuple(parts)
        refused = any(part.energy_j is None for part in parts)
        unread = any(part.low_j is None or part.high_j is None for part in parts)
        energy_j = None if refused else exact_sum([part.energy_j or 0.0 for part in parts])
        return SumRow(
            energy_j=energy_j,
            low_j=None if unread else exact_sum([part.low_j or 0.0 for part in parts]),
            high_j=None if unread else exact_sum([part.high_j or 0.0 for part in parts]),
            provenance=weakest([part.provenance for part in parts]),
            share=energy_j / self._stages_j if energy_j is not None and self._stages_j > 0 else None,
        )
