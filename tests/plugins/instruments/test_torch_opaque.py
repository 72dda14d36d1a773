"""What is compiled, scripted or exported runs as it would, is one node, and says how to see inside."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from energyprof_plugins.instruments.torch_opaque import COMPILED_HINT, SCRIPT_HINT

X = torch.ones(2, 4)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True))
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x))


class Graphs:
    """A backend that counts what it is given to compile."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph: torch.fx.GraphModule, _inputs: Any) -> Any:
        self.count += 1
        return graph.forward


@pytest.fixture(autouse=True)
def _fresh_dynamo() -> Any:
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("made", [Net, lambda: nn.Sequential(nn.Linear(4, 4), nn.Tanh())])
def test_a_compiled_module_is_one_node_of_one_graph(events: Any, made: Any) -> None:
    graphs, net = Graphs(), made()
    expected = net(X)
    name = type(net).__name__
    events.told()
    compiled = torch.compile(net, backend=graphs, fullgraph=True)

    for _ in range(3):
        assert torch.equal(compiled(X), expected)

    assert graphs.count == 1
    assert events.told() == [f"+{name}", f"-{name}"] * 3
    assert events.facts[name]["opaque"] == "torch.compile"
    assert events.facts[name]["no_flops"] == "torch.compile calls no layers, and operations are counted layer by layer"
    assert events.facts[name]["hint"] == COMPILED_HINT
    assert torch.equal(net(X), expected)
    assert f"+{name}.0" in events.told() or name == "Net"


def test_a_module_compiled_in_place_is_one_node(events: Any) -> None:
    graphs, net = Graphs(), Net()
    net.compile(backend=graphs, fullgraph=True)

    net(X)
    net(X)

    assert graphs.count == 1
    assert events.told() == ["+Net", "-Net"] * 2
    assert events.facts["Net"]["opaque"] == "torch.compile"


def test_a_compiled_training_step_has_its_backward(events: Any) -> None:
    torch.manual_seed(0)
    net = Net()
    plain = torch.autograd.grad(net(X).sum(), list(net.parameters()))
    events.told()
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)

    compiled(X).sum().backward()

    words = [word for word in events.told() if "GraphModule" not in word]  # what this backend makes of it
    assert words == ["+Net", "-Net", "+~backward", "+~Net", "-~Net", "-~backward"]
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), plain, strict=True))


def test_a_compiled_function_keeps_its_graph_whole(events: Any) -> None:
    graphs, net = Graphs(), Net()
    loss = nn.MSELoss()

    @torch.compile(backend=graphs, fullgraph=True)
    def step(x: torch.Tensor) -> torch.Tensor:
        return loss(net(x), x[:, :2])

    for _ in range(3):
        step(X).backward()

    assert graphs.count == 1


def test_a_graph_break_stays_where_the_program_has_it(events: Any) -> None:
    class Broken(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.encoder(x)
            torch._dynamo.graph_break()
            return self.head(x)

    graphs, net = Graphs(), Broken()
    compiled = torch.compile(net, backend=graphs)

    with torch.no_grad():
        for _ in range(3):
            compiled(X)

    assert graphs.count == 2
    assert events.told().count("+Broken") == 3


def test_scripted_traced_and_exported_modules_are_nodes_with_a_label(events: Any) -> None:
    net = Net().eval()
    expected = net(X)
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        scripted = torch.jit.script(net)
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        traced = torch.jit.trace(net, (X,))
    exported = torch.export.export(net, (X,)).module()
    events.told()

    for opaque in (scripted, traced, exported):
        assert torch.equal(opaque(X), expected)

    words = events.told()
    assert [word for word in words if word[0] == "+" and "." not in word] == [
        "+RecursiveScriptModule",
        "+TopLevelTracedModule",
        "+GraphModule",
    ]
    assert events.facts["RecursiveScriptModule"] | events.facts["TopLevelTracedModule"] == {
        "module_class": "TopLevelTracedModule",
        "parameters": events.facts["RecursiveScriptModule"]["parameters"],
        "opaque": "TorchScript",
        "hint": SCRIPT_HINT,
        "no_flops": "TorchScript calls no layers, and operations are counted layer by layer",
    }
    assert events.facts["GraphModule"]["opaque"] == "graph of operators"


def test_symbolic_traces_show_their_layers(events: Any) -> None:
    graph = torch.fx.symbolic_trace(Net())
    events.told()

    graph(X)

    words = events.told()
    assert "+Net.head" in words
    assert not any("opaque" in events.facts[word[1:]] for word in words if word[0] == "+")
