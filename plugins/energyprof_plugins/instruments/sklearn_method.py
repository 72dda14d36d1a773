"""One method of a class of scikit-learn's estimators, recorded where it is called on an object."""

from __future__ import annotations

from functools import wraps
from operator import itemgetter
from types import MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from energyprof_plugins.instruments.sklearn_calls import EstimatorCalls


class RecordedMethod:
    """Stands in a class for the descriptor `original`, and gives what that gives: bound methods, or what it raises.

    A bound method of ours can be compared and pickled as one of the class's own can. Pickled by value, as joblib does
    with the classes of `__main__`, it is the original.
    """

    __slots__ = ("_kept", "_name", "calls", "original")

    def __init__(self, calls: EstimatorCalls, name: str, original: Any) -> None:
        self.calls = calls
        self.original = original
        self._name = name
        self._kept: tuple[Any, Callable[..., Any]] | None = None
        """The function that the original binds, and the one that records it."""

    def __get__(self, of: Any, owner: type | None = None) -> Any:
        given = self.original.__get__(of, owner)
        if type(given) is not MethodType or given.__self__ is not of:
            return given  # asked of the class, or nothing that we know how to bind
        kept, function = self._kept, given.__func__
        if kept is None or kept[0] is not function:
            kept = self._kept = function, _recording(self.calls, self._name, function)
        return MethodType(kept[1], of)

    def __reduce__(self) -> tuple[Any, ...]:
        return itemgetter(0), ((self.original,),)

    @property
    def __isabstractmethod__(self) -> bool:
        """Whether the original is to be written by a subclass."""
        return bool(getattr(self.original, "__isabstractmethod__", False))


def _recording(calls: EstimatorCalls, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def recorded(of: Any, /, *args: Any, **kwargs: Any) -> Any:
        call = calls.begin(of, name)
        try:
            if call is None:
                return function(of, *args, **kwargs)
            call.takes((*args, *kwargs.values()))
            result = function(of, *args, **kwargs)
            call.gives(result)
            return result
        except BaseException as error:
            if error.__traceback__ is not None:
                error.__traceback__ = error.__traceback__.tb_next
            raise
        finally:
            if call is not None:
                call.end()

    return recorded
