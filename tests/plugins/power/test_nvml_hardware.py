"""A real NVIDIA GPU, where there is one: in a process of its own, for this one may have loaded the stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

DEVICES = ("/dev/nvidiactl", "/dev/dxg")
READ = """
import dataclasses, json, sys, time
from energyprof.interfaces import Reading, SourceContext
from energyprof_plugins.power.nvml import Nvml
source = Nvml({})
context = SourceContext(argument=sys.argv[1], start_ns=time.monotonic_ns(), now_ns=time.monotonic_ns)
reason = source.why_unavailable(context)
if reason:
    print(json.dumps({"reason": reason}))
    sys.exit()
domains = source.open(context)
rows = []
until_s = time.monotonic() + 2.0
while time.monotonic() < until_s:
    began_ns = time.monotonic_ns()
    answers = source.read()
    took_ns = time.monotonic_ns() - began_ns
    rows += [[a.domain, a.raw if isinstance(a, Reading) else -int(a.status), took_ns] for a in answers]
    time.sleep(0.01)
found = {
    "reason": None,
    "domains": [dataclasses.asdict(domain) for domain in domains],
    "rows": rows,
    "facts": {id_: facts for part in source.parts() for id_, facts in part.facts().items()},
    "remarks": source.remarks,
}
source.close()
print(json.dumps(found))
"""

pytestmark = [
    pytest.mark.hardware,
    pytest.mark.skipif(
        not any(os.path.exists(device) for device in DEVICES), reason=f"no NVIDIA GPU: none of {', '.join(DEVICES)}"
    ),
]


def found(argument: str) -> dict:
    done = subprocess.run([sys.executable, "-c", READ, argument], capture_output=True, text=True, check=True)
    answer: dict = json.loads(done.stdout)
    return answer


def test_every_gpu_answers_with_watts_that_a_gpu_can_draw():
    answer = found("")

    assert answer["reason"] is None, answer["reason"]
    for domain in answer["domains"]:
        raws = [raw for id_, raw, _ in answer["rows"] if id_ == domain["id"]]
        assert len(raws) > 20
        assert min(raws) >= 0, f"failed with status {-min(raws)}"
        watts = (raws[-1] - raws[0]) / 2000 if domain["quantity"] == "energy" else sum(raws) / len(raws) / 1000
        assert 1.0 < watts < (domain["max_power_w"] or 3000.0)
    assert any(figures.get("temperature_c", 0) > 0 for figures in answer["facts"].values())


def test_counter_and_power_agree_about_an_idle_gpu_within_a_third():
    answer = found("counter+instant")
    if answer["reason"] is not None:
        assert "does not tell" in answer["reason"]
        return
    own = [raw for id_, raw, _ in answer["rows"] if id_ == "gpu:0"]
    power = [raw for id_, raw, _ in answer["rows"] if id_ == "gpu:0:instant"]

    if power:
        assert (own[-1] - own[0]) / 2000 == pytest.approx(sum(power) / len(power) / 1000, rel=0.34)
