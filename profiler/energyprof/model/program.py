"""Which version of a program a run was of: digests of its own files, and the commit that they are checked out from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Scope = Literal["imports", "loaded", "script"]
"""Which files: the script and all of its own that it imports, as found by reading; those that it had loaded when a
profile began inside it; or the script alone, where there were too many."""
DIGEST_DIGITS: Final = 16
"""Of a file's SHA-256, hexadecimal: two of 2,000 files look alike by chance once in ten thousand billion programs."""


@dataclass(frozen=True, slots=True)
class ProgramFacts:
    """What a program consisted of when it was started."""

    files: tuple[tuple[str, str], ...]
    """Name and digest of each, by name; the name is empty for the script itself, else as the program imports it."""
    scope: Scope
    commit: str = ""
    """Of the checkout that the script lies in; empty: in none, or not known."""
    is_committed: bool | None = None
    """Whether all of the files were as that commit has them; None: not known."""

    def changed_files(self, after: ProgramFacts) -> tuple[str, ...]:
        """Return the names of files that are other ones, new or gone there.

        Where the two know their files in different ways only those count that both name.
        """
        old, new = dict(self.files), dict(after.files)
        names = old.keys() | new.keys() if self.scope == after.scope else old.keys() & new.keys()
        return tuple(sorted(name for name in names if old.get(name) != new.get(name)))
