"""`--dephase` and `--repeat` through the real command: results stay, and the report says what was done."""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

NET = """
import hashlib, random, sys
import torch
from torch import nn
from energyprof import stage
torch.manual_seed(0)
torch.set_num_threads(1)
random.seed(1)

class Loud(nn.Module):
    def forward(self, x):
        print("loud")
        return x

@stage("prepare", repeatable=True)
def prepare(n):
    return sum(range(n))

@stage("label")
def label():
    return 1

def main():
    layers = nn.Linear(32, 64), nn.BatchNorm1d(64), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Linear(64, 8), Loud()
    net = nn.Sequential(*layers)
    x = torch.randn(16, 32)
    for _ in range(8):
        prepare(5_000), label()
        with stage("step"):
            loss = net(x).square().mean()
            net.zero_grad()
            loss.backward()
            with torch.no_grad():  # by hand: the first optimizer of a process imports for two seconds
                for weight in net.parameters():
                    weight -= 0.1 * weight.grad
    state = b"".join(value.numpy().tobytes() for value in net.state_dict().values())
    print(loss.item(), hashlib.sha256(state).hexdigest(), torch.rand(1).item(), random.random())

main()
"""


def test_repeating_changes_nothing_of_the_program_and_tells_its_layers_apart(place: Any) -> None:
    place.write("net.py", NET)
    # A machine at 10 W for a fifth of a second, then at 50 W, on a counter that moves every 20 ms.
    rows = [f"cpu:0:package,{20_000_000 * at},{200 * at + 800 * max(0, at - 10)},mJ" for at in range(6_000)]
    text = "\n".join(["# period=20ms", "domain,t_ns,value,unit", *rows, ""])
    place.write("power.csv", text)
    bare = place.call([sys.executable, "net.py"])

    done = place.run(
        "--no-graph", "-o", "net.eprof", "--source", "replay:power.csv", "--repeat", "80ms", "--visits", "3", "net.py"
    )

    assert (done.returncode, done.stdout) == (0, bare.stdout), done.stderr
    report = place.report("net.eprof")
    repeat = report["repeat"]
    assert {call["name"]: call["stage"] for call in repeat["calls"]} == {
        "prepare": "prepare",
        **{f"Sequential.{at}": f"step/Sequential.{at}" for at in range(5)},
    }
    assert {call["visits"] for call in repeat["calls"]} == {3}
    skipped = {row["name"]: row["reason"] for row in repeat["skipped"]}
    assert skipped == {
        "Sequential.5": "its forward calls print",
        "label": "not declared with @stage(..., repeatable=True)",
    }
    assert (repeat["stage"], repeat["is_cut"]) == ("(repeat)", False)
    stages = {stage["stage"]: stage for stage in report["stages"]}
    assert [name for name in stages if "(repeat)" in name] == ["(repeat)"]
    assert stages["step/Sequential.0"]["calls"] == 8
    for line in report["ledger"]:
        own = sum(row["energy_j"] or 0.0 for stage in report["stages"] for row in stage["self"])
        assert abs(line["stages_j"] - own - sum(row["energy_j"] for row in report["unsplit"])) < 1e-6
        parts = ("stages_j", "idle_j", "outside_j", "others_j", "unattributed_j")
        assert abs(line["measured_j"] - sum(line[part] for part in parts)) < 1e-6
    told = done.stderr.decode()
    assert "repeat mode\n" in told
    assert "not repeated: Sequential.5: its forward calls print" in told
    assert "(repeat)" not in told.splitlines()[0]


LONG = """
import energyprof
calls = 0
@energyprof.stage("work", repeatable=True)
def work():
    global calls
    calls += 1
    if calls == 20_000:
        open("visited", "w").close()
    return sum(range(1_000))
work()
print("done")
"""


def test_ctrl_c_ends_the_repeat_phase_and_nothing_else(place: Any) -> None:
    place.write("job.py", LONG)
    words = place.command("run", "--no-graph", "-o", "job.eprof", "--repeat", "20ms", "--visits", "10000", "job.py")
    process = place.start(words)
    deadline_s = time.monotonic() + 40
    while not (place.folder / "visited").exists():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=40)

    assert (process.returncode, stdout) == (0, b"done\n"), stderr
    repeats = load(place.folder / "job.eprof").attribution.repeats
    assert repeats is not None
    assert repeats.is_cut
    assert [call.name for call in repeats.calls] == ["work"]
    assert b"ended early" in stderr


def test_delays_are_said_and_the_run_without_them(place: Any) -> None:
    place.write(
        "loop.py", "import energyprof\nfor i in range(6):\n    with energyprof.stage('step'): sum(range(9999))\n"
    )

    done = place.run("--no-graph", "-o", "loop.eprof", "--dephase", "20..40ms", "loop.py")

    assert done.returncode == 0
    report = place.report("loop.eprof")
    delays = report["delays"]
    assert (delays["low_s"], delays["high_s"], delays["delays"]) == (0.02, 0.04, 5)
    assert delays["delay_s"] >= 0.1
    assert delays["wall_without_s"] == pytest.approx(report["run"]["wall_s"] - delays["delay_s"])
    (step,) = report["stages"]
    assert (step["calls"], step["resumes"]) == (6, 0)
    assert step["wall_s"] <= report["run"]["wall_s"] - delays["delay_s"]
    assert b"5 random delays of 20 ms to 40 ms between iterations" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--repeat", "50ms", "--exec", "--", "true"], "--repeat works inside a Python program and --exec runs any"),
        (
            ["--dephase", "20ms", "-I", "job.py"],
            "--dephase works inside the program, where no recorder starts",
        ),
        (["--visits", "3", "job.py"], "--visits N says more about --repeat, which is missing"),
        (["--dephase-stage", "x", "job.py"], "--dephase-stage REGEX says more about --dephase, which is missing"),
        (["--dephase", "20", "job.py"], "20 is no range of delays; write 20ms, or 5..40ms"),
        (["--dephase", "30ms..20ms", "job.py"], "30ms..20ms is no range of delays"),
        (["--repeat", "0ms", "job.py"], "0ms is no duration to repeat for; write 50ms"),
        (["--repeat", "50ms", "--visits", "1", "job.py"], "1 is no number of visits"),
        (["--dephase", "9ms", "--dephase-stage", "(", "job.py"], "( is no regular expression"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_starts(place: Any, words: list[str], said: str) -> None:
    place.write("job.py", "print('ran')")

    done = place.run(*words)

    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr.decode()
    assert place.recordings() == []


def test_help_says_what_they_are_for_with_examples(place: Any) -> None:
    said = place.run("--help").stdout.decode()

    assert "energyprof run --dephase 20ms train.py" in said
    assert "energyprof run --repeat 50ms train.py" in said
    assert "repeatable=True" in said
