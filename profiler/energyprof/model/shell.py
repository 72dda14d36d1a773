"""A file name as a shell finds it again, in commands that people copy."""

from __future__ import annotations

import shlex


def in_shell(name: str) -> str:
    """Return the word that stands for `name`; what moves the cursor is written as bash, zsh and ksh read `$'...'`."""
    if name.isprintable():
        return shlex.quote(name)
    return "$'" + "".join(_escaped(char) for char in name) + "'"


def _escaped(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if char.isprintable():
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))
