"""Names as they may be shown: nothing in them moves a cursor, changes a colour or turns the direction of writing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

HIDDEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode categories without a glyph of their own: control, format, surrogate, private, unassigned, separators."""
LONGEST: Final = 400
"""No line of any format holds more of a name; both ends are kept, for names that share a prefix differ at the end."""
SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(name: str, *, ascii_only: bool = False) -> str:
    """Return `name` on one line, with a visible escape in place of every character that would not show as itself."""
    if len(name) > LONGEST:
        name = name[: LONGEST // 2] + "\u2026" + name[-LONGEST // 2 :]
    text = "".join(_escape(char) if unicodedata.category(char) in HIDDEN else char for char in name)
    if not text.strip():
        text = f"'{text}'"
    return text.replace("\u2026", "..").encode("ascii", "backslashreplace").decode() if ascii_only else text


def program_name(command: Sequence[str]) -> str:
    """Return what ran, as people call it: the script without its folder and interpreter, then its arguments."""
    parts = [PurePath(part).name if "/" in part else part for part in command[:2]] + list(command[2:])
    if len(parts) > 1 and parts[0].startswith("python"):
        del parts[0]
    return " ".join(parts) or "(no command)"


def _escape(char: str) -> str:
    if char in SHORT_ESCAPES:
        return SHORT_ESCAPES[char]
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
