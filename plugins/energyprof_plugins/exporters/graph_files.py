"""The graph for other programs: node-link JSON and GraphML, as networkx, Gephi, yEd and d3 read them."""

from __future__ import annotations

import json
import unicodedata
import xml.etree.ElementTree as ET
from typing import Final

from energyprof.interfaces import RenderContext
from energyprof.model.report import Report
from energyprof_plugins.exporters.graph_document import Document, Value, comparison_document, graph_document

GRAPHML: Final = "http://graphml.graphdrawing.org/xmlns"
TYPES: Final = {str: "string", int: "long", float: "double", bool: "boolean"}


class GraphJson:
    """Write the graph as node-link JSON; option `group`: `repeats` makes like siblings one node."""

    name = "graph-json"
    suffix = ".json"
    summary = "stage graph as node-link JSON, for networkx and d3"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the document, ASCII only: what is not known is null."""
        graph = _document(report, context)
        nodes = ",\n  ".join(json.dumps(node, allow_nan=False) for node in graph.nodes)
        edges = ",\n  ".join(json.dumps(edge, allow_nan=False) for edge in graph.edges)
        facts = json.dumps(graph.facts, allow_nan=False)
        return (
            f'{{\n"directed": true,\n"multigraph": true,\n"graph": {facts},\n'
            f'"nodes": [\n  {nodes}\n],\n"edges": [\n  {edges}\n]\n}}\n'
        )


class GraphMl:
    """Write the graph as GraphML; option `group` as for `graph-json`. What is not known has no entry."""

    name = "graphml"
    suffix = ".graphml"
    summary = "stage graph as GraphML, for Gephi, yEd and networkx"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the document."""
        graph = _document(report, context)
        root = ET.Element("graphml", xmlns=GRAPHML)
        body = ET.Element("graph", id="stages", edgedefault="directed")
        keys = _Keys()
        keys.fill(body, "graph", graph.facts)
        for node in graph.nodes:
            keys.fill(ET.SubElement(body, "node", id=_text(node["id"])), "node", _without(node, "id"))
        for edge in graph.edges:
            ends = {name: _text(edge[name]) for name in ("source", "target")}
            element = ET.SubElement(body, "edge", ends, id=_text(edge["key"]))
            keys.fill(element, "edge", _without(edge, "source", "target", "key"))
        root.extend([*keys.elements(), body])
        ET.indent(root, " ")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


class _Keys:
    """The declarations of all attributes met, in order."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str, str], str] = {}

    def fill(self, element: ET.Element, of: str, values: dict[str, Value]) -> None:
        """Add the values that are known to an element."""
        for name, value in values.items():
            if value is not None:
                key = self._ids.setdefault((of, name, TYPES[type(value)]), f"d{len(self._ids)}")
                text = str(value).lower() if isinstance(value, bool) else _text(value)
                ET.SubElement(element, "data", key=key).text = text

    def elements(self) -> list[ET.Element]:
        """Return the declarations."""
        return [
            ET.Element("key", {"id": key, "for": of, "attr.name": name, "attr.type": kind})
            for (of, name, kind), key in self._ids.items()
        ]


def _document(report: Report, context: RenderContext) -> Document:
    if context.comparison is not None:
        return comparison_document(context.comparison)
    return graph_document(context.folded(report), grouped=context.options.get("group", "") == "repeats")


def _without(values: dict[str, Value], *names: str) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name not in names}


def _text(value: Value) -> str:
    r"""Return text that XML can hold: control characters and lone surrogates are written as \xNN and \uNNNN."""
    return "".join(_escaped(char) if unicodedata.category(char) in {"Cc", "Cs", "Cn"} else char for char in str(value))


def _escaped(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) <= 0xFF else f"\\u{ord(char):04x}"
