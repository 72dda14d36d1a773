"""JSON without the `json` package, whose import would cost the program 10 ms of its start."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    from _json import encode_basestring_ascii as _quoted
except ImportError:  # an interpreter without CPython's accelerator
    from json.encoder import py_encode_basestring_ascii as _quoted


def to_json(value: object) -> bytes:
    """Return None, bool, int, str, lists, tuples and dicts with str keys as ASCII; lone surrogates become escapes."""
    return _text(value).encode("ascii")


def _text(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, (list, tuple)):
        kinds = set(map(type, value))  # long lists of one kind are what is written most
        if kinds == {int}:
            return f"[{','.join(map(int.__repr__, value))}]"
        if kinds == {str}:
            return f"[{','.join(map(_quoted, value))}]"
        return f"[{','.join([_text(item) for item in value])}]"
    if isinstance(value, dict):
        return f"{{{','.join([f'{_quoted(key)}:{_text(item)}' for key, item in value.items()])}}}"
    raise TypeError(f"{type(value).__name__} has no place in a spool")


class _Rules:
    """What CPython's JSON scanner asks of its decoder."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str]

    def __init__(self) -> None:
        self.memo = {}


def from_json(text: str) -> Any:  # whatever the text holds
    """Return the value of a JSON text; raises ValueError."""
    try:
        from _json import make_scanner
    except ImportError:
        from json import loads

        return loads(text)
    try:
        value, _end = make_scanner(_Rules())(text.strip(), 0)  # type: ignore[arg-type]  # any object with these attributes serves
    except StopIteration:
        raise ValueError(f"no JSON: {text[:100]!r}") from None
    return value
