"""What the terminal can show: width, colour, characters."""

from __future__ import annotations

import os
import shutil
from typing import TextIO

NARROWEST = 60
WIDEST = 200


def is_terminal(stream: TextIO) -> bool:
    """Return whether people are looking; a closed stream is none."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def width(wanted: int | None = None) -> int:
    """Return the columns to fill, 60 to 200: as wanted, else as wide as the terminal, else 100."""
    columns = wanted or shutil.get_terminal_size((100, 24)).columns
    return max(NARROWEST, min(WIDEST, columns))


def color(choice: str, stream: TextIO) -> bool:
    """Return whether to colour: `always`, `never` or `auto`.

    That is on a terminal, unless TERM is dumb, NO_COLOR is set to something or CLICOLOR to 0.
    """
    if choice != "auto":
        return choice == "always"
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("CLICOLOR") == "0" or os.environ.get("TERM") == "dumb"
    return is_terminal(stream) and not unwanted


def unicode(stream: TextIO) -> bool:
    """Return whether the stream can carry more than ASCII."""
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    return encoding.startswith("utf") and os.environ.get("TERM") != "dumb"


def write(content: str | bytes, stream: TextIO) -> None:
    """Write a whole rendering; bytes go to the buffer, text falls back to escapes where it cannot be encoded."""
    if isinstance(content, bytes):
        stream.flush()
        stream.buffer.write(content)
        stream.buffer.flush()
        return
    encoding = stream.encoding or "ascii"
    stream.write(content.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
