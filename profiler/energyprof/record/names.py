"""The names of stages and their codes: interned once, bounded, published by one atomic step."""

from __future__ import annotations

from itertools import count

from energyprof.model.events import NAME_LIMIT, OTHER_STAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Key: TypeAlias = tuple[str, str, bool, tuple[str, ...]]
    """name, kind, is_module, after"""

NAME_LENGTH_LIMIT = 1_000
"""Characters kept of a name; a longer one ends in a digest of the whole, so that two of them stay two."""
UNNAMED = "<unnamed>"


class Name:
    """What a stage code stands for. Never changed once it is in the registry, but for `facts` being replaced."""

    __slots__ = ("after", "code", "facts", "file", "is_module", "kind", "line", "name")

    def __init__(self, code: int, key: Key, file: str | None = None, line: int | None = None) -> None:
        self.code = code
        self.name, self.kind, self.is_module, self.after = key
        self.file = file
        self.line = line
        self.facts: dict[str, str | int] | None = None
        """What is known of it besides; the dictionary itself is never changed."""

    def row(self) -> dict[str, object]:
        """Return its entry in a NAMES frame."""
        row: dict[str, object] = {"code": self.code, "name": self.name, "kind": self.kind}
        if self.file is not None:
            row["file"] = self.file
        if self.line is not None:
            row["line"] = self.line
        if self.after:
            row["after"] = list(self.after)
        if self.is_module:
            row["module"] = True
        if self.facts:
            row["facts"] = self.facts
        return row


class Names:
    """All names of this process. Takes no lock: a signal handler or a finalizer may enter it at any point."""

    def __init__(self, limit: int = NAME_LIMIT) -> None:
        self._limit = limit
        self._codes = count(1)
        other: Key = (OTHER_STAGE, "stage", False, ())
        self._other = Name(next(self._codes), other)
        self._known: dict[Key, Name] = {other: self._other}
        self._by_code: dict[int, Name] = {}
        self._told: list[Name] = []

    def intern(  # noqa: PLR0913 - the fields of a name, by keyword
        self,
        name: str,
        *,
        kind: str = "stage",
        is_module: bool = False,
        after: tuple[str, ...] = (),
        file: str | None = None,
        line: int | None = None,
    ) -> Name:
        """Return the one Name of (name, kind, is_module, after); beyond the limit, that of `OTHER_STAGE`."""
        key: Key = (shortened(name), kind, is_module, after)
        known = self._known.get(key)
        if known is not None:
            return known
        if len(self._known) > self._limit:
            return self._other
        # One C call both decides who was first and makes the name known to the flusher, before any event can bear it.
        new = self._known.setdefault(key, Name(next(self._codes), key, file, line))
        self._by_code[new.code] = new
        return new

    def since(self, position: int) -> list[Name]:
        """Return the names interned from `position` on, in their order."""
        return list(self._known.values())[position:]

    def tell(self, code: int, facts: dict[str, str | int]) -> None:
        """Have `facts` about a stage announced, in addition to earlier ones; those about `OTHER_STAGE` are left out."""
        if code == self._other.code:
            return
        if not all(isinstance(value, (str, int)) for value in facts.values()):
            raise TypeError(f"facts are texts and whole numbers, not {facts}")
        name = self._by_code[code]
        name.facts = {**(name.facts or {}), **facts}
        self._told.append(name)

    def take_told(self) -> list[Name]:
        """Return the names with new facts since the last call."""
        told = self._told[:]
        del self._told[: len(told)]
        return list(dict.fromkeys(told))

    def __len__(self) -> int:
        return len(self._known)


def shortened(name: str) -> str:
    """Return a plain `str` of at most NAME_LENGTH_LIMIT characters, never empty; distinct names stay distinct."""
    name = str.__str__(name)
    if len(name) <= NAME_LENGTH_LIMIT:
        return name or UNNAMED
    from hashlib import sha256  # rarely needed, and not cheap to import

    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{name[: NAME_LENGTH_LIMIT - len(digest) - 1]}#{digest}"


NAMES = Names()
"""The names of this process, whether it is recorded or not: a stage object outlives the start of a recorder."""
