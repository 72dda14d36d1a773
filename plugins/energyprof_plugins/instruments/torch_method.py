"""One method of a class of torch's, recorded as a stage until it is put back."""

from __future__ import annotations

import threading
from functools import wraps
from time import perf_counter_ns as now_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof.interfaces import SpanSink


class _Mine(threading.local):
    at: tuple[Any, str] = (None, "")
    """Which object's method this thread is in, and what that is called."""


_mine = _Mine()


def innermost(name: str) -> object:
    """Return the object whose method of this name is the recorded one that this thread is in; None: it is not."""
    at = _mine.at
    return at[0] if at[1] == name else None


class RecordedMethod:
    """Stands in place of `owner.name`; what it calls of itself on the same object, as `super().name` does, is one call.

    `code_of` gives the code of the stage by the object; `returned` is handed the object and what was returned.
    """

    def __init__(
        self,
        sink: SpanSink,
        owner: type,
        name: str,
        code_of: Callable[[Any], int],
        returned: Callable[[Any, Any], None] | None = None,
    ) -> None:
        self._owner = owner
        self._name = name
        self._original = vars(owner)[name]
        self._is_silent = False
        self._method = self._recording(sink.local(), code_of, returned)
        setattr(owner, name, self._method)

    def remove(self) -> None:
        """Put the original back; where somebody has kept or wrapped ours, it only hands calls on from now on."""
        self._is_silent = True
        if vars(self._owner).get(self._name) is self._method:
            setattr(self._owner, self._name, self._original)

    def _recording(
        self, local: Any, code_of: Callable[[Any], int], returned: Callable[[Any, Any], None] | None
    ) -> Callable[..., Any]:
        from torch.compiler import is_compiling

        original = self._original
        name = self._name

        @wraps(original)
        def method(of: Any, *args: Any, **kwargs: Any) -> Any:
            before = _mine.at
            if is_compiling() or self._is_silent or (before[0] is of and before[1] == name):
                return original(of, *args, **kwargs)
            _mine.at = (of, name)
            ext, code = local.ext, code_of(of)
            ext((code, now_ns()))
            try:
                result = original(of, *args, **kwargs)
                if returned is not None:
                    returned(of, result)
                return result
            except BaseException as error:
                if error.__traceback__ is not None:
                    error.__traceback__ = error.__traceback__.tb_next
                raise
            finally:
                ext((-code, now_ns()))
                _mine.at = before

        return method
