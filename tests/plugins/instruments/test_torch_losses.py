"""Losses computed by a function are a stage outside modules, and the functions stay what they are."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - as everybody writes it
from torch.nn.functional import cross_entropy
from torch.overrides import TorchFunctionMode

from energyprof_plugins.instruments.torch_losses import TorchLosses
from energyprof_plugins.instruments.torch_modules import TorchModules

CLASSES = torch.tensor([0, 1, 2, 0])
SIGNS = torch.tensor([1.0, -1.0, 1.0, 1.0])


def given(seed: int = 0) -> torch.Tensor:
    return torch.rand(4, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_(seed == 0)


LOSSES = {
    "cross_entropy": (CLASSES,),
    "nll_loss": (CLASSES,),
    "multi_margin_loss": (CLASSES,),
    "mse_loss": (given(1),),
    "l1_loss": (given(1),),
    "smooth_l1_loss": (given(1),),
    "huber_loss": (given(1),),
    "kl_div": (given(1),),
    "poisson_nll_loss": (given(1),),
    "binary_cross_entropy": (given(1),),
    "binary_cross_entropy_with_logits": (given(1),),
    "gaussian_nll_loss": (given(1), given(2)),
    "soft_margin_loss": (SIGNS.view(4, 1).expand(4, 3),),
    "hinge_embedding_loss": (SIGNS.view(4, 1).expand(4, 3),),
    "multilabel_margin_loss": (torch.tensor([[0, 1, -1]] * 4),),
    "multilabel_soft_margin_loss": (given(1).round(),),
    "cosine_embedding_loss": (given(1), SIGNS),
    "triplet_margin_loss": (given(1), given(2)),
    "triplet_margin_with_distance_loss": (given(1), given(2)),
}


@pytest.fixture
def losses(sink: Any) -> Iterator[Any]:
    """Return a sink into which losses and modules are recorded."""
    instruments = [TorchModules(), TorchLosses()]
    for instrument in instruments:
        instrument.install(sink)
    yield sink
    for instrument in reversed(instruments):
        instrument.remove()


def computed(name: str) -> list[torch.Tensor]:
    x = given()
    loss = getattr(F, name)(x, *LOSSES[name])
    loss.backward()
    assert x.grad is not None
    return [loss.detach(), x.grad]


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_is_a_stage_and_its_result_and_gradient_stay_the_same(sink: Any, name: str) -> None:
    bare = computed(name)
    instrument = TorchLosses()
    instrument.install(sink)
    seen = computed(name)
    instrument.remove()

    assert sink.told() == ["+loss", "-loss"]
    assert sink.stages[1] == ("loss", "loss")
    assert all(torch.equal(one, other) for one, other in zip(bare, seen, strict=True))


def test_a_name_that_was_imported_before_is_recorded(losses: Any) -> None:
    cross_entropy(given(), CLASSES)

    assert losses.told() == ["+loss", "-loss"]


@pytest.mark.parametrize("is_trained", [True, False])
def test_a_loss_inside_a_module_is_a_part_of_that(losses: Any, is_trained: bool) -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.mse_loss(x, x + 1)

    with torch.set_grad_enabled(is_trained):
        nn.CrossEntropyLoss()(given(), CLASSES)
        Model()(given())

    assert [word for word in losses.told() if word.startswith("+")] == ["+CrossEntropyLoss", "+Model"]


def test_a_loss_that_fails_ends_and_its_traceback_is_torchs(sink: Any) -> None:
    def failure() -> str:
        try:
            F.cross_entropy(given(), CLASSES[:2])
        except ValueError:
            return traceback.format_exc()
        return ""

    bare = failure()
    instrument = TorchLosses()
    instrument.install(sink)
    seen = failure()
    instrument.remove()

    assert sink.told() == ["+loss", "-loss"]
    assert bare
    assert seen == bare


def test_functions_stay_the_same_objects_and_get_their_code_back(sink: Any) -> None:
    before = (F.cross_entropy, F.cross_entropy.__code__)
    instrument = TorchLosses()

    instrument.install(sink)
    assert F.cross_entropy is before[0]
    assert F.cross_entropy.__code__ is not before[1]
    instrument.remove()
    instrument.remove()

    assert (F.cross_entropy, F.cross_entropy.__code__) == before
    F.cross_entropy(given(), CLASSES)
    assert sink.told() == []


def test_code_that_somebody_else_has_put_there_since_stays(sink: Any) -> None:
    def other(input: Any, target: Any) -> str:  # noqa: A002 - as torch calls it
        return "theirs"

    original = F.l1_loss.__code__
    instrument = TorchLosses()
    instrument.install(sink)
    F.l1_loss.__code__ = other.__code__
    instrument.remove()

    try:
        assert F.l1_loss(1, 2) == "theirs"
    finally:
        F.l1_loss.__code__ = original


def test_modes_of_the_program_are_asked_for_the_same_function(losses: Any) -> None:
    asked: list[object] = []

    class Mode(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            asked.append(func)
            return func(*args, **(kwargs or {}))

    x = given()
    with Mode():
        F.cross_entropy(x, CLASSES)

    assert asked[0] is cross_entropy
    assert losses.told()


@pytest.mark.filterwarnings("ignore")  # torch's own, of its compilers
@pytest.mark.parametrize("name", ["cross_entropy", "mse_loss", "triplet_margin_with_distance_loss"])
def test_compiled_code_has_no_graph_break_and_no_recompile(losses: Any, name: str) -> None:
    def step(x: torch.Tensor) -> torch.Tensor:
        return getattr(F, name)(x, *LOSSES[name]) * 2

    graphs: list[object] = []

    def backend(graph: Any, _inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(step, backend=backend, fullgraph=True)

    results = [compiled(given()) for _ in range(3)]

    assert len(graphs) == 1
    assert all(torch.equal(one, step(given())) for one in results)
    assert losses.told()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_code_reads_torchs_source(losses: Any) -> None:
    scripted = torch.jit.script(nn.CrossEntropyLoss())

    assert torch.equal(scripted(given(), CLASSES), F.cross_entropy(given(), CLASSES))
    assert losses.told()[-2:] == ["+loss", "-loss"]


def test_installing_warns_of_nothing(sink: Any) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        instrument = TorchLosses()
        instrument.install(sink)
        instrument.remove()

    assert [str(one.message) for one in caught] == []
