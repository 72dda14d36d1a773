"""torch layers that can be called again: one recent call of each innermost module is kept with copies of its inputs.

Kept is the 1st, 2nd, 4th, 8th ... call of a module in which no other module was called, with the modes it ran in (grad,
inference, autocast, training). Copies of the inputs take at most KEPT_BYTES together; the modules themselves stay alive
until the end. Nothing is kept while something watches every operation: tracing, graph capture, dispatch modes.

Called again is only what is safe to call: see `torch_repeatable` for the rules and for what is put back afterwards.
"""

from __future__ import annotations

from time import perf_counter_ns as now_ns

from energyprof_plugins.instruments.torch_inputs import Copied, NotKeptError, Unkept, copied, is_watched
from energyprof_plugins.instruments.torch_repeatable import Modes, ModuleTrial, tree_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from energyprof.interfaces import Repeatable

KEPT_BYTES = 256 << 20
"""Of copies of inputs, on all devices together."""


class KeptModule:
    """One call of a module."""

    def __init__(self, code: int, name: str, module: Any, inputs: Copied, modes: Modes) -> None:
        self.code = code
        self.name = name
        self.module = module
        self.inputs = inputs
        self.seen_ns = 0
        self._modes = modes
        self._original: Callable[..., Any] | None = None
        self._trial: ModuleTrial | None = None

    def use(self, original: Callable[..., Any]) -> None:
        """Call the module through `original`, which records nothing."""
        self._original = original

    def why_not(self) -> str:
        """Try it; return why it cannot be repeated, or nothing."""
        assert self._original is not None
        self._trial = ModuleTrial(self.module, self._original, self.inputs, self._modes)
        return self._trial.why_not()

    def call(self, times: int) -> None:
        """Call the module so many times and wait for its device."""
        assert self._original is not None
        original, module = self._original, self.module
        args, kwargs = self.inputs.args, self.inputs.kwargs
        with self._modes.again(module):
            for _ in range(times):
                original(module, *args, **kwargs)
            self.inputs.wait()

    def put_back(self) -> None:
        """Undo what the calls have changed."""
        if self._trial is not None:
            self._trial.put_back()


class KeptModules:
    """The calls kept in this process; a `RepeatSource`."""

    def __init__(self, codes: dict[int, int], name_of: Callable[[int], str], original: Callable[..., Any]) -> None:
        """`codes`: id of each module that has been called -> code of its stage; `name_of` gives the stage's name."""
        self._codes = codes
        self._name_of = name_of
        self._original = original
        self._calls: dict[int, int] = {}
        """id of a module -> how often it was called; 0 or less: nothing more of it is kept."""
        self._kept: dict[int, KeptModule] = {}
        self._unkept: dict[int, Unkept] = {}
        self._bytes = 0
        self._is_over = False
        self._random: list[Callable[[], None]] = []

    def keeping(self, recording: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function to put in place of `Module.__call__`: it keeps some calls, and has `recording` make them.

        What it costs is none of the module's time.
        """
        from torch.compiler import is_compiling

        counts = self._calls
        offer = self._offer

        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807 - the name that tracebacks show
            if is_compiling():
                return self._call_impl(*args, **kwargs)
            count = counts[id(self)] = counts.get(id(self), 0) + 1
            after = None if count & (count - 1) else offer(self, args, kwargs)
            try:
                result = recording(self, *args, **kwargs)
            except BaseException as error:
                if error.__traceback__ is not None:
                    error.__traceback__ = error.__traceback__.tb_next
                raise
            if after is not None:
                after()
            return result

        return __call__

    def _offer(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], None] | None:
        """Copy the inputs of a call about to be made; return what to do after it."""
        if self._is_over or is_watched():
            return None
        if self._has_called_part(module):
            self._forget(module)
            return None
        kept: KeptModule | Unkept
        try:
            inputs = copied(args, kwargs, KEPT_BYTES - self._bytes)
        except NotKeptError as error:
            kept = Unkept(str(error))
        else:
            kept = KeptModule(0, "", module, inputs, Modes.now(module, inputs))
            kept.seen_ns = now_ns()

        def after() -> None:
            if self._has_called_part(module):
                self._forget(module)
            else:
                self._keep(module, kept)

        return after

    def _keep(self, module: Any, kept: KeptModule | Unkept) -> None:
        code = self._codes.get(id(module), 0)
        if not code:
            return  # it is recorded as a part of the module that calls it
        if isinstance(kept, Unkept):
            if code not in self._kept:  # an earlier call will do
                self._unkept[code] = kept
            return
        kept.code, kept.name = code, self._name_of(code)
        before = self._kept.get(code)
        if before is not None:
            self._bytes -= before.inputs.nbytes
        self._bytes += kept.inputs.nbytes
        self._kept[code] = kept
        self._unkept.pop(code, None)

    def _forget(self, module: Any) -> None:
        code = self._codes.get(id(module), 0)
        kept = self._kept.pop(code, None)
        if kept is not None:
            self._bytes -= kept.inputs.nbytes
        self._unkept.pop(code, None)

    def _has_called_part(self, module: Any) -> bool:
        parts = tree_of(module)
        next(parts)
        return any(self._codes.get(id(part)) for part in parts)

    def begin(self) -> tuple[Sequence[Repeatable], Mapping[str, str]]:
        """Return what can be called again, and by name why others cannot."""
        self._is_over = True
        self._save_random()
        inner = [kept for kept in self._kept.values() if self._has_called_part(kept.module)]
        for kept in inner:
            self._forget(kept.module)
        for kept in self._kept.values():
            kept.use(self._original)
        unkept = {self._name_of(code): one.reason for code, one in self._unkept.items()}
        return list(self._kept.values()), unkept

    def end(self) -> None:
        """Put back what the calls have changed, random numbers included, and let go of everything."""
        try:
            for kept in self._kept.values():
                kept.put_back()
        finally:
            while self._random:
                self._random.pop()()
            self._kept.clear()
        self._bytes = 0

    def _save_random(self) -> None:
        import torch

        state = torch.get_rng_state()
        self._random.append(lambda: torch.set_rng_state(state))
        if torch.cuda.is_initialized():
            states = torch.cuda.get_rng_state_all()
            self._random.append(lambda: torch.cuda.set_rng_state_all(states))
