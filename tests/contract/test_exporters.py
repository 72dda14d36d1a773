"""What every registered exporter must hold to, ours and strangers' alike."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from energyprof.interfaces import RenderContext, TimelineExporter
from energyprof.report import renderer

EXPORTERS = sorted(entry_points(group="energyprof.exporters"), key=lambda point: point.name)
REPORTS = ["empty", "one_stage", "digits", "voice_assistant", "hostile"]


def draw(dot, suffix):
    """Draw as the product does, but for PDF, for which a program or an extra is needed that need not be here."""
    return renderer.draw(dot, "svg" if suffix == "pdf" else suffix)


@pytest.fixture
def context(sample_trace):
    """Return all that an exporter may be handed."""
    trace = sample_trace.make_trace([[("train", 0, 9_000), ("<step>", 10, 5_000)], [("worker", 3, 4)]])
    return RenderContext(draw=draw, trace=lambda: trace, power=lambda: (sample_trace.power([(0, 1_000_000, 0.5)]),))


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
def test_the_same_report_gives_the_same_bytes(exporter, sample, run, context):
    first = exporter.render(getattr(sample, run)(), context)
    second = exporter.render(getattr(sample, run)(), context)

    assert first == second
    assert first


@pytest.mark.parametrize("run", REPORTS)
def test_text_can_be_written_as_utf_8(exporter, sample, run, context):
    content = exporter.render(getattr(sample, run)(), context)

    if isinstance(content, str):
        assert content.encode("utf-8")
        assert content.endswith("\n")


def test_a_report_is_left_as_it_was(exporter, sample, context):
    report = sample.voice_assistant()

    exporter.render(report, context)

    assert report == sample.voice_assistant()


def test_spans_are_read_by_those_alone_that_show_them(exporter, sample):
    asked = []

    def no_trace():
        asked.append("the trace")
        raise LookupError("no trace")

    context = RenderContext(draw=draw, trace=no_trace, power=no_trace)
    if isinstance(exporter, TimelineExporter):
        with pytest.raises(LookupError):
            exporter.render(sample.digits(), context)
        assert asked
    else:
        assert exporter.render(sample.digits(), context)
        assert not asked


@pytest.mark.parametrize("name", ["\x1b[31m", "<script>alert(1)</script>"])
def test_a_hostile_name_does_not_reach_the_file_as_it_is(exporter, sample, sample_trace, name):
    report = sample.make_report([sample.Part(f"{name}tail", (1.0,))], command=(f"{name}.py",))
    trace = sample_trace.make_trace([[(f"{name}tail", 0, 9)]])

    content = exporter.render(report, RenderContext(draw=draw, trace=lambda: trace, power=lambda: ()))

    if exporter.suffix == ".svg" or (isinstance(content, str) and "\x1b" in name):
        assert name not in content
