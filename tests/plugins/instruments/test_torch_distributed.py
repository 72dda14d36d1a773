"""Collectives as stages: one process talks to itself through gloo, so that nothing has to meet."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from energyprof.model.events import RESUME

torch = pytest.importorskip("torch")
dist = pytest.importorskip("torch.distributed")

from energyprof_plugins.instruments.torch_distributed import TorchDistributed  # noqa: E402
from energyprof_plugins.instruments.torch_modules import TorchModules  # noqa: E402


class Talk:
    """A SpanSink and RankSink; words are +name, -name, and =name where a wait goes on with a call."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, str]] = [("", "")]
        self.codes: list[int] = []
        self.ranks: list[tuple[int, int, int | None]] = []
        self.waits: list[tuple[tuple[int, int, int], tuple[int, int, int]]] = []

    def ext(self, event: tuple[int, int]) -> None:
        self.codes.append(event[0])

    def extend(self) -> Any:
        return self.ext

    def local(self) -> object:
        return self

    def on_fork(self, _call: Any) -> None:
        """Nobody forks here."""

    def tell(self, _code: int, _facts: dict[str, str | int]) -> None:
        """Nobody asks."""

    def stage_code(self, name: str, kind: str = "stage", **_more: object) -> int:
        if (name, kind) not in self.stages:
            self.stages.append((name, kind))
        return self.stages.index((name, kind))

    def tell_rank(self, rank: int, world_size: int, local_rank: int | None = None) -> None:
        self.ranks.append((rank, world_size, local_rank))

    def waited(self, start: tuple[int, int, int], end: tuple[int, int, int]) -> None:
        self.waits.append((start, end))

    def told(self, kind: str = "communication") -> list[str]:
        codes, self.codes = self.codes, []
        words = []
        for code in codes:
            name, of = self.stages[abs(code) % RESUME if code > 0 else -code]
            if of == kind or not kind:
                words.append(("=" if code >= RESUME else "+" if code > 0 else "-") + name)
        return words


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    """This process as the only rank."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture
def talk() -> Iterator[Talk]:
    sink, instrument = Talk(), TorchDistributed()
    instrument.install(sink)
    yield sink
    instrument.remove()


@pytest.mark.usefixtures("alone")
def test_a_collective_is_one_call_and_its_wait_goes_on_with_it(talk: Talk) -> None:
    dist.all_reduce(torch.ones(3))
    dist.barrier()

    assert talk.told() == [
        *("+all_reduce", "-all_reduce", "=all_reduce", "-all_reduce"),
        *("+barrier", "-barrier", "=barrier", "-barrier"),
    ]


@pytest.mark.usefixtures("alone")
def test_waiting_for_what_was_handed_over_before_is_of_its_stage(talk: Talk) -> None:
    from torch.distributed import broadcast  # imported by its own name, as programs do

    work = broadcast(torch.ones(3), 0, async_op=True)
    talk.told()
    work.wait()

    assert talk.told() == ["=broadcast", "-broadcast"]


@pytest.mark.usefixtures("alone")
def test_the_process_says_which_rank_it_is_once(talk: Talk) -> None:
    dist.barrier()
    dist.barrier()

    assert talk.ranks == [(0, 1, None)]


@pytest.mark.usefixtures("alone")
def test_an_error_in_a_collective_reaches_the_program_as_it_is(talk: Talk) -> None:
    group = dist.distributed_c10d._get_default_group()

    with pytest.raises(TypeError) as caught:
        group.allreduce("nothing of the kind")

    assert talk.told() == ["+all_reduce", "-all_reduce"]
    assert not [frame for frame in traceback.extract_tb(caught.value.__traceback__) if "torch_collectives" in frame[0]]


def test_removing_puts_every_method_back() -> None:
    from torch.nn.parallel import DistributedDataParallel, distributed

    owners = (dist.ProcessGroup, dist.Work, DistributedDataParallel)
    names = ("_verify_param_shape_across_processes", "_sync_module_states")
    before = [dict(vars(owner)) for owner in owners], [getattr(distributed, name) for name in names]

    instrument = TorchDistributed()
    instrument.install(Talk())
    is_wrapped = dict(vars(dist.Work)) != before[0][1]
    instrument.remove()
    instrument.remove()

    assert is_wrapped
    assert ([dict(vars(owner)) for owner in owners], [getattr(distributed, name) for name in names]) == before


@pytest.mark.usefixtures("alone")
def test_gradients_are_reduced_in_a_stage_of_its_own_at_the_end_of_backward() -> None:
    sink, modules, talking = Talk(), TorchModules(), TorchDistributed()
    modules.install(sink)
    talking.install(sink)
    try:
        model = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(4, 4)))
        for _ in range(2):
            sink.told()
            model(torch.ones(2, 4)).sum().backward()
            words = sink.told("")
        with model.no_sync():
            model(torch.ones(2, 4)).sum().backward()
        without = sink.told()
    finally:
        talking.remove()
        modules.remove()

    assert words[-3:] == ["+all_reduce", "-all_reduce", "-backward"]
    open_at = [word for word in words[: words.index("+all_reduce")] if word[0] == "+"]
    closed = [word for word in words[: words.index("+all_reduce")] if word[0] == "-"]
    assert len(open_at) - len(closed) == 1  # only `backward` is open around it
    assert without == []


@pytest.mark.usefixtures("alone")
def test_gradients_and_parameters_are_the_same_with_and_without() -> None:
    def trained() -> list[bytes]:
        torch.manual_seed(3)
        model = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU()))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(4, 8)).square().mean().backward()
            optimizer.step()
        return [parameter.detach().numpy().tobytes() for parameter in model.parameters()]

    plain = trained()
    instrument = TorchDistributed()
    instrument.install(Talk())
    recorded = trained()
    instrument.remove()

    assert recorded == plain


def test_a_process_group_written_in_python_is_asked_no_more_often() -> None:
    def refusal() -> str:
        class Own(dist.ProcessGroup):
            """Has no collective of its own, so that C++ looks for one in its base, and finds ours."""

        with pytest.raises(RuntimeError) as caught:
            Own(0, 1).allreduce([torch.ones(1)])
        return f"{type(caught.value).__name__}: {caught.value}".splitlines()[0]

    sink, instrument = Talk(), TorchDistributed()
    instrument.install(sink)
    recorded = refusal()  # first: C++ remembers of a class what it has not
    instrument.remove()
    plain = refusal()

    assert recorded == plain
    assert sink.told() == ["+all_reduce", "-all_reduce"]


@pytest.mark.usefixtures("alone")
def test_threads_of_the_program_talk_each_for_itself(talk: Talk) -> None:
    failures: list[BaseException] = []

    def wait() -> None:
        try:
            dist.all_reduce(torch.ones(2))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()

    assert failures == []
    assert talk.told()[0] == "+all_reduce"


@pytest.mark.usefixtures("alone")
def test_compiled_code_keeps_its_collectives_in_the_graph(talk: Talk) -> None:
    graphs: list[Any] = []

    def backend(graph: Any, _examples: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    def step(value: Any) -> Any:
        value = value * 2
        dist.all_reduce(value)
        return value + 1

    torch._dynamo.reset()
    result = torch.compile(step, backend=backend, fullgraph=True)(torch.ones(3))
    torch._dynamo.reset()

    assert result.tolist() == [3.0, 3.0, 3.0]
    assert len(graphs) == 1
    assert "all_reduce" in graphs[0].code
