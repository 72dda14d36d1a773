"""Waste of pipelines: results nobody uses, loops that ask instead of waiting, loops that wait for their data."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow

OUTPUTS = """
@energyprof.stage
def embed(number):
    burn(0.02)
    return [number, "vector", 0.5]

@energyprof.stage
def index(vector):
    return len(vector)

for number in range(20):
    {loop}
"""
HALF_USED = OUTPUTS.format(loop="vector = embed(number)\n    if number % 2:\n        index(vector)")
ONLY_WHAT_IS_USED = OUTPUTS.format(loop="if number % 2:\n        index(embed(number))")

DROPPED = """
@energyprof.stage
def score(number):
    burn(0.02)
    return object()

@energyprof.stage
def rate(number):
    burn(0.01)
    return object()

@energyprof.stage
def collect(number, into):
    burn(0.01)
    into.append(number)
    return [number]

@energyprof.stage
def note(number):
    burn(0.01)
    with open("notes.txt", "a") as notes:
        notes.write(str(number))
    return {{"noted": number}}

@energyprof.stage
def again(seen):
    burn(0.01)
    return seen

seen = []
for number in range({calls}):
    {call}
    collect(number, seen)
    note(number)
    again(seen)
    seen.append(rate(number))
last = score(-1)
print(last)
"""
EACH_DROPPED = DROPPED.format(calls=20, call="score(number)")
EACH_LEFT_OUT = DROPPED.format(calls=20, call="pass")

ON_TENSORS = """
def net():
    return torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.ReLU(), torch.nn.Linear(256, 8))
frozen, kept, trained = net().eval(), net().eval(), net()
batches, features = [torch.randn(256, 256) for _ in range(4)], {}
for _ in range(50):
    with energyprof.stage("faulty"), torch.no_grad():
        for batch in batches:
            frozen(batch)
    with energyprof.stage("mended"), torch.no_grad():
        for number, batch in enumerate(batches):
            if number not in features:
                features[number] = kept(batch)
    with energyprof.stage("train"):
        for batch in batches:
            trained(batch).sum().backward()
            with torch.no_grad():
                for weight in trained.parameters():
                    weight -= 0.001 * weight.grad
    with energyprof.stage("validate"), torch.no_grad():
        trained(batches[0])
"""

QUERIES = """
{keep}
@energyprof.stage
def answer(query, top):
    burn(0.02)
    return query.upper()

for number in range(20):
    answer("a query of number %d" % {which}, 5)
"""
SAME_QUERIES = QUERIES.format(keep="", which="(number % 4)")
KEPT_ANSWERS = """
import functools
{queries}
""".format(
    queries=QUERIES.format(keep="", which="(number % 4)").replace(
        "for number", "answer = functools.cache(answer)\nfor number"
    )
)
OTHER_QUERIES = QUERIES.format(keep="", which="number")
OTHER_STATE = """
class Counter:
    def __init__(self):
        self.count = 0
    @energyprof.stage
    def add(self, name):
        burn(0.01)
        self.count += 1

counter = Counter()
for _ in range(20):
    counter.add("the same name")
"""

ON_ARRAYS = """
import random
import numpy as np

@energyprof.stage
def embed(array):
    burn(0.02)
    return 2 * array

@energyprof.stage
def embed_once(array):
    burn(0.02)
    return 2 * array

@energyprof.stage
def detect(frame):
    burn(0.01)
    return float(frame.sum())

@energyprof.stage
def draw(text):
    burn(0.01)
    return random.random()

arrays, frame, kept = [np.full((100, 100), float(number)) for number in range(5)], np.empty((100, 100)), {}
with energyprof.stage("faulty"):
    for _ in range(6):
        for array in arrays:
            embed(array)
with energyprof.stage("mended"):
    for _ in range(6):
        for number, array in enumerate(arrays):
            if number not in kept:
                kept[number] = embed_once(array)
for number in range(20):
    frame[:] = number
    detect(frame)
    draw("go")
"""

WAITING = """
import threading
arrived = threading.Event()
threading.Timer(2.5, arrived.set).start()
with energyprof.stage("receive"):
    {wait}
with energyprof.stage("work"):
    burn(0.4)
"""
ASKING = WAITING.format(wait="while not arrived.is_set():\n        pass")
WOKEN = WAITING.format(wait="arrived.wait()")

PACING = """
def pace(end_s):
    {wait}

def compute(end_s):
    x = 1.5
    while time.time() < end_s:
        x = (x * 1.0001 + 3.5) % 7.25
        x = (x * 1.0001 + 3.5) % 7.25
        x = (x * 1.0001 + 3.5) % 7.25

with energyprof.stage("compute"):
    compute(time.time() + 1.0)
with energyprof.stage("pace"):  # later: on a busy machine sampling begins late
    pace(time.time() + 1.0)
"""
SPINNING = PACING.format(wait="while time.time() < end_s:\n        pass")
SLEEPING = PACING.format(wait="time.sleep(end_s - time.time())")

LOADING = """
from torch.utils.data import DataLoader, Dataset
class Files(Dataset):
    def __len__(self):
        return {samples}
    def __getitem__(self, index):
        time.sleep(0.02)
        return torch.zeros(8)
net = torch.nn.Linear(8, 8)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loader = DataLoader(Files(), batch_size=4, num_workers={workers})
for batch in loader:
    time.sleep({work})  # a device computes
    net.zero_grad()
    net(batch).sum().backward()
    optimizer.step()
"""
ONE_AFTER_THE_OTHER = LOADING.format(samples=160, work=0.1, workers=0)
AT_THE_SAME_TIME = LOADING.format(samples=160, work=0.1, workers=2)

SERVING = """
net = torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.ReLU(), torch.nn.Linear(256, 256)).eval()
with torch.inference_mode():
    for _ in range({calls}):
        net(torch.zeros({batch}, 256))
"""


def test_results_nobody_uses_are_found_and_their_saving_comes_true(profiled: Any, found: Any, saved_share: Any) -> None:
    faulty, mended = profiled(HALF_USED), profiled(ONLY_WHAT_IS_USED)

    (finding,) = found(faulty, "unused_outputs")
    assert finding["offenders"] == ["embed"]
    assert finding["evidence"].startswith("10 of 20 results of 20 calls ")
    least_j, most_j = finding["saving_j"]
    saved = saved_share(faulty, mended, "embed")
    margin = 0.2
    assert least_j == pytest.approx(0.25 * finding["now_j"])
    assert least_j / finding["now_j"] - margin < saved < most_j / finding["now_j"] + margin
    assert found(mended, "unused_outputs") == []


def test_results_that_the_caller_drops_are_found_and_their_saving_comes_true(
    profiled: Any, found: Any, saved_share: Any
) -> None:
    """Beside one whose results are kept, and three that are called for what they do."""
    faulty, mended = profiled(EACH_DROPPED), profiled(EACH_LEFT_OUT)

    (finding,) = found(faulty, "unused_outputs")
    assert finding["offenders"] == ["score"]
    assert finding["evidence"].startswith("of 21 calls 20 had a result that the line which called score keeps nowhere")
    least_j, most_j = finding["saving_j"]
    assert least_j == 0.0
    assert most_j / finding["now_j"] == pytest.approx(saved_share(faulty, mended, "score"), abs=0.15)
    assert found(mended, "unused_outputs") == []


def test_the_same_inputs_again_are_found_and_their_saving_comes_true(
    profiled: Any, found: Any, saved_share: Any
) -> None:
    faulty, mended = profiled(SAME_QUERIES), profiled(KEPT_ANSWERS)

    (finding,) = found(faulty, "same_inputs")
    assert finding["offenders"] == ["answer"]
    assert finding["evidence"].startswith("16 of 20 calls of answer ")
    least_j, most_j = finding["saving_j"]
    saved = saved_share(faulty, mended, "answer")
    margin = 0.2
    assert least_j == pytest.approx(0.5 * 0.8 * finding["now_j"])
    assert least_j / finding["now_j"] - margin < saved < most_j / finding["now_j"] + margin
    assert found(mended, "same_inputs") == []


def test_a_model_on_the_same_tensors_again_is_found_and_its_saving_comes_true(
    profiled: Any, found: Any, saved_in_turns: Any
) -> None:
    """Beside one whose results are kept, and one whose weights change between calls."""
    report = profiled(ON_TENSORS, torch=True)

    (finding,) = found(report, "same_inputs")
    assert finding["offenders"] == ["faulty/evaluation/Sequential"]  # once something has gone backward
    assert " of 196 calls of Sequential were on unchanged tensors" in finding["evidence"]
    least_j, most_j = finding["saving_j"]
    margin = 0.2
    assert 0 < least_j < most_j <= finding["now_j"]
    assert least_j / finding["now_j"] - margin < saved_in_turns(report) < most_j / finding["now_j"] + margin


def test_the_same_arrays_again_are_found_and_their_saving_comes_true(
    profiled: Any, found: Any, saved_in_turns: Any
) -> None:
    """Beside one whose results are kept, a buffer filled in place, and a function that draws random numbers."""
    report = profiled(ON_ARRAYS)

    (finding,) = found(report, "same_inputs")
    assert finding["offenders"] == ["faulty/embed"]
    assert finding["evidence"].startswith("25 of 30 calls of embed ")
    least_j, most_j = finding["saving_j"]
    margin = 0.2
    assert 0 < least_j < most_j <= finding["now_j"]
    assert least_j / finding["now_j"] - margin < saved_in_turns(report) < most_j / finding["now_j"] + margin


@pytest.mark.parametrize("program", [OTHER_QUERIES, OTHER_STATE], ids=["other inputs", "a state of its own"])
def test_other_inputs_are_no_fault(profiled: Any, found: Any, program: str) -> None:
    assert found(profiled(program), "same_inputs") == []


def test_asking_again_and_again_is_found_and_its_saving_comes_true(profiled: Any, found: Any, saved_j: Any) -> None:
    faulty, mended = profiled(ASKING, "--stacks"), profiled(WOKEN, "--stacks")

    (finding,) = found(faulty, "busy_waiting")
    assert finding["offenders"] == ["receive"]
    assert "is_set" in finding["evidence"]
    assert finding["fault"] == "program0.py waits by asking again and again"
    least_j, most_j = finding["saving_j"]
    margin_j = 0.2 * finding["now_j"]
    assert 0 < least_j < most_j
    assert least_j - margin_j < saved_j(faulty, mended, "receive") < most_j + margin_j
    assert found(mended, "busy_waiting") == []


def test_waiting_by_the_clock_is_found_and_its_saving_comes_true_and_computing_until_a_time_is_no_fault(
    profiled: Any, found: Any, saved_j: Any
) -> None:
    faulty, mended = profiled(SPINNING, "--stacks"), profiled(SLEEPING, "--stacks")

    (finding,) = found(faulty, "busy_waiting")
    assert finding["offenders"] == ["pace"]
    assert finding["fault"] == "pace waits by asking again and again"
    assert finding["evidence"].endswith("pace (program0.py:11), line 12")
    least_j, most_j = finding["saving_j"]
    margin_j = 0.2 * finding["now_j"]
    assert 0 < least_j <= most_j
    assert least_j - margin_j < saved_j(faulty, mended, "pace") < most_j + margin_j
    assert found(mended, "busy_waiting") == []


def test_waiting_for_the_loader_is_found_and_its_saving_comes_true(profiled: Any, found: Any) -> None:
    faulty, mended = profiled(ONE_AFTER_THE_OTHER, torch=True), profiled(AT_THE_SAME_TIME, torch=True)

    (finding,) = found(faulty, "waiting_for_loader")
    assert finding["offenders"] == ["loader"]
    assert "with 0 workers" in finding["evidence"]
    least_j, most_j = finding["saving_j"]
    assert least_j == 0 < most_j
    (domain,) = [row for row in faulty["domains"] if row["counts"]]
    saved_s = faulty["steps"]["wall_s"] - mended["steps"]["wall_s"]
    assert -0.3 * most_j < domain["baseline_w"] * saved_s < 1.5 * most_j
    assert found(mended, "waiting_for_loader") == []


def test_one_sample_at_a_time_is_hinted_at(profiled: Any, found: Any) -> None:
    faulty = profiled(SERVING.format(calls=400, batch=1), torch=True)
    mended = profiled(SERVING.format(calls=400, batch=16), torch=True)

    (finding,) = found(faulty, "single_samples")
    assert finding["offenders"] == ["Sequential"]
    assert finding["evidence"].startswith("400 samples in 400 calls; ")
    assert finding["is_hint"]
    assert found(mended, "single_samples") == []
    a_sample_s = [
        next(float(row["cpu_s"]) for row in report["stages"] if row["stage"] == "Sequential") / samples
        for report, samples in ((faulty, 400), (mended, 6400))
    ]
    assert a_sample_s[1] < 0.7 * a_sample_s[0]
