"""Waiting for a DataLoader as a stage: `loader`, a second living one `loader#2`.

One that is made anew for each evaluation, as Hugging Face's Trainer makes them and keeps them all, is one loader: it
reads the same dataset in the same way, and nobody iterates over the earlier one any more.
Its workers are started within the stage and stand below it as lanes of their own. What one loader was asked for is
told as facts: epochs (its iteration was begun), batches (it gave) and how many it had given when it began again.
"""

from __future__ import annotations

from time import perf_counter_ns as now_ns
from weakref import ref

from energyprof.model.events import BATCH
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
        self._local: Any = None
        self._watch: FlowWatch | None = None
        self._forget_tensors: Callable[[], None] = lambda: None

    def install(self, sink: SpanSink) -> None:
        """Wrap the beginning of an iteration and each of its steps."""
        if self._sink is not None:
            return
        from torch.utils.data import DataLoader
        from torch.utils.data.dataloader import _BaseDataLoaderIter

        self._sink, self._local = sink, sink.local()
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
        self._sink = self._watch = self._local = None

    def _of(self, asked: Any) -> _Loader:
        """Return what is known of a DataLoader; of an iterator that nobody saw begin, as if it were one."""
        known = self._loaders.get(id(asked))
        return self._learn(asked) if known is None else known

    def _learn(self, asked: Any) -> _Loader:
        way = _way_of_reading(asked)
        for known in self._loaders.values() if way is not None else ():
            if known.way == way and not known.iterators:
                self._keep(asked, known)
                return known
        taken = {loader.number for loader in self._loaders.values()}
        number = next(number for number in range(1, len(taken) + 2) if number not in taken)
        name = "loader" if number == 1 else f"loader#{number}"
        loader = _Loader(number, 0 if self._sink is None else self._sink.stage_code(name, kind="loader"))
        loader.way = way
        self._keep(asked, loader)
        loader.describe(asked)
        return loader

    def _keep(self, asked: Any, loader: _Loader) -> None:
        key = id(asked)

        def died(_reference: object) -> None:
            gone = self._loaders.pop(key, None)
            if gone is not None:
                gone.forget(key)
                gone.tell(self._sink)

        loader.references[key] = ref(asked, died)
        self._loaders[key] = loader

    def _began(self, of: Any, iterator: Any) -> None:
        loader = self._of(of)
        loader.epochs += 1
        if loader.epochs == 2:
            loader.facts["batches_of_first_epoch"] = loader.batches
        loader.tell(self._sink)
        if id(iterator) not in self._loaders:
            self._keep(iterator, loader)
            loader.iterators.add(id(iterator))

    def _gave(self, of: Any, batch: object) -> None:
        self._of(of).batches += 1
        if self._local is not None:
            self._local.ext((BATCH, now_ns()))
        if self._watch is not None:
            self._watch.gives(batch)


class _Loader:
    """One DataLoader, or several, one after the other, that read the same in the same way."""

    __slots__ = ("batches", "code", "epochs", "facts", "iterators", "number", "references", "way")

    def __init__(self, number: int, code: int) -> None:
        self.number = number
        self.code = code
        self.epochs = 0
        self.batches = 0
        self.facts: dict[str, str | int] = {}
        self.references: dict[int, ref[Any]] = {}
        self.iterators: set[int] = set()
        """The ids of those that live."""
        self.way: tuple[object, ...] | None = None

    def forget(self, key: int) -> None:
        """Have one of its DataLoaders or iterators be no more."""
        self.references.pop(key, None)
        self.iterators.discard(key)

    def describe(self, loader: Any) -> None:
        """Take down what is read from where, and how."""
        self.facts["dataset"] = type(getattr(loader, "dataset", None)).__name__
        if _hands_out_tensors(loader):
            self.facts["samples_in_memory"] = 1
        for value, fact in ((_batch_size(loader), "batch_size"), (getattr(loader, "num_workers", None), "workers")):
            if isinstance(value, int):
                self.facts[fact] = value

    def tell(self, sink: SpanSink | None) -> None:
        """Have the report know of it as of now."""
        if sink is not None:
            sink.tell(self.code, {**self.facts, "epochs": self.epochs, "batches": self.batches})


def _batch_size(loader: Any) -> object:
    """Return that of a DataLoader; one that was handed a sampler of batches has none of its own."""
    own = getattr(loader, "batch_size", None)
    return getattr(getattr(loader, "batch_sampler", None), "batch_size", None) if own is None else own


def _way_of_reading(loader: Any) -> tuple[object, ...] | None:
    """Return what two DataLoaders have in common that read one dataset whole in one order; None: who knows.

    A DataLoader keeps its dataset alive, so that an id stands for it as long as it is one of ours. Hugging Face's
    datasets, which drop unused columns by making a new one each time, tell what they hold by a fingerprint.
    """
    from torch.utils.data import RandomSampler, SequentialSampler

    dataset, batches = getattr(loader, "dataset", None), getattr(loader, "batch_sampler", None)
    sampler = getattr(batches, "sampler", None) if batches is not None else getattr(loader, "sampler", None)
    if dataset is None or not isinstance(sampler, (RandomSampler, SequentialSampler)):
        return None
    if sampler.data_source is not dataset:
        return None
    which = getattr(dataset, "_fingerprint", None) or id(dataset)
    return which, type(sampler), len(sampler), _batch_size(loader), getattr(loader, "num_workers", None)


def _hands_out_tensors(loader: Any) -> bool:
    """Return whether its samples lie in memory as tensors, and nothing is done to them but to stack them up."""
    from torch.utils.data import Subset, TensorDataset, default_collate

    dataset: Any = getattr(loader, "dataset", None)
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return type(dataset) is TensorDataset and getattr(loader, "collate_fn", None) is default_collate
