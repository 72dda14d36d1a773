"""Data flow of real programs: who receives whose results, found by watching, through the real command."""

from __future__ import annotations

from typing import Any

import pytest

import energyprof

PIPELINE = """
import os, queue, sys, threading
import numpy as np
from energyprof import stage

@stage
def load():
    return ["document number %d" % number for number in range(100)]

@stage
def embed(documents):
    return {"vectors": np.arange(1000.0), "unused": np.arange(10.0)}

class Batch:
    def __init__(self, rows):
        self.rows = rows

@stage
def batches(vectors):
    for start in range(0, 1000, 100):
        yield Batch(vectors[start:start + 100].copy())

@stage
def train(batch, *, rate=0.1):
    return batch.rows.sum()

@stage
async def answer(vectors):
    return "an answer that is long enough"

def train_all(items):
    while (batch := items.get()) is not None:
        train(batch)

def main():
    embedded = embed(load())
    items = queue.Queue()
    trainer = threading.Thread(target=train_all, args=(items,))
    trainer.start()
    for batch in batches(embedded["vectors"].reshape(10, 100).reshape(-1)):
        items.put(batch)
    items.put(None)
    trainer.join()
    import asyncio
    text = asyncio.run(answer(embedded["vectors"]))
    with stage("publish") as publish:
        publish.input(text)
    if not os.fork():
        with stage("in a child") as child:
            child.input(text)
        os._exit(0)
    os.wait()
    print("done")

main()
"""

FLOWS = {
    ("load", "embed"): (1, 0),
    ("embed", "batches"): (1, 8000),
    ("batches", "train"): (10, 8000),
    ("embed", "answer"): (1, 8000),
    ("answer", "publish"): (1, 0),
    ("answer", "in a child"): (1, 0),
}


def recorded(place: Any, program: str, *options: str) -> energyprof.run.Run:  # type: ignore[name-defined]
    place.write("pipeline.py", program)
    done = place.run("-q", "--no-graph", "-o", "run.eprof", *options, "pipeline.py")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"done\n"
    return energyprof.load(place.folder / "run.eprof")


def flows_of(run: energyprof.run.Run) -> dict[tuple[str, str], tuple[int, int]]:  # type: ignore[name-defined]
    stages, flows = run.trace.stages, run.trace.flows
    columns = (flows.source, flows.target, flows.count, flows.nbytes)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {(str(stages[a].id), str(stages[b].id)): (count, nbytes) for a, b, count, nbytes in rows}


@pytest.mark.slow
def test_results_are_followed_through_threads_queues_tasks_generators_and_forks(place: Any) -> None:
    run = recorded(place, PIPELINE)

    assert flows_of(run) == FLOWS
    edges = {(edge.source, edge.target) for edge in run.graph.edges if edge.kind == "feeds"}
    assert edges == set(FLOWS)
    nodes = {node.stage: node for node in run.graph.nodes}
    assert (nodes["embed"].outputs, nodes["embed"].unused_outputs) == (2, 1)
    assert run.graph.unused == ("embed",)
    assert run.graph.costliest_path[:2] == ("load", "embed")


@pytest.mark.slow
def test_without_flow_nothing_is_followed_but_what_is_declared(place: Any) -> None:
    program = PIPELINE.replace('stage("publish")', 'stage("publish", after="answer")')

    run = recorded(place, program, "--no-flow")

    assert set(flows_of(run)) == {("answer", "publish")}
    assert len(run.trace.outputs) == 0


@pytest.mark.slow
def test_embodied_energy_of_the_sinks_is_all_self_energy(place: Any) -> None:
    busy = PIPELINE.replace("    return [", "    sum(range(3_000_000))\n    return [").replace(
        "    return {", "    sum(range(3_000_000))\n    return {"
    )

    graph = recorded(place, busy).graph

    sources = {edge.source for edge in graph.edges if edge.kind == "feeds"}
    sinks = [node for node in graph.nodes if node.parent is None and node.stage not in sources]
    embodied = sum(node.embodied_j or 0.0 for node in sinks)
    assert embodied == pytest.approx(sum(node.self_j or 0.0 for node in graph.nodes), abs=1e-6)
    assert embodied > 0.0


SKLEARN = """
import numpy as np
from energyprof import stage
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

class Cubes(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        return self
    def transform(self, x):
        return x ** 3

@stage
def load():
    x = np.random.default_rng(0).normal(size=(200, 5))
    return x, (x[:, 0] > 0).astype(int)

if __name__ == "__main__":
    x, y = load()
    model = make_pipeline(StandardScaler(), PCA(2), LogisticRegression())
    model.fit(x, y)
    model.predict(x)
    cubic = make_pipeline(Cubes(), LogisticRegression())
    GridSearchCV(cubic, {"logisticregression__C": [1, 2]}, cv=2, n_jobs=2).fit(x, y)
    print("done")
"""


@pytest.mark.slow
def test_estimators_of_sklearn_give_their_steps_and_flows_for_free(place: Any) -> None:
    run = recorded(place, SKLEARN)

    flows = {pair for pair in flows_of(run) if not pair[1].startswith("GridSearchCV")}
    assert flows == {
        ("load", "Pipeline.fit"),
        ("Pipeline.fit/standardscaler", "Pipeline.fit/pca"),
        ("Pipeline.fit/pca", "Pipeline.fit/logisticregression"),
        ("load", "Pipeline.predict"),
        ("Pipeline.predict/standardscaler", "Pipeline.predict/pca"),
        ("Pipeline.predict/pca", "Pipeline.predict/logisticregression"),
    }
    # Two candidates are fitted twice and scored in worker processes, and the better one is fitted here once more.
    assert {row.stage: row.calls for row in run.report().stages if row.stage.startswith("GridSearchCV")} == {
        "GridSearchCV.fit": 1,
        "GridSearchCV.fit/Pipeline.fit": 5,
        "GridSearchCV.fit/Pipeline.fit/cubes": 5,
        "GridSearchCV.fit/Pipeline.fit/logisticregression": 5,
        "GridSearchCV.fit/Pipeline.score": 4,
        "GridSearchCV.fit/Pipeline.score/cubes": 4,
        "GridSearchCV.fit/Pipeline.score/logisticregression": 4,
    }


TRAINING = """
import torch
from energyprof import stage
from torch.utils.data import DataLoader, TensorDataset

@stage
def prepare():
    return torch.randn(64, 4), torch.randint(0, 2, (64,))

@stage
def predict(model, x):
    return model(x)

@stage
def choose(scores):
    return scores.argmax(-1)

x, y = prepare()
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
with stage("train"):
    for batch, label in DataLoader(TensorDataset(x, y), batch_size=16):
        loss = torch.nn.functional.cross_entropy(model(batch), label)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():  # by hand: the first optimizer of a process imports for two seconds
            for weight in model.parameters():
                weight -= 0.1 * weight.grad
model.eval()
with torch.no_grad():
    predict(model, x[:8].view(2, 4, 4))
    choose(model(x[:8]))
print("done")
"""


@pytest.fixture(scope="module")
def training_flows(tmp_path_factory: pytest.TempPathFactory, workplace_class: Any) -> Any:
    return flows_of(recorded(workplace_class(*map(tmp_path_factory.mktemp, ("training", "cache", "t"))), TRAINING))


@pytest.mark.slow
def test_batches_flow_from_the_loader_into_the_model_and_views_are_what_they_show(training_flows: Any) -> None:
    flows = training_flows

    assert flows["train/loader", "train/Sequential"] == (4, 64 * 4 * 4 + 64 * 8)
    assert flows["prepare", "predict"] == (1, 64 * 4 * 4)
    assert flows["evaluation/Sequential", "choose"] == (1, 8 * 2 * 4)


@pytest.mark.slow
def test_the_steps_of_a_sequential_hand_on_their_results_without_being_watched(training_flows: Any) -> None:
    flows = training_flows

    assert {pair: count for pair, count in flows.items() if pair[0].startswith("train/Sequential.")} == {
        ("train/Sequential.0", "train/Sequential.1"): (4, 0),
        ("train/Sequential.1", "train/Sequential.2"): (4, 0),
    }
