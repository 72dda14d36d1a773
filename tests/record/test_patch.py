"""A method is wrapped for as long as we record, and what others have put there since is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from energyprof.record.patch import Patch


class Base:
    def work(self) -> list[str]:
        """Work."""
        return ["original"]


class Derived(Base):
    pass


def wrap(original: Callable[[Any], list[str]]) -> tuple[Any, Callable[[], None]]:
    marks = ["marked"]
    return (lambda self: [*marks, *original(self)]), marks.clear


def test_the_original_comes_back() -> None:
    original = Base.work

    patch = Patch(Base, "work", wrap)
    during, name, text = Base().work(), Base.work.__qualname__, Base.work.__doc__
    patch.undo()

    assert during == ["marked", "original"]
    assert (name, text) == ("Base.work", "Work.")
    assert Base.work is original


def test_an_inherited_method_is_inherited_again() -> None:
    patch = Patch(Derived, "work", wrap)
    during = Derived().work(), Base().work()
    patch.undo()

    assert during == (["marked", "original"], ["original"])
    assert "work" not in vars(Derived)


def test_a_patch_that_somebody_has_wrapped_falls_silent() -> None:
    class Wrapped(Base):
        pass

    patch = Patch(Wrapped, "work", wrap)
    ours = Wrapped.work
    theirs: Any = lambda self: ["theirs", *ours(self)]  # noqa: E731 - a method made in passing
    Wrapped.work = theirs  # type: ignore[method-assign]
    patch.undo()

    assert Wrapped.work is theirs
    assert Wrapped().work() == ["theirs", "original"]
