"""Collectives of `torch.distributed` as stages of the kind `communication`: `all_reduce`, `barrier`, `send`, ...

Every collective that Python asks for goes through a method of a process group, and every wait for one through
`Work.wait`, whichever name of torch's the program has imported, and whenever. So the methods are wrapped, not the
functions: the compiler knows those by their identity and puts its own operations in their place, which stays so.

Handing a collective over is its call; the wait for it goes on with that call, so that calls are counted once. The CPU
time at both ends of a wait is noted: a rank that waits for others is not billed for it.
"""

from __future__ import annotations

import threading
from time import perf_counter_ns as now_ns
from time import process_time_ns, thread_time_ns

from energyprof.model.events import RESUME
from energyprof_plugins.instruments.torch_opaque import is_being_compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink
    from energyprof.sink_doors import RankSink

STAGES = {
    "all_gather": (
        "allgather",
        "all_gather_single",
        "_allgather_base",
        "allgather_coalesced",
        "all_gather_single_coalesced",
        "allgather_into_tensor_coalesced",
    ),
    "all_reduce": ("allreduce", "allreduce_coalesced"),
    "all_to_all": ("all_to_all_single", "alltoall_base", "alltoall"),
    "barrier": ("barrier", "monitored_barrier"),
    "broadcast": ("broadcast",),
    "gather": ("gather",),
    "recv": ("recv", "recv_anysource"),
    "reduce": ("reduce",),
    "reduce_scatter": (
        "reduce_scatter",
        "reduce_scatter_single",
        "_reduce_scatter_base",
        "reduce_scatter_single_coalesced",
        "reduce_scatter_tensor_coalesced",
    ),
    "scatter": ("scatter",),
    "send": ("send",),
}
"""Methods of `ProcessGroup` by the stage that they are; what a version of torch lacks is passed by."""
WAITS = {
    0: "broadcast",
    1: "all_reduce",
    2: "all_reduce",
    3: "reduce",
    4: "all_gather",
    5: "all_gather",
    6: "all_gather",
    7: "gather",
    8: "scatter",
    9: "reduce_scatter",
    10: "all_to_all",
    11: "all_to_all",
    12: "send",
    13: "recv",
    14: "recv",
    15: "barrier",
    16: "reduce_scatter",
    18: "all_reduce",
    19: "reduce_scatter",
}
"""The stage by the number that work has in torch's `OpType` (torch/csrc/distributed/c10d/Work.hpp); any other is
`collective`, unless it was handed over last in the same thread."""
NOTED_NS = 100_000
"""The CPU time of a shorter wait makes no difference that anybody could see."""


class Collectives:
    """Wraps what a process group has, and the wait for it, until removed."""

    def __init__(self, sink: SpanSink, met: Callable[[], None]) -> None:
        """`met` is called once, when the first collective begins: by then the process knows its rank."""
        from energyprof.sink_doors import RankSink

        self._sink = sink
        self._local: Any = sink.local()
        self._ranks: RankSink | None = sink if isinstance(sink, RankSink) else None
        self._met: Callable[[], None] | None = met
        self._is_silent = False
        self._mine = threading.local()
        """What this thread has handed over last: the id of the work, and its stage."""
        self._patched: list[tuple[Any, str, Any, Any]] = []

    def install(self) -> None:
        """Wrap the methods."""
        from torch.distributed import ProcessGroup, Work

        for stage, methods in STAGES.items():
            for name in methods:
                if name in vars(ProcessGroup):
                    self._patch(ProcessGroup, name, self._handing_over(name, stage))
        self._patch(Work, "wait", self._waiting())

    def remove(self) -> None:
        """Put the originals back; ours only hand on from now on."""
        self._is_silent = True
        while self._patched:
            owner, name, original, ours = self._patched.pop()
            if vars(owner).get(name) is ours:
                setattr(owner, name, original)

    def code(self, stage: str) -> int:
        """Return the code of a stage of this kind."""
        return self._sink.stage_code(stage, kind="communication")

    def meet(self) -> None:
        """Say that a collective begins."""
        met, self._met = self._met, None
        if met is not None:
            met()

    def is_off(self) -> bool:
        """Return whether nothing is to be recorded now."""
        return self._is_silent or is_being_compiled()

    def begin(self, code: int) -> tuple[int, int, int]:
        """Begin a wait and return the clocks."""
        clocks = now_ns(), thread_time_ns(), process_time_ns()
        self._local.ext((code, clocks[0]))
        return clocks

    def end(self, code: int, began: tuple[int, int, int]) -> None:
        """End it."""
        t_ns = now_ns()
        self._local.ext((-code, t_ns))
        if self._ranks is not None and t_ns - began[0] > NOTED_NS:
            self._ranks.waited(began, (t_ns, thread_time_ns(), process_time_ns()))

    def _patch(self, owner: Any, name: str, wrapping: Callable[[Any], Any]) -> None:
        original = vars(owner)[name]
        ours = wrapping(original)
        self._patched.append((owner, name, original, ours))
        setattr(owner, name, ours)

    def _handing_over(self, name: str, stage: str) -> Callable[[Any], Any]:
        code, mine, ours = self.code(stage), self._mine, self

        def wrapping(original: Any) -> Any:
            def call(self: Any, *args: Any, **kwargs: Any) -> Any:
                if ours.is_off():
                    return original(self, *args, **kwargs)
                ours.meet()
                ext = ours._local.ext
                ext((code, now_ns()))
                try:
                    work = original(self, *args, **kwargs)
                    mine.last = (id(work), code)
                    return work
                except BaseException as error:
                    _take_us_out(error)
                    raise
                finally:
                    ext((-code, now_ns()))

            return _as(name, call, original)

        return wrapping

    def _waiting(self) -> Callable[[Any], Any]:
        codes = {number: self.code(stage) for number, stage in WAITS.items()}
        other, ours = self.code("collective"), self

        def wrapping(original: Any) -> Any:
            def call(self: Any, *args: Any, **kwargs: Any) -> Any:
                if ours.is_off():
                    return original(self, *args, **kwargs)
                code = codes.get(_operation(self)) or ours._handed_over(self) or other
                began = ours.begin(RESUME + code)
                try:
                    return original(self, *args, **kwargs)
                except BaseException as error:
                    _take_us_out(error)
                    raise
                finally:
                    ours.end(code, began)

            return _as("wait", call, original)

        return wrapping

    def _handed_over(self, work: Any) -> int:
        last, code = getattr(self._mine, "last", (0, 0))
        return code if last == id(work) else 0


def _operation(work: Any) -> int:
    try:
        return int(work._get_op_type())
    except (AttributeError, RuntimeError, TypeError):  # work of a backend in Python may not know
        return -1


def _as(name: str, call: Any, original: Any) -> Any:
    """Return `call` looking like the method `name`.

    By that name in the caller's frame C++ knows that a process group written in Python has been asked already, and
    does not ask it again.
    """
    changes: dict[str, Any] = {"co_name": name}
    if hasattr(call.__code__, "co_qualname"):  # Python 3.11 and later
        changes["co_qualname"] = getattr(original, "__qualname__", name)
    call.__code__ = call.__code__.replace(**changes)
    call.__name__, call.__doc__ = name, getattr(original, "__doc__", None)
    return call


def _take_us_out(error: BaseException) -> None:
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
