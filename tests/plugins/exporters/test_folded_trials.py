"""What the trials of a search do alike is one row or node in every format for people and for drawing."""

from __future__ import annotations

from typing import Any

import pytest

from energyprof.interfaces import RenderContext
from energyprof_plugins.exporters.graph_files import GraphJson, GraphMl
from energyprof_plugins.exporters.graphviz import Dot
from energyprof_plugins.exporters.html_page.page import HtmlReport
from energyprof_plugins.exporters.markdown import Markdown
from energyprof_plugins.exporters.notebook import NotebookReport
from energyprof_plugins.exporters.terminal import Terminal


@pytest.mark.parametrize("exporter", [Terminal, HtmlReport, Markdown, NotebookReport, Dot, GraphJson, GraphMl])
def test_it_shows_the_folded_report_where_it_is_handed_one(sample: Any, exporter: type) -> None:
    single = sample.make_report([sample.Part("trial 7", (5.0,)), sample.Part("trial 8", (5.0,))])
    together = sample.make_report([sample.Part("all trials", (10.0,))])

    context = RenderContext(folded=lambda _: together, drawn=lambda *_: together)
    text = exporter().render(single, context)

    shown = text if isinstance(text, str) else text.decode()
    assert "all trials" in shown
    assert "trial 7" not in shown
