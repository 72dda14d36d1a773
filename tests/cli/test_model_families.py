"""Two well-known families of models train unmodified under the real command, and their layer tables make sense."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

pytestmark = pytest.mark.slow

STEPS, BATCH = 4, 6

RESNET = """
import json
import torch
from torch import nn

class BasicBlock(nn.Module):
    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)

class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(BasicBlock(8, 8))
        self.layer2 = nn.Sequential(BasicBlock(8, 16, 2))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))

torch.manual_seed(0)
net = ResNet()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(STEPS):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(torch.randn(BATCH, 3, 16, 16)), torch.zeros(BATCH, dtype=torch.long)).backward()
    optimizer.step()
print(json.dumps([name for name, _ in net.named_modules()]))
print(json.dumps({name: sum(p.numel() for p in part.parameters()) for name, part in net.named_modules()}))
"""

BERT = """
import json
import torch
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(0)
shape = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, vocab_size=50)
net = BertForSequenceClassification(BertConfig(**shape))
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
for _ in range(STEPS):
    optimizer.zero_grad()
    net(input_ids=torch.randint(0, 50, (BATCH, 7)), labels=torch.zeros(BATCH, dtype=torch.long)).loss.backward()
    optimizer.step()
print(json.dumps([name for name, _ in net.named_modules()]))
print(json.dumps({name: sum(p.numel() for p in part.parameters()) for name, part in net.named_modules()}))
"""

UNCALLED = {"bert.encoder.layer", *(f"bert.encoder.layer.{at}.attention.self.dropout" for at in (0, 1))}
"""A ModuleList is called by nobody, and what drops out within attention is a number handed to torch's own function."""
LOSS = "CrossEntropyLoss"
"""Made anew by each forward of the BERT: a layer that is no part of the model."""


@dataclass(frozen=True)
class Trained:
    """What a program knows of its model, and what was recorded of it."""

    root: str
    modules: list[str]
    parameters: dict[str, int]
    rows: dict[tuple[str, str], dict[str, Any]]
    stages: dict[str, dict[str, Any]]

    def layer(self, module: str) -> str:
        return f"{self.root}.{module}" if module else self.root


def trained(place: Any, root: str, program: str) -> Trained:
    header = f"STEPS, BATCH = {STEPS}, {BATCH}\n"
    place.write("train.py", header + program)
    done = place.run("-q", "--no-graph", "-o", "run.eprof", "train.py")
    assert done.returncode == 0, done.stderr
    modules, parameters = (json.loads(line) for line in done.stdout.decode().splitlines()[-2:])
    listed = place.report("run.eprof")
    rows = {(row["layer"], row["phase"]): row for row in listed["layers"]}
    return Trained(root, modules, parameters, rows, {row["stage"]: row for row in listed["stages"]})


@pytest.fixture(scope="module", params=["ResNet", "BertForSequenceClassification"])
def model(request: Any, tmp_path_factory: pytest.TempPathFactory, workplace_class: Any) -> Trained:
    if request.param.startswith("Bert"):
        pytest.importorskip("transformers", reason="an extra of the samples")
    place = workplace_class(*map(tmp_path_factory.mktemp, ("families", "cache", "t")))
    return trained(place, request.param, RESNET if request.param == "ResNet" else BERT)


def test_every_module_has_its_name_in_forward_and_backward(model: Trained) -> None:
    called = {model.layer(name) for name in model.modules if name not in UNCALLED}

    assert {layer for layer, phase in model.rows if phase == "forward"} - {LOSS} == called
    backward = {layer for layer, phase in model.rows if phase == "backward"} - {LOSS}
    assert backward <= called
    # What has no gradient to hand back has no backward: dropout is skipped by torch where nothing is dropped.
    without = called - backward
    assert not [layer for layer in without if model.parameters[layer[len(model.root) + 1 :]]]


def test_layers_stand_in_the_tree_of_the_model(model: Trained) -> None:
    for name in model.modules:
        if not name or name in UNCALLED:
            continue
        above = name.rpartition(".")[0]
        while above in UNCALLED:
            above = above.rpartition(".")[0]
        assert model.rows[model.layer(name), "total"]["parent"] == model.layer(above)


@pytest.mark.parametrize("phase", ["forward", "backward", "total"])
def test_what_layers_spent_themselves_is_what_the_model_spent(model: Trained, phase: str) -> None:
    rows = [row for (_, at), row in model.rows.items() if at == phase]

    own_j = sum(row["self_sum"]["energy_j"] for row in rows)
    assert own_j == pytest.approx(model.rows[model.root, phase]["total_sum"]["energy_j"], abs=1e-5)
    assert own_j > 0


def test_phases_add_up_to_all_of_them(model: Trained) -> None:
    parts = [model.rows[model.root, phase]["total_sum"]["energy_j"] for phase in ("forward", "backward")]

    assert sum(parts) == pytest.approx(model.rows[model.root, "total"]["total_sum"]["energy_j"], abs=1e-5)


def test_parameters_are_those_of_the_model(model: Trained) -> None:
    wanted = {model.layer(name): count for name, count in model.parameters.items() if name not in UNCALLED}

    found = {layer: row["parameters"] for (layer, phase), row in model.rows.items() if phase == "total"}
    assert {**found, LOSS: 0} == {**wanted, LOSS: 0}


def test_calls_and_samples_are_those_of_the_loop(model: Trained) -> None:
    root = model.rows[model.root, "forward"]

    assert (root["calls"], root["samples"]) == (STEPS, STEPS * BATCH)
    assert model.rows[model.root, "backward"]["samples"] == STEPS * BATCH
    assert {row["samples"] for (_, phase), row in model.rows.items() if phase == "forward"} == {STEPS * BATCH}
    (step,) = [row for row in model.stages.values() if row["name"].endswith(".step")]
    assert step["calls"] == STEPS


def test_operations_are_those_of_the_shapes(model: Trained) -> None:
    flops = {layer: row["flops"] for (layer, phase), row in model.rows.items() if phase == "forward"}
    examples = STEPS * BATCH

    if model.root == "ResNet":
        assert flops["ResNet.conv1"] == examples * 2 * 8 * 16 * 16 * 3 * 9
        assert flops["ResNet.layer2.0.downsample.0"] == examples * 2 * 16 * 8 * 8 * 8
        assert flops["ResNet.fc"] == examples * 2 * 16 * 10
        convolutions = [name for name in flops if name.rpartition(".")[2] in {"conv1", "conv2"}]
        dense = [*convolutions, "ResNet.layer2.0.downsample.0", "ResNet.fc"]
    else:
        assert flops[f"{model.root}.bert.encoder.layer.0.intermediate.dense"] == examples * 7 * 2 * 16 * 32
        dense = [name for name in flops if name.rpartition(".")[2] in {"query", "key", "value", "dense", "classifier"}]
    assert flops[model.root] == sum(flops[name] for name in dense)


def test_a_layer_called_twice_within_another_has_both_calls(model: Trained) -> None:
    if model.root != "ResNet":
        return
    relu = model.rows["ResNet.layer1.0.relu", "forward"]

    assert (relu["calls"], relu["samples"]) == (2 * STEPS, STEPS * BATCH)
    assert model.rows["ResNet.layer1.0.relu", "backward"]["calls"] == 2 * STEPS
