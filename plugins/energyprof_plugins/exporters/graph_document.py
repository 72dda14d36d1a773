"""The graph as nodes and edges with all their figures, for files that other programs read; nothing is folded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import Final, TypeAlias

from energyprof.model.attribution import PROVENANCES
from energyprof.model.comparison import Comparison
from energyprof.model.ids import StageId
from energyprof.model.report import EdgeRow, Report, StageRow, SumRow
from energyprof_plugins.exporters.account import (
    Known,
    add,
    counted_domains,
    known,
    microjoules,
    stage_energies,
)
from energyprof_plugins.exporters.diagram.stacks import FEWEST, Energies, Group, group

Value: TypeAlias = "str | int | float | bool | None"
GRAPH_SCHEMA: Final = "energyprof-graph/1"


@dataclass(frozen=True, slots=True)
class Document:
    """A directed graph; what is not known is None."""

    facts: dict[str, Value]
    nodes: tuple[dict[str, Value], ...]
    """Each with its `id`."""
    edges: tuple[dict[str, Value], ...]
    """Each with its `source`, `target` and `key`; two nodes may have an edge of each kind."""


def graph_document(report: Report, *, grouped: bool) -> Document:
    """Return the graph of a report; `grouped`: like siblings such as `layer.0` to `layer.11` are one node."""
    if not grouped:
        return Document(
            _facts(report), _nodes(report) + _joint_nodes(report, {}), _edges(report.edges) + _joints(report, {})
        )
    groups = _groups(report)
    identity = {report.stages[row].stage: _group_id(report, one) for one in groups for row in one.members}
    nodes = tuple(_group_node(report, one, groups) for one in groups)
    edges = _group_edges(report, identity)
    return Document(_facts(report), nodes + _joint_nodes(report, identity), edges + _joints(report, identity))


def comparison_document(comparison: Comparison) -> Document:
    """Return what changed, stage by stage and edge by edge."""
    facts: dict[str, Value] = {"schema": comparison.schema, "tested": comparison.tested, "confidence": 0.95}
    for word, run in (("before", comparison.before), ("after", comparison.after)):
        facts |= {f"{word}_command": " ".join(run.command), f"{word}_start": run.start, f"{word}_host": run.host}
    if comparison.changed:
        facts["program_changed"] = "; ".join(comparison.changed)
    facts |= _change("measured", comparison.measured)
    for line in comparison.ledger:
        facts |= {f"ledger_{line.line}_before_j": line.before_j, f"ledger_{line.line}_after_j": line.after_j}
    nodes = tuple(
        {
            "id": row.stage, "name": row.name, "path": " / ".join(row.path), "parent": row.parent, "kind": row.kind,
            "presence": row.presence, "calls_before": row.calls_before, "calls_after": row.calls_after,
            **_change("self", row.own), **_change("total", row.total),
        }
        for row in comparison.stages
    )  # fmt: skip
    edges: tuple[dict[str, Value], ...] = tuple(
        {
            "source": edge.source, "target": edge.target, "key": edge.kind, "kind": edge.kind,
            "before_j": edge.before_j, "after_j": edge.after_j, "provenance": edge.provenance,
        }
        for edge in comparison.edges
    )  # fmt: skip
    return Document(facts, nodes, edges)


def _change(prefix: str, change: object) -> dict[str, Value]:
    given = {field.name: getattr(change, field.name) for field in fields(change)}  # type: ignore[arg-type]  # a dataclass
    return {f"{prefix}_{name}": value for name, value in given.items()} | {
        f"{prefix}_is_significant": change.is_significant  # type: ignore[attr-defined]  # of Change
    }


def _facts(report: Report) -> dict[str, Value]:
    run, view = report.run, report.view
    return {
        "schema": GRAPH_SCHEMA,
        "command": " ".join(run.command),
        "start": run.start,
        "host": run.host,
        "wall_s": run.wall_s,
        "level": "layer" if view is None else view.level,
        "domain": "all" if view is None else view.domain,
        "focus": "" if view is None else view.focus,
        "ignore": "" if view is None else view.ignore,
        "left_out_j": None if view is None else view.left_out_j,
        "costliest_path": " -> ".join(report.costliest_path) or None,
        **_sum("measured", report.measured),
        **_sum("stages", report.stages_sum),
    }


def _sum(prefix: str, row: SumRow) -> dict[str, Value]:
    return {
        f"{prefix}_j": row.energy_j,
        f"{prefix}_low_j": row.low_j,
        f"{prefix}_high_j": row.high_j,
        f"{prefix}_provenance": row.provenance,
        f"{prefix}_share": row.share,
    }


def _nodes(report: Report) -> tuple[dict[str, Value], ...]:
    return tuple(_node(row) for row in report.stages)


def _node(row: StageRow) -> dict[str, Value]:
    """Return one stage; figures of single domains are named after them: `self_gpu:0_j`."""
    node: dict[str, Value] = {
        "id": row.stage,
        "name": row.name,
        "path": " / ".join(row.path),
        "parent": row.parent,
        "kind": row.kind,
        "members": 1,
        "calls": row.calls,
        "resumes": row.resumes,
        "wall_s": row.wall_s,
        "self_wall_s": row.self_wall_s,
        "cpu_s": row.cpu_s,
        **_sum("self", row.self_sum),
        **_sum("total", row.total_sum),
        "embodied_j": row.embodied_j,
        "embodied_low_j": row.embodied_low_j,
        "embodied_high_j": row.embodied_high_j,
        "embodied_provenance": row.embodied_provenance,
        "outputs": row.outputs,
        "unused_outputs": row.unused_outputs,
        "repeated_inputs": row.repeated_inputs,
        "file": row.file,
        "line": row.line,
    }
    for prefix, rows in (("self", row.self_energy), ("total", row.total_energy)):
        for energy in rows:
            name = f"{prefix}_{energy.domain}"
            node |= {
                f"{name}_j": energy.energy_j,
                f"{name}_low_j": energy.low_j,
                f"{name}_high_j": energy.high_j,
                f"{name}_provenance": energy.provenance,
                f"{name}_reason": energy.reason or None,
            }
    return node


def _edges(rows: tuple[EdgeRow, ...]) -> tuple[dict[str, Value], ...]:
    return tuple(
        {
            "source": row.source, "target": row.target, "key": row.kind, "kind": row.kind, "count": row.count,
            "energy_j": row.energy_j, "low_j": row.low_j, "high_j": row.high_j, "provenance": row.provenance,
        }
        for row in rows
    )  # fmt: skip


# --- what cannot be told apart --------------------------------------------------------------------------------------


def _joint_nodes(report: Report, identity: dict[StageId, str]) -> tuple[dict[str, Value], ...]:
    """Return a node for the joint energy of stages that cannot be told apart: their own figures are not known."""
    counted = counted_domains(report)
    return tuple(
        {
            "id": f"<joint {number}>", "name": f"{len(row.members)} parts not separable", "kind": "joint",
            "members": len({identity.get(member, member) for member in row.members}), "domain": row.domain,
            "self_j": row.energy_j, "self_low_j": row.low_j, "self_high_j": row.high_j,
            "self_provenance": "inferred", "reason": row.reason,
        }
        for number, row in enumerate(report.unsplit)
        if row.domain in counted
    )  # fmt: skip


def _joints(report: Report, identity: dict[StageId, str]) -> tuple[dict[str, Value], ...]:
    counted = counted_domains(report)
    return tuple(
        {"source": f"<joint {number}>", "target": member, "key": "together", "kind": "together", "count": 0}
        for number, row in enumerate(report.unsplit)
        if row.domain in counted
        for member in dict.fromkeys(identity.get(member, member) for member in row.members)
    )


# --- like siblings as one -------------------------------------------------------------------------------------------


def _groups(report: Report) -> list[Group]:
    counted = counted_domains(report)
    own = stage_energies([row.self_energy for row in report.stages], counted)
    total = stage_energies([row.total_energy for row in report.stages], counted)
    place = {row.stage: number for number, row in enumerate(report.stages)}
    parents = [None if row.parent is None else place[row.parent] for row in report.stages]
    children: list[list[int]] = [[] for _ in parents]
    for row, above in enumerate(parents):
        if above is not None:
            children[above].append(row)
    roots = [row for row, above in enumerate(parents) if above is None]
    return group(Energies(report.stages, own, total, children, parents, roots), FEWEST)


def _group_id(report: Report, one: Group) -> str:
    first = report.stages[one.members[0]]
    return first.stage if len(one.members) == 1 else f"{first.stage} \u00d7{len(one.members)}"


def _group_node(report: Report, one: Group, groups: list[Group]) -> dict[str, Value]:
    rows = [report.stages[row] for row in one.members]
    parent = None if one.parent is None else _group_id(report, groups[one.parent])
    if len(rows) == 1:
        return {**_node(rows[0]), "parent": parent}
    counted = counted_domains(report)
    own = add(known(row.self_energy, counted) for row in rows)
    total = add(known(row.total_energy, counted) for row in rows)
    each = [row.total_sum.energy_j for row in rows if row.total_sum.energy_j is not None]
    return {
        "id": _group_id(report, one),
        "name": one.name,
        "path": " / ".join((*rows[0].path[:-1], one.name)),
        "parent": parent,
        "kind": rows[0].kind,
        "members": len(rows),
        "calls": sum(row.calls for row in rows),
        "resumes": sum(row.resumes for row in rows),
        "wall_s": sum(row.wall_s for row in rows),
        "self_wall_s": sum(row.self_wall_s for row in rows),
        "cpu_s": sum(row.cpu_s for row in rows),
        **_known("self", own, [row.self_sum for row in rows]),
        **_known("total", total, [row.total_sum for row in rows]),
        "least_total_j": min(each, default=None),
        "most_total_j": max(each, default=None),
        "file": rows[0].file,
        "line": rows[0].line,
    }


def _known(prefix: str, energy: Known, sums: list[SumRow]) -> dict[str, Value]:
    """Return the sum of like siblings; where one of them cannot be told apart, there is none."""
    is_known = not energy.refused and not energy.nothing
    weakest = max((row.provenance for row in sums), key=PROVENANCES.index)
    shares = [row.share for row in sums if row.share is not None]
    return {
        f"{prefix}_j": energy.energy_j if is_known else None,
        f"{prefix}_low_j": energy.bounds_j[0] if is_known else None,
        f"{prefix}_high_j": energy.bounds_j[1] if is_known else None,
        f"{prefix}_provenance": weakest,
        f"{prefix}_share": sum(shares) if is_known and len(shares) == len(sums) else None,
    }


def _group_edges(report: Report, identity: dict[StageId, str]) -> tuple[dict[str, Value], ...]:
    """Return the edges between groups; those between the same two are added up, bounds too."""
    found: dict[tuple[str, str, str], list[EdgeRow]] = defaultdict(list)
    for row in report.edges:
        source, target = identity[row.source], identity[row.target]
        if source != target:
            found[source, target, row.kind].append(row)
    edges: list[dict[str, Value]] = []
    for (source, target, kind), rows in sorted(found.items()):
        ways = [row.provenance for row in rows if row.provenance is not None]
        edges.append(
            {
                "source": source, "target": target, "key": kind, "kind": kind, "count": sum(row.count for row in rows),
                "energy_j": _added([row.energy_j for row in rows]), "low_j": _added([row.low_j for row in rows]),
                "high_j": _added([row.high_j for row in rows]),
                "provenance": max(ways, key=PROVENANCES.index, default=None),
            }
        )  # fmt: skip
    return tuple(edges)


def _added(parts_j: list[float | None]) -> float | None:
    if any(part is None for part in parts_j):
        return None
    return sum(microjoules(part) for part in parts_j) / 1e6
