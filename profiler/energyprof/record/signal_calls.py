"""Notice that the program is about to use SIGURG, or would feel that it comes, before it does so.

Functions of the module `signal` are wrapped once the program has imported it: a handler of its own, a wakeup
descriptor (every signal would wake its event loop), `pause` (any signal ends it), waiting for or blocking SIGURG.
"""

from __future__ import annotations

import os
from _signal import SIGURG  # type: ignore[import-not-found]  # as in `quiet_thread`
from _thread import get_native_id

from energyprof.record.patch import resemble, take_us_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

_SETS = {"sigwait": 0, "sigwaitinfo": 0, "sigtimedwait": 0, "pthread_sigmask": 1}
"""Functions that take a set of signals, and as which of their arguments."""


class SignalCalls:
    """The wraps of one module."""

    def __init__(self, step_aside: Callable[[], None]) -> None:
        self._step_aside = step_aside
        self._module: ModuleType | None = None
        self._wraps: dict[str, tuple[Any, Any]] = {}
        self._is_silent = False

    def install(self, module: ModuleType) -> None:
        """Wrap the functions of `signal`."""
        self._module = module
        for name in ("signal", "set_wakeup_fd", "pause", *_SETS):
            original = getattr(module, name, None)
            if original is not None:
                wrap = self._wrapped(name, original)
                self._wraps[name] = (original, wrap)
                setattr(module, name, wrap)

    def remove(self) -> None:
        """Put the originals back, where nobody has wrapped them since; fall silent in any case."""
        self._is_silent = True
        while self._wraps:
            name, (original, wrap) = self._wraps.popitem()
            if getattr(self._module, name, None) is wrap:
                setattr(self._module, name, original)

    def _wrapped(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            # Samples come to the main thread: what others wait for or block is their own.
            if not self._is_silent and get_native_id() == os.getpid() and _concerns_us(name, args):
                self._step_aside()
            try:
                return original(*args, **kwargs)
            except BaseException as error:
                take_us_out(error)
                raise

        wrap: Callable[..., Any] = resemble(call, original)
        return wrap


def _concerns_us(name: str, args: tuple[Any, ...]) -> bool:
    if name == "signal":
        return bool(args[:1] == (SIGURG,))
    if name == "set_wakeup_fd":
        return bool(args[:1] != (-1,))
    if name == "pause":
        return True
    signals = args[_SETS[name]] if len(args) > _SETS[name] else ()
    # Anything else may be read only once, and is the function's own.
    return not isinstance(signals, (set, frozenset, list, tuple, range)) or SIGURG in signals
