"""The files that a program consists of: what was named, and the modules of its own that those import.

They are found by reading, never by running: `import` statements are resolved in the program's own folders. What is
imported by a computed name, and what is installed, is not seen.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from energyprof.errors import InputError

MOST_FILES: Final = 2_000
LARGEST_BYTES: Final = 64 << 20
_OURS: Final = frozenset({"energyprof", "energyprof_plugins"})


class Sources:
    """The files found so far, by the name under which the program knows them."""

    def __init__(
        self, roots: Sequence[str], *, most_files: int = MOST_FILES, largest_bytes: int = LARGEST_BYTES
    ) -> None:
        """Look for modules in the folders `roots`, the first of which counts; more files, or bytes, are too much."""
        self._roots = tuple(dict.fromkeys(map(os.path.abspath, roots)))
        self._found: dict[str, bytes] = {}
        self._paths: dict[str, str] = {}
        self._size = 0
        self._most_files, self._largest_bytes = most_files, largest_bytes

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file, by name."""
        for name in sorted(self._found):
            yield name, self._found[name]

    def paths(self) -> list[str]:
        """Return where the files lie, in the order in which they were found."""
        return list(self._paths.values())

    def add_file(self, path: str, name: str) -> None:
        """Add a file and the modules that it imports; raises InputError where it cannot be read, or all is too much."""
        waiting = [(path, name)]
        while waiting:
            file, known_as = waiting.pop()
            if known_as in self._found:
                continue
            content = self._read(file, known_as)
            if file.endswith((".py", ".pyw")) or known_as == name:
                waiting += self._imported(content, _package_of(known_as))

    def add_code(self, code: str) -> None:
        """Add the modules that a line of code imports; itself it is among the arguments."""
        for file, name in self._imported(code.encode("utf-8", "surrogatepass"), ""):
            self.add_file(file, name)

    def add_module(self, module: str) -> bool:
        """Add what `-m` runs; False: it is in none of the program's own folders."""
        found = [*self._files_of(module), *self._files_of(f"{module}.__main__")]
        for file, name in found:
            self.add_file(file, name)
        return bool(found)

    def add_folder(self, folder: str) -> None:
        """Add all Python files of a folder, whatever imports them."""
        for file, name in files_below(folder):
            if name.endswith(".py") and name not in self._found:
                self._read(file, name)

    def _read(self, path: str, name: str) -> bytes:
        """Return the content of a file, which belongs to it from now on."""
        try:
            with open(path, "rb") as stream:
                content = stream.read(self._largest_bytes + 1)
        except OSError as error:
            raise InputError(f"{path}, a part of the program, cannot be read ({error.strerror})") from error
        self._size += len(content)
        if self._size > self._largest_bytes or len(self._found) >= self._most_files:
            raise InputError(f"its sources are more than {self._most_files} files or {self._largest_bytes >> 20} MiB")
        self._found[name], self._paths[name] = content, path
        return content

    def _imported(self, content: bytes, package: str) -> Iterator[tuple[str, str]]:
        """Yield path and name of each module of the program's own that a source imports."""
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return  # no Python of this version: it counts as it is
        for node in ast.walk(tree):
            for module in _named(node, package):
                yield from self._files_of(module)

    def _files_of(self, module: str) -> list[tuple[str, str]]:
        """Return the files of a module and of the packages around it, or nothing if it is not the program's own."""
        parts = module.split(".")
        if not all(part.isidentifier() for part in parts) or parts[0] in _OURS:
            return []
        for root in self._roots:
            found = []
            for depth in range(1, len(parts) + 1):
                stem = "/".join(parts[:depth])
                name = next((name for name in (f"{stem}/__init__.py", f"{stem}.py") if _is_file(root, name)), None)
                found += [(os.path.join(root, name), name)] if name else []
            if found:
                return found
        return []


def _is_file(root: str, name: str) -> bool:
    return os.path.isfile(os.path.join(root, name))


def _package_of(name: str) -> str:
    """Return the dotted name of the package that relative imports of a file start from."""
    return os.path.dirname(name).replace("/", ".")


def _named(node: ast.AST, package: str) -> Iterable[str]:
    """Return the modules that a statement may import; a name of `from x import y` may be a module, too."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        around = package.split(".")[: len(package.split(".")) - node.level + 1] if package else []
        base = ".".join([*around, *([base] if base else [])])
    return [*([base] if base else []), *(f"{base}.{alias.name}" if base else alias.name for alias in node.names)]


def files_below(folder: str) -> Iterator[tuple[str, str]]:
    """Yield path and name of each file below a folder, by name, links to folders not followed; raises InputError."""
    found: list[tuple[str, str]] = []

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read ({error.strerror})") from error

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        for file in files:
            path = os.path.join(place, file)
            found.append((path, os.path.relpath(path, folder).replace(os.sep, "/")))
    yield from sorted(found, key=lambda pair: pair[1])
