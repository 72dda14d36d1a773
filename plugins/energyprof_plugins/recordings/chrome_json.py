"""Read a JSON trace piece by piece: the events in batches, what stands beside them in a dictionary.

A trace of a million events takes gigabytes as Python objects, so never more than one piece of it is held. Both forms of
the Trace Event Format are read: `{"traceEvents": [...], ...}` and the bare `[...]`, whose closing bracket may be
missing, as may the end of a file whose writer was killed.
"""

from __future__ import annotations

import codecs
import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from energyprof.errors import InputError

EVENTS: Final = "traceEvents"
PIECE_BYTES: Final = 1 << 20
GZIP_MAGIC: Final = b"\x1f\x8b"
_BLANK = re.compile(r"[ \t\r\n]*")
_COMMA = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")
_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(strict=False).scan_once  # type: ignore[attr-defined] # documented in json.scanner only
Event = dict[str, Any]


class ChromeJson:
    """One trace file, read once from its start to its end."""

    def __init__(self, path: str, progress: Callable[[float], None]) -> None:
        self.path = path
        self.beside: dict[str, Any] = {}
        """What stands beside the events; complete once they have been read."""
        self.is_cut_off = False
        """The file ends in the middle of its events."""
        self._progress = progress
        self._text = ""
        self._at = 0
        self._has_ended = False

    def batches(self) -> Iterator[list[Event]]:
        """Yield the events in the order of the file; raises InputError where it is no trace."""
        try:
            with open(self.path, "rb") as raw:
                magic = raw.read(2)
                raw.seek(0)
                size = max(os.fstat(raw.fileno()).st_size, 1)
                file: BinaryIO = gzip.GzipFile(fileobj=raw) if magic == GZIP_MAGIC else raw  # type: ignore[assignment] # it reads like one
                self._file, self._raw, self._size = file, raw, size
                self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
                yield from self._read()
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror or error}); check the path") from error

    def _read(self) -> Iterator[list[Event]]:
        opening = self._next_sign()
        if opening == "[":
            self._at += 1
            yield from self._events()
            return
        if opening != "{":
            raise self._no_trace(f"it begins with {opening!r}" if opening else "it is empty")
        self._at += 1
        found = False
        while self._next_sign() not in {"}", ""}:
            key = self._value()
            if self._next_sign() != ":" or not isinstance(key, str):
                raise self._no_trace("it is no JSON")
            self._at += 1
            if key == EVENTS and self._next_sign() == "[":
                found = True
                self._at += 1
                yield from self._events()
            else:
                self.beside[key] = self._value()
            if self._next_sign() == ",":
                self._at += 1
        if not found:
            held = ", ".join(sorted(self.beside)[:5]) or "nothing"
            raise self._no_trace(f'it has no "{EVENTS}" but {held}')

    def _events(self) -> Iterator[list[Event]]:
        scan, comma = _SCAN, _COMMA.match
        batch: list[Event] = []
        while True:
            text = self._text
            at = comma(text, self._at).end()  # type: ignore[union-attr] # it matches the empty text, too
            self._at = at
            try:
                while text[at] != "]":
                    event, at = scan(text, at)
                    if type(event) is dict:
                        batch.append(event)
                    at = comma(text, at).end()  # type: ignore[union-attr] # it matches the empty text, too
                    self._at = at
            except (StopIteration, json.JSONDecodeError, IndexError) as fault:
                yield batch
                batch = []
                if self._more():
                    continue
                rest = self._text[self._at :]
                if rest.strip() and not self._is_short(fault):
                    raise self._no_trace(f"an event cannot be read at {rest[:40]!r}") from None
                self.is_cut_off = True
                return
            self._at = at + 1
            yield batch
            return

    def _is_short(self, fault: Exception) -> bool:
        """Return whether an event that cannot be read is one that the file's end has cut off."""
        where = getattr(fault, "pos", getattr(fault, "value", None))
        rest = self._text[self._at :]
        return rest.startswith("{") and (where is None or not rest.rstrip().endswith("}") or '"' not in rest)

    def _value(self) -> Any:  # JSON is whatever it is
        """Return the next value, however long it is."""
        self._next_sign()
        while True:
            try:
                value, end = _SCAN(self._text, self._at)
            except (StopIteration, json.JSONDecodeError):
                if self._more(len(self._text) - self._at):
                    continue
                raise self._no_trace("it is no JSON, or was cut off") from None
            if end == len(self._text) and self._more():
                continue  # a number may go on
            self._at = end
            return value

    def _next_sign(self) -> str:
        """Return the next character that is no blank, not yet taken; empty: the file has ended."""
        while True:
            self._at = _BLANK.match(self._text, self._at).end()  # type: ignore[union-attr] # it matches the empty text, too
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self, at_least: int = 0) -> bool:
        """Read a further piece; return whether there was one."""
        if self._has_ended:
            return False
        try:
            piece = self._file.read(max(PIECE_BYTES, at_least))
        except EOFError:  # the gzip stream was cut off
            piece = b""
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{self.path} is a damaged gzip file ({error}); copy it again") from error
        self._has_ended = not piece
        self._text = self._text[self._at :] + self._decoder.decode(piece, final=self._has_ended)
        self._at = 0
        self._progress(min(self._raw.tell() / self._size, 1.0))
        return not self._has_ended

    def _no_trace(self, fact: str) -> InputError:
        return InputError(
            f"{self.path} is no trace of torch.profiler, viztracer or Chrome: {fact}; hand over what "
            "export_chrome_trace() or `viztracer -o trace.json` has written"
        )
