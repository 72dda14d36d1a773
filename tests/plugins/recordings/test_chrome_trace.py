"""Traces of torch.profiler, viztracer and Chrome: what becomes a stage, where kernels stand, what bad ones are."""

from __future__ import annotations

import gzip
import json

import pytest

from energyprof.errors import InputError
from energyprof.model.imported import ForeignClock, ImportWishes
from energyprof.model.span import LANE_KINDS
from energyprof_plugins.recordings.chrome_json import PIECE_BYTES
from energyprof_plugins.recordings.chrome_names import kernel_name
from energyprof_plugins.recordings.chrome_trace import ChromeTrace

DEVICE = LANE_KINDS.index("device")


def event(name, ts, dur, category="", tid=1, pid=10, **args):
    """Return a complete event; times in microseconds."""
    return {"ph": "X", "name": name, "ts": ts, "dur": dur, "cat": category, "pid": pid, "tid": tid, "args": args}


def read(tmp_path, content, functions=False):
    """Return what the importer makes of a trace, given as text, as events or as a whole object."""
    text = content if isinstance(content, str) else json.dumps(content)
    path = tmp_path / "trace.json"
    path.write_text(text)
    return ChromeTrace().read(str(path), ImportWishes(functions=functions), lambda _part: None)


def paths(found):
    """Return (path of stage, lane kind, start, end) of every span."""
    names = []
    for stage in found.stages:
        names.append(stage.name if stage.parent < 0 else f"{names[stage.parent]}/{stage.name}")
    spans = found.spans
    kinds = [LANE_KINDS[lane.kind] for lane in found.lanes]
    rows = zip(spans.stage.tolist(), spans.lane.tolist(), spans.start_ns.tolist(), spans.end_ns.tolist(), strict=True)
    return sorted((names[stage], kinds[lane], start, end) for stage, lane, start, end in rows)


def kineto(*events, **beside):
    """Return a trace as torch.profiler writes it."""
    return {"schemaVersion": 1, "deviceProperties": [], "traceEvents": list(events), **beside}


LAUNCHING = (
    event("ProfilerStep#7", 0, 100, "user_annotation"),
    event("nn.Module: Linear_0", 1, 90, "python_function"),
    event("torch/nn/functional.py(12): linear", 2, 80, "python_function"),
    event("aten::addmm", 3, 50, "cpu_op", **{"External id": 5}),
    event("cudaLaunchKernel", 4, 9, "cuda_runtime", correlation=77),
)
KERNEL = event("void ns::gemm<4, A<int> >(int, float*)", 60, 30, "kernel", tid=7, pid=0, device=0, stream=7)


def test_kernel_stands_on_its_stream_below_the_operator_that_launched_it(tmp_path):
    kernel = {**KERNEL, "args": {**KERNEL["args"], "correlation": 77}}

    found = read(tmp_path, kineto(kernel, *LAUNCHING))

    assert paths(found) == [
        ("ProfilerStep", "thread", 0, 100_000),
        ("ProfilerStep/Linear_0", "thread", 1_000, 91_000),
        ("ProfilerStep/Linear_0/aten::addmm", "thread", 3_000, 53_000),
        ("ProfilerStep/Linear_0/aten::addmm/ns::gemm", "device", 60_000, 90_000),
    ]
    assert [stage.kind for stage in found.stages] == ["stage", "module", "function", "function"]
    assert [(lane.tid, lane.name) for lane in found.lanes if lane.kind == DEVICE] == [(0, "stream 7")]
    assert found.source == "torch.profiler trace"


def test_kernel_without_correlation_is_placed_by_its_external_id(tmp_path):
    kernel = {**KERNEL, "args": {**KERNEL["args"], "External id": 5}}

    found = read(tmp_path, kineto(*LAUNCHING, kernel))

    assert ("ProfilerStep/Linear_0/aten::addmm/ns::gemm", "device", 60_000, 90_000) in paths(found)


def test_kernel_whose_launch_is_only_an_arrow_is_placed_by_it(tmp_path):
    arrow = {"ph": "s", "cat": "ac2g", "name": "ac2g", "id": 9, "pid": 10, "tid": 1, "ts": 10}
    kernel = {**KERNEL, "args": {**KERNEL["args"], "correlation": 9}}

    found = read(tmp_path, kineto(LAUNCHING[0], LAUNCHING[3], arrow, kernel))

    assert ("ProfilerStep/aten::addmm/ns::gemm", "device", 60_000, 90_000) in paths(found)


def test_kernel_that_nothing_launched_stands_outermost_and_is_counted(tmp_path):
    found = read(tmp_path, kineto(*LAUNCHING, KERNEL))

    assert ("ns::gemm", "device", 60_000, 90_000) in paths(found)
    assert any(line.startswith("1 kernels and copies were launched by nothing") for line in found.warnings)


def test_python_functions_are_stages_on_demand_or_where_there_is_nothing_better(tmp_path):
    wanted = read(tmp_path, kineto(*LAUNCHING), functions=True)
    alone = read(tmp_path, kineto(LAUNCHING[2]))
    left_out = read(tmp_path, kineto(*LAUNCHING))

    assert "ProfilerStep/Linear_0/linear" in {path for path, *_ in paths(wanted)}
    assert [(stage.name, stage.file, stage.line) for stage in alone.stages] == [
        ("linear", "torch/nn/functional.py", 12)
    ]
    assert [line for line in left_out.warnings if "--functions" in line and line.startswith("1 Python functions")]


def test_backward_pass_stands_below_what_its_caller_had_open(tmp_path):
    backward = event("autograd::engine::evaluate_function: MulBackward0", 40, 20, "cpu_op", tid=2)

    found = read(tmp_path, kineto(LAUNCHING[0], event("backward", 30, 60, "user_annotation"), backward))

    path = "ProfilerStep/backward/autograd::engine::evaluate_function: MulBackward0"
    assert (path, "thread", 40_000, 60_000) in paths(found)


def test_what_the_profiler_repeats_in_other_words_is_left_out(tmp_path):
    mirrored = event("ProfilerStep#7", 50, 40, "gpu_user_annotation", tid=7, pid=0)
    whole = event("PyTorch Profiler (0)", 0, 500, "Trace", tid="PyTorch Profiler", pid="Spans")

    found = read(tmp_path, kineto(*LAUNCHING, mirrored, whole))

    assert {lane.kind for lane in found.lanes} == {0}
    assert int(found.spans.end_ns.max()) == 100_000


def test_overlap_of_microsecond_rounding_is_mended(tmp_path):
    found = read(tmp_path, [event("a", 0, 11), event("b", 10, 5), event("c", 20, 10), event("inner", 25, 6)])

    assert paths(found) == [
        ("a", "thread", 0, 11_000),
        ("b", "thread", 11_000, 15_000),
        ("c", "thread", 20_000, 30_000),
        ("c/inner", "thread", 25_000, 30_000),
    ]
    assert found.warnings == ()


def test_spans_that_overlap_stand_on_a_lane_beside(tmp_path):
    found = read(tmp_path, [event("around", 0, 100), event("a", 10, 40), event("b", 30, 40)])

    assert paths(found) == [
        ("around", "thread", 0, 100_000),
        ("around/a", "thread", 10_000, 50_000),
        ("around/b", "thread", 30_000, 70_000),
    ]
    assert [lane.name for lane in found.lanes] == ["thread 1", "thread 1 #2"]
    assert found.warnings == ("1 events overlap others of their thread or stream, and stand on lanes beside them",)


def test_begin_and_end_make_a_span_and_one_that_never_ends_is_open(tmp_path):
    def phase(ph, ts, name="x"):
        return {"ph": ph, "ts": ts, "name": name, "pid": 1, "tid": 1}

    found = read(tmp_path, [phase("B", 0), phase("B", 5, "y"), phase("E", 8), phase("B", 9, "z"), event("w", 0, 20)])

    assert paths(found) == [
        ("w", "thread", 0, 20_000),
        ("x", "thread", 0, 20_000),
        ("x/y", "thread", 5_000, 8_000),
        ("x/z", "thread", 9_000, 20_000),
    ]
    assert sorted(found.spans.is_open.tolist()) == [False, False, True, True]


def test_events_that_cannot_be_used_are_counted_and_the_first_five_named(tmp_path):
    no_dur = {"ph": "X", "name": "lost", "ts": 1, "pid": 1, "tid": 1}
    negative = event("back", 3, -1)
    stray = {"ph": "E", "ts": 4, "pid": 1, "tid": 9}

    found = read(tmp_path, [event("good", 0, 10), no_dur, negative, stray, *[no_dur] * 4])

    assert paths(found) == [("good", "thread", 0, 10_000)]
    (line,) = found.warnings
    assert line.startswith("7 events of the trace cannot be used and were left out: event 2 (lost): no dur; event 3")
    assert "event 4 (without a name): it ends what has not begun" in line
    assert line.count("event ") == 5


def test_recursion_stays_one_stage(tmp_path):
    found = read(tmp_path, [event("f", at, 100 - 2 * at) for at in range(20)])

    assert [stage.name for stage in found.stages] == ["f"]
    assert found.spans.depth.tolist() == list(range(20))


def test_names_beyond_the_limit_are_other(tmp_path):
    found = read(tmp_path, [event(f"name {at}", at * 10, 5) for at in range(10_050)])

    assert len(found.stages) <= 10_001
    assert "<other>" in {stage.name for stage in found.stages}
    assert len(found.spans) == 10_050


@pytest.mark.parametrize(
    ("beside", "ts", "clock"),
    [
        ({"baseTimeNanoseconds": 1_700_000_000_000_000_000}, 5.5, ForeignClock(1_700_000_000_000_000_000)),
        ({"viztracer_metadata": {"baseTimeNanoseconds": 17}}, 5.5, ForeignClock(17)),
        ({"displayTimeUnit": "ns"}, 1_712_195_495_507_783.5, ForeignClock(0)),
        ({}, 5.5, ForeignClock()),
    ],
)
def test_time_of_day_comes_from_the_base_time_or_the_times_themselves(tmp_path, beside, ts, clock):
    found = read(tmp_path, {"traceEvents": [event("a", ts, 1)], **beside})

    assert found.clock == clock


def test_compressed_trace_longer_than_a_piece_reads_like_the_plain_one(tmp_path):
    events = [event(f"näme {at % 7}", at * 10, 5, "cpu_op", note="x" * 200) for at in range(3 * PIECE_BYTES // 280)]
    for gap in (", ", ",\n   ", ","):
        text = '{"schemaVersion": 1,\n "traceEvents": [\n' + gap.join(map(json.dumps, events)) + '\n],"z": 1}'
        path = tmp_path / "trace.json.gz"
        path.write_bytes(gzip.compress(text.encode(), 1))

        found = ChromeTrace().read(str(path), ImportWishes(), lambda _part: None)

        assert len(found.spans) == len(events)
        assert found.warnings == ()


def test_progress_rises_to_the_whole_file(tmp_path):
    path = tmp_path / "trace.json"
    path.write_text(json.dumps([event("a", at * 10, 5, note="x" * 100) for at in range(20_000)]))
    told = []

    ChromeTrace().read(str(path), ImportWishes(), told.append)

    assert told == sorted(told)
    assert len(told) > 2
    assert told[-1] == 1.0


def test_trace_whose_writer_was_killed_is_read_up_to_there_and_said(tmp_path):
    whole = json.dumps([event("a", 0, 5), event("b", 10, 5)])

    found = read(tmp_path, whole[:-30])

    assert [path for path, *_ in paths(found)] == ["a"]
    assert found.warnings == ("the trace ends in the middle of its events; what came before is shown",)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "it is empty"),
        ("stage,lane\n", "it begins with 's'"),
        ('{"a": 1}', 'it has no "traceEvents" but a'),
        ('[{"ph": "X"}, nonsense, {"ph": "X"}]', "an event cannot be read at 'nonsense"),
        ('{"traceEvents": 7}', 'it has no "traceEvents" but traceEvents'),
    ],
)
def test_file_that_is_no_trace_is_refused_with_what_it_is(tmp_path, text, fact):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)

    assert f"trace.json is no trace of torch.profiler, viztracer or Chrome: {fact}" in str(caught.value)
    assert "export_chrome_trace()" in str(caught.value)


def test_trace_without_any_duration_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no event with a duration .*1 counters"):
        read(tmp_path, [{"ph": "C", "name": "memory", "ts": 1, "args": {"MB": 3}}])


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("void at::native::(anonymous namespace)::copy<4, F<int> >(int, F<int>)", "at::native::anonymous::copy"),
        ("volta_sgemm_128x64_nn", "volta_sgemm_128x64_nn"),
        ("Memcpy HtoD (Pageable -> Device)", "Memcpy HtoD (Pageable -> Device)"),
        ("void f(", "void f("),
    ],
)
def test_kernel_names_lose_template_arguments_and_parameters(name, short):
    assert kernel_name(name) == short
