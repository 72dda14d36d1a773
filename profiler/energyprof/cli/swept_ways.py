"""What the runs of a sweep are called: the values as they were given, of which a file name can hold but a part.

A file name has neither slashes nor quotes and an end; a way's name may have all of these. So the folder has a list.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from energyprof.model.natural_order import natural_key

LIST: Final = "sweep.json"
SCHEMA: Final = "energyprof-sweep-1"
LONGEST: Final = 120
"""Characters of a file name before its `-run2.eprof`."""
_DIGEST: Final = 10
_UNSAFE: Final = re.compile(r"[^\w.,=+@-]+")
_REPEAT: Final = re.compile(r"-run(\d+)$")

WayKey = tuple[tuple[tuple[tuple[str, int], ...], bool, float, tuple[tuple[str, int], ...]], ...]


def file_name(name: str) -> str:
    """Return the beginning of a way's file names; a name that cannot be one itself is told from others by a digest."""
    safe = _UNSAFE.sub("_", name).lstrip(".-") or "way"
    if safe == name and len(name) <= LONGEST:
        return name
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{safe[: LONGEST - _DIGEST - 1]}-{digest}"


def write_names(folder: Path, names: Mapping[str, str], program: Sequence[str]) -> None:
    """Write down the names of ways by the beginnings of their files, beside those that are there; raises OSError.

    `program` is what they are ways to run, as it was typed.
    """
    known = {**names_in(folder), **names}
    text = json.dumps({"schema": SCHEMA, "program": list(program), "ways": known}, indent=1)
    (folder / LIST).write_text(f"{text}\n", encoding="ascii")


def names_in(folder: Path) -> dict[str, str]:
    """Return the names of ways by the beginnings of their files; nothing where the folder has no list to be read."""
    try:
        content = json.loads((folder / LIST).read_text(encoding="ascii"))
        ways = content["ways"] if content["schema"] == SCHEMA else {}
        return {str(stem): str(name) for stem, name in ways.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def program_in(folder: Path) -> list[str]:
    """Return what the folder has runs of, as it was typed; nothing where its list does not tell."""
    try:
        content = json.loads((folder / LIST).read_text(encoding="ascii"))
        return [str(word) for word in content["program"]] if content["schema"] == SCHEMA else []
    except (OSError, ValueError, LookupError, TypeError):
        return []


def way_of(path: Path, names: Mapping[str, str]) -> str:
    """Return the name of the way that a file is a run of: as it was swept, else as the file tells it."""
    stem = _REPEAT.sub("", path.stem) or path.stem
    return names.get(stem, stem)


def in_order(named: list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Return runs with their ways' names as people count: batch=4 before batch=16, rate=1e-05 before rate=0.001."""
    return sorted(named, key=lambda one: (way_key(one[0]), one[0], natural_key(one[1].name)))


def way_key(name: str) -> WayKey:
    """Return what to sort names of ways by, so that values that are numbers count as numbers."""
    return tuple(map(_part_key, name.split(",")))


def _part_key(part: str) -> tuple[tuple[tuple[str, int], ...], bool, float, tuple[tuple[str, int], ...]]:
    name, _, value = part.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    is_number = math.isfinite(number)
    return natural_key(name), not is_number, number if is_number else 0.0, () if is_number else natural_key(value)
