"""`energyprof import` through the real command: the run it writes, what every command makes of it, what it refuses."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from energyprof.importing import ImportRequest, import_recording

SPANS = "stage,lane,device,start_ns,end_ns\n" + "".join(
    f"train,main,,{at}000000000,{at}900000000\n"
    f"train/forward,main,,{at}000000000,{at}500000000\n"
    f"train/forward/gemm,stream 7,gpu:0,{at}100000000,{at}700000000\n"
    for at in range(1, 9)
)
STEP_NS = 10_000_000


def busy_w(t_ns: int) -> int:
    """Return the power of a device that works 0.6 of every second from 1 to 9 s."""
    return 250 if 1_000_000_000 <= t_ns < 9_000_000_000 and 100_000_000 < t_ns % 1_000_000_000 <= 700_000_000 else 50


def power_csv(shift_ns: int = 0) -> str:
    """Return a log of it, each row the power of the time since the row before."""
    rows = (f"gpu:0,{t_ns + shift_ns},{busy_w(t_ns)},W\n" for t_ns in range(0, 10_000_000_001, STEP_NS))
    return "# gpu:0 period=10ms\ndomain,t_ns,value,unit\n" + "".join(rows)


def smi_log(start: datetime, shift_s: float = 0.0) -> str:
    """Return it as nvidia-smi would have logged it, the run beginning at `start` (UTC)."""
    lines = ["timestamp, index, name, power.draw [W]"]
    for t_ns in range(0, 10_000_000_000, STEP_NS):
        at = start + timedelta(seconds=t_ns * 1e-9 + shift_s)
        lines.append(f"{at:%Y/%m/%d %H:%M:%S}.{at.microsecond // 1000:03d}, 0, Tesla V100, {busy_w(t_ns)}.00 W")
    return "\n".join(lines) + "\n"


def chrome_trace(base_ns: int | None = None) -> dict[str, Any]:
    """Return the same run as torch.profiler would have written it."""
    events: list[dict[str, Any]] = []
    for at in range(1, 9):
        us, link = at * 1e6, {"correlation": at}
        host = {"ph": "X", "pid": 10, "tid": 10}
        events += [
            {**host, "cat": "user_annotation", "name": f"ProfilerStep#{at}", "ts": us, "dur": 900_000, "args": {}},
            {**host, "cat": "cpu_op", "name": "aten::mm", "ts": us + 10, "dur": 500_000, "args": {"External id": at}},
            {**host, "cat": "cuda_runtime", "name": "cudaLaunchKernel", "ts": us + 20, "dur": 10, "args": link},
            {
                "ph": "X",
                "pid": 0,
                "tid": 7,
                "cat": "kernel",
                "name": "gemm",
                "ts": us + 100_000,
                "dur": 600_000,
                "args": {"device": 0, "stream": 7, **link},
            },
        ]
    base = {} if base_ns is None else {"baseTimeNanoseconds": base_ns}
    return {"schemaVersion": 1, "deviceProperties": [], **base, "traceEvents": events}


@pytest.fixture
def energyprof(command_here: Any) -> Any:
    return command_here


def of_stage(found: dict[str, Any], stage: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in found["stages"] if row["stage"] == stage)
    return row


def test_csv_becomes_a_run_whose_energy_is_where_the_kernel_was(place: Any) -> None:
    place.write("spans.csv", SPANS)
    place.write("power.csv", power_csv())

    words = ("--spans", "spans.csv", "--power", "power.csv", "-o", "run.eprof", "--measured")
    done = place.call(place.command("import", *words))

    assert done.returncode == 0, done.stderr
    assert done.stdout == b"imported 24 spans of 3 stages with gpu:0; see them with: energyprof report run.eprof\n"
    found = place.report("run.eprof")
    gemm = of_stage(found, "train/forward/gemm")["self"][0]
    assert gemm["provenance"] == "measured"
    assert gemm["energy_j"] == pytest.approx(8 * 0.6 * 250, rel=0.02)
    assert of_stage(found, "train")["total"][0]["energy_j"] == gemm["energy_j"]
    ledger = found["ledger"][0]
    parts = ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
    assert ledger["measured_j"] == pytest.approx(sum(ledger[part] for part in parts), abs=1e-6)


def test_parents_that_never_ran_by_themselves_are_not_counted_among_the_stages(place: Any) -> None:
    place.write("spans.csv", "stage,lane,device,start_ns,end_ns\n"
                "one/a,main,,4000000000,5000000000\none/b,main,,5000000000,6000000000\n")  # fmt: skip
    place.write("power.csv", power_csv())
    files = (place.folder / name for name in ("spans.csv", "power.csv", "run.eprof"))
    spans, power, output = files

    done = import_recording(ImportRequest(spans, "spans", power, output))

    assert (done.spans, done.stages) == (2, 2)


def test_a_log_longer_than_the_run_was_read_no_more_often_for_that(place: Any, energyprof: Any) -> None:
    place.write("spans.csv", "stage,lane,device,start_ns,end_ns\none,main,,4000000000,5000000000\n")
    place.write("power.csv", power_csv())

    energyprof("import", "--spans", "spans.csv", "--power", "power.csv", "-o", "run.eprof", "--measured")

    assert place.report("run.eprof")["domains"][0]["achieved_hz"] == pytest.approx(100.0, rel=0.01)


def test_a_log_that_repeats_its_values_is_warned_of_until_the_period_is_said(place: Any, energyprof: Any) -> None:
    place.write("spans.csv", SPANS)
    place.write("power.csv", power_csv().partition("\n")[2])
    words = ("import", "--spans", "spans.csv", "--power", "power.csv")

    unsaid, said = energyprof(*words, "-o", "a.eprof"), energyprof(*words, "--period", "10ms", "-o", "b.eprof")

    assert b"gpu:0: most rows repeat the value before" in unsaid.stderr
    assert b"most rows" not in said.stderr


def test_power_beyond_the_spans_is_said_to_be_in_no_energy_with_what_keeps_its_idle_power(
    place: Any, energyprof: Any
) -> None:
    place.write("spans.csv", "stage,lane,device,start_ns,end_ns\none,main,,4000000000,5000000000\n")
    place.write("power.csv", power_csv())
    words = ("import", "--spans", "spans.csv", "--power", "power.csv")

    plain, kept = energyprof(*words, "-o", "a.eprof"), energyprof(*words, "--idle-before", "-o", "b.eprof")

    assert b"readings of 4 s before the first span and 5 s after the last are in no energy" in plain.stderr
    assert b"import with --idle-before" in plain.stderr
    assert b"import with --idle-before" not in kept.stderr
    assert b"--repeat" not in energyprof("report", "a.eprof").stdout


def test_nothing_is_called_measured_unless_the_user_says_so(place: Any, energyprof: Any) -> None:
    place.write("spans.csv", SPANS)
    place.write("power.csv", power_csv())

    done = energyprof("import", "--spans", "spans.csv", "--power", "power.csv", "-o", "run.eprof")

    assert b"nobody says that a sensor measured it" in done.stderr
    found = place.report("run.eprof")
    ways = {row["provenance"] for stage in found["stages"] for row in (*stage["self"], *stage["total"])}
    assert ways == {"inferred"}
    assert {row["provenance"] for row in (*found["domains"], *found["ledger"])} == {"inferred"}
    text = energyprof("report", "run.eprof").stdout
    assert b"an imported" in text
    assert b"   imported 1" in text
    assert b"measured 1" not in text


def test_every_command_takes_the_imported_run(place: Any, energyprof: Any) -> None:
    place.write("spans.csv", SPANS)
    place.write("power.csv", power_csv())
    energyprof("import", "-q", "--spans", "spans.csv", "--power", "power.csv", "-o", "run.eprof")

    shown = [energyprof("report", "run.eprof", "--format", name) for name in ("terminal", "json", "dot", "svg")]
    drawn = energyprof("graph", "run.eprof", "-o", "run.png")
    recovered = energyprof("recover", "run.eprof")

    assert [done.returncode for done in (*shown, drawn, recovered)] == [0] * 6
    assert (place.folder / "run.png").read_bytes().startswith(b"\x89PNG")
    assert b"is complete: there is nothing to do" in recovered.stdout
    assert b"\xc2\xb7 imported \xc2\xb7" in shown[0].stdout


def test_trace_and_log_are_matched_by_the_time_of_day(place: Any, energyprof: Any) -> None:
    start = datetime(2026, 7, 1, 10, tzinfo=timezone.utc)
    place.write("trace.json", json.dumps(chrome_trace(round(start.timestamp()) * 10**9)))
    place.write("smi.csv", smi_log(start + timedelta(hours=2)))

    done = energyprof("import", "--chrome", "trace.json", "--power", "smi.csv", "--timezone", "+02:00")

    assert done.returncode == 0, done.stderr
    assert "clocks: matched by the time of day, ±2 ms" in done.stderr.decode()
    found = place.report("trace.eprof")
    assert found["run"]["start"] == "2026-07-01T10:00:01.000+00:00"
    path = "ProfilerStep/aten::mm"
    assert [row["stage"] for row in found["stages"]] == ["ProfilerStep", path, f"{path}/gemm"]
    total = of_stage(found, "ProfilerStep")["total"][0]
    assert total["energy_j"] == pytest.approx(8 * 0.6 * 250, rel=0.1)


def test_clocks_without_a_common_time_are_matched_by_activity_and_the_doubt_is_in_the_lag(
    place: Any, energyprof: Any
) -> None:
    trace = chrome_trace()
    trace["traceEvents"] = [row for row in trace["traceEvents"] if not 5e6 <= row["ts"] < 6e6]
    place.write("trace.json", json.dumps(trace))
    gap = "\n".join(
        line.replace("250.00 W", "50.00 W") if "12:00:05." in line else line
        for line in smi_log(datetime(2026, 7, 1, 12, tzinfo=timezone.utc)).splitlines()
    )
    place.write("smi.csv", gap)

    done = energyprof("import", "--chrome", "trace.json", "--power", "smi.csv", "--timezone", "UTC", "-o", "run.eprof")

    assert done.returncode == 0, done.stderr
    said = done.stderr.decode()
    assert "clocks: matched by how power follows the spans (correlation " in said
    assert "ms at 95 %; if you know it, say --offset" in said
    found = place.report("run.eprof")
    total = of_stage(found, "ProfilerStep")["total"][0]
    assert total["energy_j"] == pytest.approx(7 * 0.6 * 250, rel=0.15)
    assert found["run"]["start"].startswith("2026-07-01T12:00:00.9") or found["run"]["start"].startswith(
        "2026-07-01T12:00:01.0"
    )


def test_uncertainty_of_the_offset_widens_the_interval(place: Any, energyprof: Any) -> None:
    place.write("spans.csv", SPANS)
    place.write("power.csv", power_csv(shift_ns=3_250_000_000))
    words = ("import", "-q", "--measured", "--spans", "spans.csv", "--power", "power.csv", "--offset", "-3.25")

    for name, more in (("sure.eprof", ()), ("unsure.eprof", ("--uncertainty", "0.05"))):
        assert energyprof(*words, "-o", name, *more).returncode == 0

    width = {}
    for name in ("sure.eprof", "unsure.eprof"):
        row = of_stage(place.report(name), "train/forward/gemm")["self"][0]
        width[name] = row["high_j"] - row["low_j"]
        assert row["low_j"] <= 8 * 0.6 * 250 <= row["high_j"] * 1.01
    assert width["unsure.eprof"] > 3 * width["sure.eprof"]


def test_each_gpu_is_billed_for_its_own_lanes_only(place: Any, energyprof: Any) -> None:
    place.write("spans.csv", SPANS)
    both = power_csv() + "".join(f"gpu:1,{t_ns},60,W\n" for t_ns in range(0, 10_000_000_001, STEP_NS))
    place.write("power.csv", both)

    done = energyprof("import", "--spans", "spans.csv", "--power", "power.csv", "-o", "run.eprof", "--measured")

    assert done.returncode == 0, done.stderr
    ledger = {row["domain"]: row for row in place.report("run.eprof")["ledger"]}
    assert ledger["gpu:0"]["stages_j"] > 1000
    assert ledger["gpu:1"]["stages_j"] == 0


@pytest.mark.parametrize(
    ("spans", "power", "message"),
    [
        (
            SPANS + "a,m,,5,1\n",
            power_csv(),
            b"has 1 bad row: line 26: it ends at 1, before it starts at 5; nothing was",
        ),
        ("a,b\n", power_csv(), b"spans.csv line 1: no columns stage, lane, start_ns, end_ns among a, b"),
        (SPANS, "gpu,x\n", b"power.csv line 1: no column 'domain', 't_ns', 'value', 'unit' in 'gpu,x'"),
        (SPANS, power_csv() + "gpu:0,5,1,kWh\n", b"line 1004: unit 'kWh' is none"),
        (SPANS, power_csv() + "gpu:0,5,1,W\n", b"line 1004: t_ns 5 of gpu:0 is before the row above it"),
        (SPANS, power_csv(10**12), b"they have no time in common"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line_and_leaves_nothing_behind(
    place: Any, energyprof: Any, spans: str, power: str, message: bytes
) -> None:
    place.write("spans.csv", spans)
    place.write("power.csv", power)

    done = energyprof("import", "--spans", "spans.csv", "--power", "power.csv", "-o", "run.eprof")

    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert sorted(path.name for path in place.folder.iterdir()) == ["power.csv", "spans.csv"]


def test_activity_that_power_does_not_follow_is_refused_with_the_option_that_helps(place: Any, energyprof: Any) -> None:
    place.write("trace.json", json.dumps(chrome_trace()))
    flat = smi_log(datetime(2026, 7, 1, 12, tzinfo=timezone.utc)).replace("250.00 W", "50.00 W")
    place.write("smi.csv", flat)

    done = energyprof("import", "--chrome", "trace.json", "--power", "smi.csv")

    assert done.returncode == 2
    assert b"the clocks of spans and power cannot be matched" in done.stderr
    assert b"--offset SECONDS" in done.stderr
    assert not list(place.folder.glob("*.eprof"))


def test_import_never_writes_over_a_file(place: Any, energyprof: Any) -> None:
    place.write("spans.csv", SPANS)
    place.write("power.csv", power_csv())
    place.write("run.eprof", "mine")

    done = energyprof("import", "--spans", "spans.csv", "--power", "power.csv", "-o", "run.eprof")

    assert done.returncode == 2
    assert b"run.eprof exists already and is never overwritten" in done.stderr
    assert (place.folder / "run.eprof").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--offset", "soon"), b"soon is no number of seconds"),
        (("--uncertainty", "-1"), b"-1"),
        (("--window", "25"), b"--window 25 is no time; try: --window 100ms"),
        (("--wrap", "0"), b"--wrap 0 is no number above 0"),
        (("--gain-error", "5%"), b"--gain-error 5% is no part"),
        (("--device", "x"), b"x is not SPANS=POWER"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    place: Any, energyprof: Any, words: tuple[str, ...], message: bytes
) -> None:
    done = energyprof("import", "--spans", "spans.csv", "--power", "power.csv", *words)

    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count(b"\n") == 1
