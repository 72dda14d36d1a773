"""What `[tool.energyprof]` of the nearest pyproject.toml says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from energyprof.errors import InputError

FOOTPRINT: Final = ("region", "carbon", "price", "pue")
MEMORY: Final = ("remember", "data")
NAMES: Final = (*FOOTPRINT, *MEMORY)


class ProjectTable(NamedTuple):
    """The table, and the file that has it."""

    path: Path
    values: dict[str, Any]  # TOML


def project_table(folder: Path) -> ProjectTable | None:
    """Return the table of the nearest pyproject.toml that has one, from a folder upwards; None: there is none.

    Raises InputError for a file that cannot be read, and for a name that energyprof does not know.
    """
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if not path.is_file():
            continue
        table = _table(path)
        if table is None:
            continue
        unknown = sorted(set(table) - set(NAMES))
        if unknown:
            raise InputError(f"{path}: [tool.energyprof] has no {unknown[0]!r}; it may have {', '.join(NAMES)}")
        return ProjectTable(path, table)
    return None


def _table(path: Path) -> dict[str, Any] | None:  # TOML
    try:
        text = path.read_text(encoding="utf-8")
        if "energyprof" not in text:
            return None  # the usual one: it need not be understood, and cannot be wrong
        document = _toml(text)
    except (OSError, ValueError) as error:  # what is no UTF-8 or no TOML is a ValueError
        raise InputError(f"{path} cannot be read ({error}); mend it, or run in another folder") from None
    tool = document.get("tool")
    table = tool.get("energyprof") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _toml(text: str) -> dict[str, Any]:  # TOML
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)
