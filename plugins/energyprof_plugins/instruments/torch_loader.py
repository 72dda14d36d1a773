"""Waiting for a DataLoader as a stage: `loader`, a second living one `loader#2`.

Its workers are started within the stage and stand below it as lanes of their own. What one loader was asked for is
told as facts: epochs (its iteration was begun) and batches (it gave).
"""

from __future__ import annotations

from weakref import ref

from energyprof.sink_doors import FlowSink
from energyprof_plugins.instruments.torch_memory import read_tensors
from energyprof_plugins.instruments.torch_method import RecordedMethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink
    from energyprof.sink_doors import FlowWatch


class TorchLoader:
    """Records the iteration of every `torch.utils.data.DataLoader` until removed."""

    name = "torch_loader"
    framework = "torch"

    def __init__(self) -> None:
        self._methods: list[RecordedMethod] = []
        self._loaders: dict[int, _Loader] = {}
        """By the id of a DataLoader, and by that of its iterators."""
        self._sink: SpanSink | None = None
        self._watch: FlowWatch | None = None
        self._forget_tensors: Callable[[], None] = lambda: None

    def install(self, sink: SpanSink) -> None:
        """Wrap the beginning of an iteration and each of its steps."""
        if self._sink is not None:
            return
        from torch.utils.data import DataLoader
        from torch.utils.data.dataloader import _BaseDataLoaderIter

        self._sink = sink
        self._watch = sink.flow() if isinstance(sink, FlowSink) else None
        if self._watch is not None:
            self._forget_tensors = read_tensors(self._watch)
        self._methods = [
            RecordedMethod(sink, DataLoader, "__iter__", lambda of: self._of(of).code, self._began),
            RecordedMethod(sink, _BaseDataLoaderIter, "__next__", lambda of: self._of(of).code, self._gave),
        ]

    def remove(self) -> None:
        """Put the originals back, and tell the last counts."""
        while self._methods:
            self._methods.pop().remove()
        for loader in list(self._loaders.values()):
            loader.tell(self._sink)
        self._loaders.clear()
        self._forget_tensors()
        self._sink = self._watch = None

    def _of(self, asked: Any) -> _Loader:
        """Return what is known of a DataLoader; of an iterator that nobody saw begin, as if it were one."""
        known = self._loaders.get(id(asked))
        return self._learn(asked) if known is None else known

    def _learn(self, asked: Any) -> _Loader:
        taken = {loader.number for loader in self._loaders.values()}
        number = next(number for number in range(1, len(taken) + 2) if number not in taken)
        name = "loader" if number == 1 else f"loader#{number}"
        loader = _Loader(number, 0 if self._sink is None else self._sink.stage_code(name, kind="loader"))
        self._keep(asked, loader)
        loader.describe(asked)
        return loader

    def _keep(self, asked: Any, loader: _Loader) -> None:
        key = id(asked)

        def died(_reference: object) -> None:
            gone = self._loaders.pop(key, None)
            if gone is not None:
                gone.tell(self._sink)

        loader.references[key] = ref(asked, died)
        self._loaders[key] = loader

    def _began(self, of: Any, iterator: Any) -> None:
        loader = self._of(of)
        loader.epochs += 1
        loader.tell(self._sink)
        if id(iterator) not in self._loaders:
            self._keep(iterator, loader)

    def _gave(self, of: Any, batch: object) -> None:
        self._of(of).batches += 1
        if self._watch is not None:
            self._watch.gives(batch)


class _Loader:
    """One DataLoader."""

    __slots__ = ("batches", "code", "epochs", "facts", "number", "references")

    def __init__(self, number: int, code: int) -> None:
        self.number = number
        self.code = code
        self.epochs = 0
        self.batches = 0
        self.facts: dict[str, str | int] = {}
        self.references: dict[int, ref[Any]] = {}

    def describe(self, loader: Any) -> None:
        """Take down what is read from where, and how."""
        self.facts["dataset"] = type(getattr(loader, "dataset", None)).__name__
        for name, fact in (("batch_size", "batch_size"), ("num_workers", "workers")):
            value = getattr(loader, name, None)
            if isinstance(value, int):
                self.facts[fact] = value

    def tell(self, sink: SpanSink | None) -> None:
        """Have the report know of it as of now."""
        if sink is not None:
            sink.tell(self.code, {**self.facts, "epochs": self.epochs, "batches": self.batches})
