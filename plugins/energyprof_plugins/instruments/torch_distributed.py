"""Distributed training: which rank this process is, its collectives, and where DDP waits for the other ranks.

DDP reduces gradients in C++ while the backward pass goes on, and waits for that in a callback at its end. So one
callback of ours is queued at the beginning of the pass, which is called right before DDP's, and that queues another,
which is called right after it: what lies between is `all_reduce` below `backward`. No hook for communication is
registered, for a program may have one of its own and DDP takes one only, and gradients stay what they are.
"""

from __future__ import annotations

from energyprof_plugins.instruments.torch_backward import leave_modules
from energyprof_plugins.instruments.torch_collectives import Collectives

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink

LOOKED_AT = 64
"""At most this many parts of what a model returns are searched for a tensor."""


class TorchDistributed:
    """Records collectives and DDP's waits until removed; where torch was built without them it does nothing."""

    name = "torch_distributed"
    framework = "torch"

    def __init__(self) -> None:
        self._sink: SpanSink | None = None
        self._collectives: Collectives | None = None
        self._patched: list[tuple[Any, str, Any, Any]] = []

    def install(self, sink: SpanSink) -> None:
        """Wrap what talks to other ranks."""
        import torch.distributed

        if self._sink is not None or not torch.distributed.is_available():
            return
        from torch.nn.parallel import DistributedDataParallel, distributed

        self._sink = sink
        self._collectives = Collectives(sink, self._met)
        self._collectives.install()
        self._patch(DistributedDataParallel, "_post_forward", self._marking)
        self._patch(DistributedDataParallel, "_sync_buffers", self._as_broadcast)
        for name in ("_verify_param_shape_across_processes", "_sync_module_states"):
            self._patch(distributed, name, self._as_broadcast)

    def remove(self) -> None:
        """Put everything back; what is left on graphs does nothing from now on."""
        self._sink = None
        while self._patched:
            owner, name, original, ours = self._patched.pop()
            if vars(owner).get(name) is ours:
                setattr(owner, name, original)
        if self._collectives is not None:
            self._collectives.remove()

    def _patch(self, owner: Any, name: str, wrapping: Callable[[Any, Collectives], Any]) -> None:
        from functools import wraps

        original = vars(owner).get(name)
        if original is not None and self._collectives is not None:  # another version of torch may lack it
            ours = wraps(original)(wrapping(original, self._collectives))
            self._patched.append((owner, name, original, ours))
            setattr(owner, name, ours)

    def _met(self) -> None:
        """Tell which rank this process is, now that it talks to others."""
        import os

        from energyprof.sink_doors import RankSink

        if isinstance(self._sink, RankSink):
            from torch.distributed import get_rank, get_world_size, is_initialized

            if is_initialized():
                local = os.environ.get("LOCAL_RANK", "")
                self._sink.tell_rank(get_rank(), get_world_size(), int(local) if local.isdecimal() else None)

    @staticmethod
    def _as_broadcast(original: Any, collectives: Collectives) -> Any:
        """Return `original`, in which DDP brings the ranks to the same state, as a stage."""
        code = collectives.code("broadcast")

        def call(*args: Any, **kwargs: Any) -> Any:
            if collectives.is_off():
                return original(*args, **kwargs)
            collectives.meet()
            began = collectives.begin(code)
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                if error.__traceback__ is not None:
                    error.__traceback__ = error.__traceback__.tb_next
                raise
            finally:
                collectives.end(code, began)

        return call

    @staticmethod
    def _marking(original: Any, collectives: Collectives) -> Any:
        """Return DDP's last step of a forward pass; the backward pass of what it returns will show its wait."""
        import torch

        code = collectives.code("all_reduce")
        queue: Callable[[Callable[[], None]], None] = torch.autograd.Variable._execution_engine.queue_callback

        def begin() -> None:
            if not collectives.is_off():
                leave_modules()
                began = collectives.begin(code)
                queue(lambda: collectives.end(code, began))

        def once(queued: Callable[[], None]) -> Callable[[object], None]:
            waiting = [queued]

            def reached(_gradients: object) -> None:
                if waiting and not collectives.is_off():  # a graph that is kept and run again does not wait again
                    queue(waiting.pop())

            return reached

        def call(of: Any, output: Any) -> Any:
            result = original(of, output)
            if torch.is_grad_enabled() and of.require_backward_grad_sync and not collectives.is_off():
                node = _node_of(result, torch.Tensor)
                if node is not None:
                    node.register_prehook(once(begin))
            return result

        return call


def _node_of(result: Any, tensor: type) -> Any:
    """Return a node of the graph of what a model returned, the one made last; None: there is none."""
    waiting, newest = [result], None
    for value in waiting:  # grows on the way
        if isinstance(value, tensor):
            node = getattr(value, "grad_fn", None)
            if node is not None and (newest is None or node._sequence_nr() > newest._sequence_nr()):
                newest = node
            continue
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
        fields = getattr(type(value), "__dataclass_fields__", ())
        waiting += [*parts, *(getattr(value, name, None) for name in fields)][: max(0, LOOKED_AT - len(waiting))]
    return newest
