"""The backward pass, module by module: where it enters and leaves each is marked on the nodes of autograd's graph.

Autograd runs the nodes that one thread has made in the reverse of the order in which it made them. So a call of a
module, whose nodes were made one after the other, is one stretch of the backward pass, and calls within it are
stretches within. One mark where a module's output was made says that its stretch begins, and those around it if they
have not; one on what it was given says that it is over, unless nothing was made since the last mark: then that is
what the backward pass comes to next.

A mark is a tensor prehook of a node, handed over by a tensor of our own: a tenth of what `register_prehook` costs,
and no tensor of the program's carries a hook. It gets the gradient and does nothing with it: gradients stay what they
are, bit by bit. Full backward hooks would break networks that work in place. Many nodes share one hook, which asks
autograd where it is: a hook for each node takes half as long again to make, and four more objects to be collected.
"""

from __future__ import annotations

import threading
from functools import partial
from itertools import count
from time import perf_counter_ns as now_ns

from energyprof.model.events import BACK
from energyprof_plugins.instruments.torch_opaque import is_being_compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    from energyprof.interfaces import SpanSink

    Call: TypeAlias = "tuple[Call | None, int, int] | tuple[Call | None, int, int, int, int, int]"
    """One call of a module: the call around it, the code of the module's forward stage, how many calls are around; of
    a whole model besides its number, how many nodes its thread had made before, and for how many samples it is."""

LOOKED_AT = 64
"""At most this many parts of what a module was given or has returned are looked at."""
MARKS_TOGETHER = 256
"""So many nodes share a hook, and what it knows of them lives as long as any of them: 0.1 KB each."""
_PLAIN = frozenset({type(None), bool, int, float, str})
_THREAD_SHIFT = 48


_installed: list[TorchBackward] = []


def leave_modules() -> None:
    """Have no module's backward go on in this thread: its innermost backward pass is about to do something else."""
    for one in _installed:
        one.leave_modules()


class Here:
    """What goes on in one thread."""

    __slots__ = ("base", "call", "carrier", "depth", "key", "made", "marks", "open", "place")

    def __init__(self, number: int) -> None:
        self.call: Call | None = None
        """The innermost module being called."""
        self.marks: dict[int, Call | None] = {}
        """Sequence number of a node -> the call that it is the mark of, of those marked lately."""
        self.carrier: Any = None
        """The tensor that hands their hook over."""
        self.made = -1
        """How many nodes had been made by then; as long as there are no more, what is met has its mark."""
        self.place = number << _THREAD_SHIFT
        """Added to sequence numbers, which each thread counts for itself."""
        self.open: list[Call] = []
        """Calls whose backward is going on, outermost first."""
        self.depth = 0
        """How many backward passes are going on, one in another."""
        self.base = 0
        """How many of `open` belong to backward passes around the innermost."""
        self.key = -1
        """What says which node was met last: of several marks of a node the first one counts."""


class _Mine(threading.local):
    def __init__(self, numbers: Callable[[], int]) -> None:
        self.here = Here(numbers())


class TorchBackward:
    """Marks the graph as modules are called, and records what the marks tell while autograd runs."""

    def __init__(self, sink: SpanSink, backward_code: Callable[[int], int]) -> None:
        """`backward_code` gives the code of the backward stage of a module by that of its forward stage."""
        import torch

        self.mine = _Mine(count(1).__next__)
        self.passes: list[int] = []
        """Not empty once a backward pass has been seen."""
        self.after_pass: Callable[[], bool] | None = None
        """Called after a backward pass, as long as it says that it wants to be."""
        self._local: Any = sink.local()
        self._code = sink.stage_code("backward", kind="backward")
        self._backward_code = backward_code
        self._codes: dict[int, int] = {}
        self.forward_codes: dict[int, int] = {}
        """Code of a backward stage -> that of the forward of the same module."""
        self.has_marked = False
        """Whether anything has been called with gradients."""
        self._sink = sink
        self._running: list[Here] = []
        self._elsewhere: list[tuple[Here, Callable[[tuple[int, int]], None]]] = []
        self._is_silent = False
        self._tensor = torch.Tensor
        self.made: Callable[[], int] = getattr(torch._C._autograd, "_get_sequence_nr", count().__next__)
        """How many nodes this thread has made; where torch does not say (before 2.1), another number each time."""
        self._is_watched = getattr(torch._C, "_len_torch_function_stack", lambda: 1)
        self._unwatched = torch._C.DisableTorchFunction
        self._node_reached: Callable[[], Any] | None = getattr(torch._C, "_current_autograd_node", None)
        self._patched: list[tuple[Any, str, Any, Any]] = []

    # --- while modules are called --------------------------------------------------------------------------------

    def arrive(self, here: Here, outer: Call | None, args: tuple[Any, ...], kwargs: dict[str, Any], made: int) -> None:
        """Mark what a module is given: up to there, going back, its backward reaches. `made`: nodes made by now."""
        watched = self._is_watched()
        if len(args) == 1 and not kwargs and type(args[0]) is self._tensor and not watched:
            node = args[0].grad_fn
        else:
            node = self._newest((*args, *kwargs.values()) if kwargs else args, watched)
        if node is not None:
            self._mark(here, node, outer, made)

    def leave(self, here: Here, call: Call, result: Any, made: int) -> None:
        """Mark what a module returns: there its backward begins."""
        watched = self._is_watched()
        if type(result) is self._tensor and not watched:
            node = result.grad_fn
        else:
            node = self._newest(result if type(result) is tuple else (result,), watched)
        if node is not None:
            self._mark(here, node, call, made)

    def _mark(self, here: Here, node: Any, call: Call | None, made: int) -> None:
        here.made = made
        sequence = node._sequence_nr()
        marks = here.marks
        if sequence in marks:  # the first mark of a node is the one that counts
            return
        if here.carrier is None or len(marks) >= MARKS_TOGETHER or self._node_reached is None:
            marks = self._begin_marks(here)
        marks[sequence] = call
        node._register_hook_dict(here.carrier)

    def _begin_marks(self, here: Here) -> dict[int, Call | None]:
        """Have the next nodes share a hook of their own; where autograd does not say where it is, one node."""
        import torch

        self.has_marked = True
        here.marks = {}
        with self._unwatched(), torch.inference_mode(False):
            if here.carrier is None:
                here.carrier = torch.empty(0, device="cpu")
            here.carrier._backward_hooks = {0: partial(self._reached, here.marks, here.place)}
        return here.marks

    def _newest(self, values: tuple[Any, ...], watched: int) -> Any:
        """Return the node that was made last of all that these values hold; None: there is none."""
        newest, latest = None, -1
        for value in values:
            kind = type(value)
            if kind in _PLAIN:
                continue
            if watched or kind is not self._tensor:
                return self._search(values)
            node = value.grad_fn
            if node is not None and node._sequence_nr() > latest:
                newest, latest = node, node._sequence_nr()
        return newest

    def _search(self, values: tuple[Any, ...]) -> Any:
        """Be `_newest` for values of every kind, twenty times slower."""
        try:
            with self._unwatched():  # neither a mode nor a tensor subclass of the program's hears of our question
                nodes = [tensor.grad_fn for tensor in _tensors(values, self._tensor)]
                return max(
                    (node for node in nodes if node is not None), key=lambda node: node._sequence_nr(), default=None
                )
        except Exception:  # a strange result must still be returned
            return None

    # --- while autograd runs -------------------------------------------------------------------------------------

    def _reached(self, marks: dict[int, Call | None], place: int, _gradient: object) -> None:
        """Be in the backward of the call that the node here is the mark of, and of those around it, from now on.

        Runs in the thread that runs the node.
        """
        if self._is_silent:
            return
        if self._node_reached is None:
            sequence = next(iter(marks))
        else:
            node = self._node_reached()
            if node is None:  # it is no autograd that calls
                return
            sequence = node._sequence_nr()
        here = self.mine.here
        key = sequence + place
        if key == here.key or sequence not in marks:
            return
        here.key = key
        if not here.depth and not self._begin_elsewhere(here):
            return
        self._enter(here, marks[sequence])

    def _enter(self, here: Here, call: Call | None) -> None:
        open_ = here.open
        new: list[Call] = []
        kept = here.base
        at = call
        while at is not None:
            level = here.base + at[2]
            if level < len(open_) and open_[level] is at:
                kept = level + 1
                break
            new.append(at)
            at = at[0]
        ext = self._local.ext
        t_ns = now_ns()
        self._close(here, kept, ext, t_ns)
        for one in reversed(new):
            code = self._codes.get(one[1]) or self._learn(one[1])
            ext((code, t_ns))
            if len(one) > 3:
                ext((BACK + one[3], t_ns))
            open_.append(one)

    def _learn(self, code: int) -> int:
        learnt = self._codes[code] = self._backward_code(code)
        self.forward_codes[learnt] = code
        return learnt

    def tell(self, codes: Iterable[int], facts: dict[str, str | int]) -> None:
        """Have the report know `facts` of the backward of the modules with these codes, as far as they have one."""
        for code in codes:
            if code in self._codes:
                self._sink.tell(self._codes[code], facts)

    def _close(self, here: Here, kept: int, ext: Callable[[tuple[int, int]], None], t_ns: int) -> None:
        while len(here.open) > kept:
            ext((-self._codes[here.open.pop()[1]], t_ns))

    def leave_modules(self) -> None:
        """Close the modules open in this thread's innermost backward pass."""
        here = self.mine.here
        here.key = -1
        self._close(here, here.base, self._local.ext, now_ns())

    def _begin_elsewhere(self, here: Here) -> bool:
        """Begin `backward` in a thread of autograd's own, which runs the nodes of a device; False: nobody asked it."""
        if not self._running:
            return False
        ext = self._local.ext
        ext((self._code, now_ns()))
        here.depth = 1
        self._elsewhere.append((here, ext))
        return True

    def _end_elsewhere(self) -> None:
        while self._elsewhere:
            here, ext = self._elsewhere.pop()
            t_ns = now_ns()
            self._close(here, 0, ext, t_ns)
            ext((-self._code, t_ns))
            here.depth, here.key = 0, -1

    # --- autograd's own function ---------------------------------------------------------------------------------

    def install(self) -> None:
        """Have autograd's runs recorded; every way to start one from Python leads through one function of torch's."""
        from torch import autograd

        _installed.append(self)
        graph = getattr(autograd, "graph", None)
        if hasattr(autograd, "_engine_run_backward"):
            recording = self._recording(autograd._engine_run_backward)
            self._patch(autograd, "_engine_run_backward", recording)
            if hasattr(graph, "_engine_run_backward"):
                self._patch(graph, "_engine_run_backward", recording)
        else:  # before torch 2.3
            for name in ("backward", "grad"):
                self._patch(autograd, name, self._recording(getattr(autograd, name)))

    def _patch(self, owner: Any, name: str, recording: Any) -> None:
        self._patched.append((owner, name, getattr(owner, name), recording))
        setattr(owner, name, recording)

    def remove(self) -> None:
        """Put autograd's functions back; marks that are left on graphs do nothing from now on."""
        self._is_silent = True
        if self in _installed:
            _installed.remove(self)
        while self._patched:
            owner, name, original, recording = self._patched.pop()
            if getattr(owner, name) is recording:
                setattr(owner, name, original)

    def _recording(self, original: Callable[..., Any]) -> Callable[..., Any]:
        from functools import wraps

        from torch.compiler import is_dynamo_compiling

        @wraps(original)
        def run(*args: Any, **kwargs: Any) -> Any:
            if self._is_silent or is_dynamo_compiling() or is_being_compiled():
                return original(*args, **kwargs)
            here = self.mine.here
            before = (here.base, here.key, here.call)
            if not here.depth:
                ext, t_ns = self._local.ext, now_ns()
                ext((self._code, t_ns))
                ext((BACK, t_ns))
            here.depth += 1
            here.base, here.key, here.call = len(here.open), -1, None
            self._running.append(here)
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                if error.__traceback__ is not None:
                    error.__traceback__ = error.__traceback__.tb_next
                raise
            finally:
                self._running.remove(here)
                if not self._running:
                    self._end_elsewhere()
                t_ns = now_ns()
                self._close(here, here.base, self._local.ext, t_ns)
                here.base, here.key, here.call = before
                here.depth -= 1
                if not here.depth:
                    self._local.ext((-self._code, t_ns))
                    self._passed()

        return run

    def _passed(self) -> None:
        if not self.passes:
            self.passes.append(1)
        call, self.after_pass = self.after_pass, None
        if call is None:
            return
        try:
            if call():
                self.after_pass = call
        except Exception:  # what it measures must not break the program
            return


def _tensors(values: Iterable[Any], tensor: type) -> list[Any]:
    """Return the tensors in these values: in tuples, lists, dicts and dataclasses, and those in them."""
    found: list[Any] = []
    waiting = [(value, 0) for value in values]
    for value, depth in waiting:  # grows on the way
        if isinstance(value, tensor):
            found.append(value)
        elif depth < 3:
            waiting += [(part, depth + 1) for part in _parts(value)][: max(0, LOOKED_AT - len(waiting))]
    return found


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return dict.values(value)
    if isinstance(value, (tuple, list)):
        return value
    fields = getattr(type(value), "__dataclass_fields__", ())
    return [getattr(value, name, None) for name in fields]
