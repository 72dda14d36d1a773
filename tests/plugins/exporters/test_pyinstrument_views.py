"""The stacks as pyinstrument shows them: joules in place of seconds."""

import json

import numpy as np
import pytest

from energyprof.interfaces import RenderContext
from energyprof.model.call_tree import CallTree
from energyprof.model.stacks import Function
from energyprof_plugins.exporters.pyinstrument_views import (
    PyinstrumentConsole,
    PyinstrumentHtml,
    PyinstrumentSpeedscope,
)


def tree(*names):
    """Return a tree in which the first function calls the others, 3 J in the second and 1 J in the last."""
    functions = tuple(Function(name, "/srv/job.py", 10 * n) for n, name in enumerate(names, 1))
    node, last = np.array([1, 2], np.int32), len(names) - 1
    return CallTree(
        functions, np.array([-1, 0, 0], np.int32)[: last + 1], np.arange(last + 1, dtype=np.int32), node,
        np.array([-1, -1], np.int32), np.array([3_000_000, 1_000_000]), np.array([30, 10]),
    )  # fmt: skip


def context(calls, **more):
    return RenderContext(calls=lambda: calls, **more)


@pytest.fixture
def report(sample):
    return sample.make_report([sample.Part("a", (6.4,))], command=("job.py",))


def test_the_console_shows_joules_by_call(report):
    text = PyinstrumentConsole().render(report, context(tree("main", "parse", "leaf")))

    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    assert lines[0].startswith("job.py: 4.00 J in sampled functions, ")
    assert lines[2:] == [
        "4.00 J main  job.py:10",
        "\u251c\u2500 3.00 J parse  job.py:20",
        "\u2514\u2500 1.00 J leaf  job.py:30",
    ]


def test_the_console_keeps_to_ascii_where_that_is_all_there_is(report):
    assert PyinstrumentConsole().render(report, context(tree("main", "p\u00e4rse", "leaf"), unicode=False)).isascii()


def test_the_page_has_joules_in_its_labels_and_loads_nothing(report):
    page = PyinstrumentHtml().render(report, context(tree("main", "parse", "leaf")))

    assert "main \u00b7 4.00 J" in page
    assert "parse \u00b7 3.00 J" in page
    assert "fonts.googleapis" not in page
    assert "Absolute energy in joules" in page
    assert "CPU utilization" not in page


def test_a_function_name_cannot_end_the_script_of_the_page(report):
    page = PyinstrumentHtml().render(report, context(tree("main", "</script><script>alert(1)</script>", "leaf")))

    assert "alert(1)" in page
    assert "<script>alert(1)" not in page


def test_speedscope_gets_millijoules_without_a_unit_of_time(report):
    document = json.loads(PyinstrumentSpeedscope().render(report, context(tree("main", "parse", "leaf"))))

    (profile,) = document["profiles"]
    assert (profile["unit"], profile["endValue"]) == ("none", pytest.approx(4000))
    assert profile["name"] == "energy (mJ) of job.py"
    assert [frame["name"] for frame in document["shared"]["frames"]][:2] == ["main", "parse"]


@pytest.mark.parametrize("exporter", [PyinstrumentConsole(), PyinstrumentHtml(), PyinstrumentSpeedscope()])
def test_without_samples_the_remedy_is_said(report, exporter):
    assert "energyprof run --stacks" in exporter.render(report, RenderContext())
