"""What a report shows of itself where it is the value of a cell: as a page's part in a notebook, as text in IPython."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Shown:
    """A report that shows itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return one line: a thousand fields help nobody. Here, so that IPython finds `_repr_pretty_` before it."""
        run = getattr(self, "run", None)
        return f"<energyprof report of {' '.join(getattr(run, 'command', ()))[:80] or 'a run'}>"

    def __str__(self) -> str:
        """Return the report of the terminal."""
        return self._rendered("terminal").rstrip("\n")

    def _repr_html_(self) -> str:
        """Return what a notebook shows of it: the compact report."""
        return self._rendered("notebook")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Write what IPython shows of it: the report of the terminal, where its thousand fields would scroll by."""
        printer.text("Report(...)" if cycle else str(self))

    def _rendered(self, name: str) -> str:
        # By its name: a model knows no format, and only a notebook or IPython comes here.
        content: str = import_module("energyprof.run").rendered(self, name)
        return content
