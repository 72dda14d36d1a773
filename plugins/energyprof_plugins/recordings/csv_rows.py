"""The rows of a CSV file with their line numbers; bad ones are counted, and the first of them named."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from energyprof.errors import InputError

BAD_ROWS_NAMED: Final = 5
_TELL_EVERY: Final = 50_000


class BadRows:
    """What is wrong with a file: how many rows, and the first few in words."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, line: int, fault: str) -> None:
        """Take note of one."""
        self.count += 1
        if len(self.first) < BAD_ROWS_NAMED:
            self.first.append(f"line {line}: {fault}")

    def __str__(self) -> str:
        more = f" and {self.count - len(self.first):,} more" if self.count > len(self.first) else ""
        return "; ".join(self.first) + more

    def refuse(self, path: str, remedy: str, skip_bad: bool) -> str:
        """Return the warning about the rows left out, empty for none; raises InputError unless `skip_bad`."""
        if not self.count:
            return ""
        what = f"{path} has {self.count:,} bad row{'s' if self.count > 1 else ''}: {self}"
        if not skip_bad:
            raise InputError(f"{what}; nothing was imported; {remedy}, or leave the bad rows out with --skip-bad")
        return f"{what}; left out"


def read_rows(
    path: str, progress: Callable[[float], None], how: str, delimiter: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, stripped cells) of rows that are neither empty nor comments; raises InputError."""
    try:
        size = max(os.path.getsize(path), 1)
        with open(path, "rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=delimiter)
            for cells in rows:
                if rows.line_num % _TELL_EVERY == 0:
                    progress(min(raw.tell() / size, 1.0))
                if cells and not cells[0].lstrip().startswith("#") and any(cells):
                    yield rows.line_num, [cell.strip() for cell in cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}); {how}") from error


def places(path: str, line: int, header: Sequence[str], wanted: Sequence[str], how: str) -> list[int]:
    """Return where each wanted column is; raises InputError that names what is missing and what was found."""
    missing = [name for name in wanted if name not in header]
    if missing:
        columns = "column" if len(missing) == 1 else "columns"
        raise InputError(
            f"{path} line {line}: no {columns} {', '.join(missing)} among {', '.join(header) or 'nothing'}; {how}"
        )
    return [header.index(name) for name in wanted]
