"""What every registered exporter must hold to, ours and strangers' alike."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from energyprof.interfaces import RenderContext
from energyprof.report import renderer

EXPORTERS = sorted(entry_points(group="energyprof.exporters"), key=lambda point: point.name)
REPORTS = ["empty", "one_stage", "digits", "voice_assistant", "hostile"]


def draw(dot, suffix):
    """Draw as the product does, but for PDF, for which a program or an extra is needed that need not be here."""
    return renderer.draw(dot, "svg" if suffix == "pdf" else suffix)


@pytest.fixture(params=EXPORTERS, ids=lambda point: point.name)
def exporter(request):
    return request.param.load()()


def test_it_says_what_it_is(exporter):
    assert exporter.name in {point.name for point in EXPORTERS}
    assert exporter.suffix.startswith(".")
    assert exporter.summary
    assert "\n" not in exporter.summary


def test_it_is_registered_under_its_own_name():
    assert [point.name for point in EXPORTERS] == [point.load()().name for point in EXPORTERS]


@pytest.mark.parametrize("run", REPORTS)
def test_the_same_report_gives_the_same_bytes(exporter, sample, run):
    first = exporter.render(getattr(sample, run)(), RenderContext(draw=draw))
    second = exporter.render(getattr(sample, run)(), RenderContext(draw=draw))

    assert first == second
    assert first


@pytest.mark.parametrize("run", REPORTS)
def test_text_can_be_written_as_utf_8(exporter, sample, run):
    content = exporter.render(getattr(sample, run)(), RenderContext(draw=draw))

    if isinstance(content, str):
        assert content.encode("utf-8")
        assert content.endswith("\n")


def test_a_report_is_left_as_it_was(exporter, sample):
    report = sample.voice_assistant()

    exporter.render(report, RenderContext(draw=draw))

    assert report == sample.voice_assistant()


def test_no_spans_are_read_for_a_report(exporter, sample):
    def no_trace():
        raise AssertionError("the trace was asked for")

    assert exporter.render(sample.digits(), RenderContext(draw=draw, trace=no_trace))


@pytest.mark.parametrize("name", ["\x1b[31m", "<script>alert(1)</script>"])
def test_a_hostile_name_does_not_reach_the_file_as_it_is(exporter, sample, name):
    report = sample.make_report([sample.Part(f"{name}tail", (1.0,))], command=(f"{name}.py",))

    content = exporter.render(report, RenderContext(draw=draw))

    if exporter.suffix == ".svg" or (isinstance(content, str) and "\x1b" in name):
        assert name not in content
