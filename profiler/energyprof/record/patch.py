"""Functions and methods of others, wrapped for as long as we record."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any, TypeAlias

    Wrap: TypeAlias = Callable[[Callable[..., Any]], tuple[Any, Callable[[], None]]]
    """Takes the original; returns the wrapper, and what has it do nothing but call the original from then on."""


def take_us_out(error: BaseException) -> None:
    """Take the frame of the wrapper that handles `error` out of its traceback: the next thing is a bare `raise`.

    Python 3.10 puts it back.
    """
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next


def resemble(wrapper: Any, original: Any) -> Any:  # functions of any kind
    """Give the wrapper of a function its looks, as `functools.wraps` does, whose import costs 3 ms; return it."""
    for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
        try:
            setattr(wrapper, attribute, getattr(original, attribute))
        except AttributeError:
            continue
    wrapper.__dict__.update(getattr(original, "__dict__", {}))
    wrapper.__wrapped__ = original
    return wrapper


class Patch:
    """One method of a class, or function of a module, replaced by a wrapper of itself until `undo`."""

    def __init__(self, owner: type | ModuleType, name: str, wrap: Wrap) -> None:
        self._owner = owner
        self._name = name
        self._own = vars(owner).get(name)
        original = getattr(owner, name)
        self._wrapper, self._silence = wrap(original)
        for attribute in ("__doc__", "__module__", "__name__", "__qualname__"):
            setattr(self._wrapper, attribute, getattr(original, attribute, None))
        setattr(owner, name, self._wrapper)

    def undo(self) -> None:
        """Put the original back, or only fall silent where somebody has put something else in its place since."""
        self._silence()
        if vars(self._owner).get(self._name) is not self._wrapper:
            return
        if self._own is None:
            delattr(self._owner, self._name)  # it was inherited
        else:
            setattr(self._owner, self._name, self._own)
