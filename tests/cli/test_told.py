"""A program tells its requests and its accuracy; the report has the joules of each, over all of its processes."""

from __future__ import annotations

import json
from typing import Any

import pytest

SERVER = """
import multiprocessing, sys, time
import energyprof

def serve(request):
    energyprof.units("request")
    until_s = time.process_time() + 0.01
    while time.process_time() < until_s:
        pass
    return request

if __name__ == "__main__":
    with energyprof.stage("serve"):
        with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
            pool.map(serve, range(20), 1)
            pool.close()
            pool.join()
        for request in range(10):
            serve(request)
    energyprof.metric("accuracy", 0.5)
    energyprof.metric("accuracy", 0.93)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_requests_of_all_processes_count_and_each_has_its_joules(place: Any, method: str) -> None:
    place.write("server.py", SERVER)

    done = place.run("--no-graph", "-o", "server.eprof", "server.py", method)

    assert done.returncode == 0, done.stderr.decode()
    shown = place.call(place.command("report", "server.eprof", "--format", "json"))
    report = json.loads(shown.stdout)
    (unit,) = report["units"]
    assert (unit["name"], unit["count"]) == ("request", 30)
    assert unit["per_unit"]["energy_j"] == pytest.approx(report["measured"]["energy_j"] / 30)
    assert unit["per_unit"]["low_j"] < unit["per_unit"]["energy_j"] < unit["per_unit"]["high_j"]
    assert unit["provenance"] == "estimated (model)"
    (metric,) = report["metrics"]
    assert (metric["name"], metric["value"], metric["times"]) == ("accuracy", 0.93, 2)
    text = place.call(place.command("report", "server.eprof")).stdout.decode()
    assert "request: " in text
    assert "accuracy: 0.93, the last of 2" in text


def test_a_program_that_only_counts_is_told_of_too(place: Any) -> None:
    place.write("count.py", "import energyprof\nenergyprof.units('row', 1e6)\n")

    done = place.run("-q", "--no-graph", "-o", "count.eprof", "count.py")

    assert done.returncode == 0, done.stderr.decode()
    shown = place.call(place.command("report", "count.eprof", "--format", "json"))
    assert [(unit["name"], unit["count"]) for unit in json.loads(shown.stdout)["units"]] == [("row", 1e6)]
