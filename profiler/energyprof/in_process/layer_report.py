"""What `hook.report()` gives: the layers of one model, as text wherever it is printed and as a table in a notebook."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING

from energyprof.report.layers import layers_of

if TYPE_CHECKING:
    from energyprof.model.report import LayerRow, Report


class LayerReport:
    """The layers of one model at one moment; its text is what `energyprof layers` prints of them."""

    def __init__(self, report: Report, model: str, options: dict[str, str], remark: str = "") -> None:
        """Take the rows of `model` out of a report; `remark` is shown where there are none.

        Raises InputError for a phase that no layer had.
        """
        self._report = replace(report, layers=layers_of(report.layers, model))
        self._options = options
        self._remark = remark or f"{model} was not called while it was recorded"
        self._text = self._render("layers").rstrip("\n") if self.rows else self._remark

    @property
    def rows(self) -> tuple[LayerRow, ...]:
        """Every layer in each phase it had and in all of them together, those it calls after it."""
        return self._report.layers

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said of the run that the figures are from."""
        return self._report.warnings

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        """Return the table: it is what somebody who types `hook.report()` wants to see."""
        return self._text

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        return self._render("layers-html", place="notebook") if self.rows else f"<pre>{html.escape(self._text)}</pre>"

    def _render(self, name: str, **more: str) -> str:
        from energyprof.interfaces import RenderContext
        from energyprof.run import exporter

        content = exporter(name).render(self._report, RenderContext(options={**self._options, **more}))
        return content if isinstance(content, str) else content.decode()
