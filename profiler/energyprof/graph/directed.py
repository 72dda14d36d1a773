"""What networkx knows of directed graphs. Only where data flows is this imported: networkx takes 0.2 s to load."""

from networkx import (
    DiGraph,
    condensation,
    lexicographical_topological_sort,
    strongly_connected_components,
)

__all__ = ("DiGraph", "condensation", "lexicographical_topological_sort", "strongly_connected_components")
