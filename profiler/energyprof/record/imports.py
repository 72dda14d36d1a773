"""Install instruments when, and only when, the program itself imports their framework."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class ImportWatcher:
    """A finder that finds nothing itself: it lets the finders behind it look, and learns when the module has run.

    Specs, loaders (their types too), errors and tracebacks are what they would be without it, and it leaves
    `sys.meta_path` when nothing is awaited any more.
    """

    def __init__(self, imported: Callable[[str], None]) -> None:
        self._imported = imported
        self._awaited: set[str] = set()

    def watch(self, modules: Sequence[str]) -> None:
        """Call `imported(name)` once for each of these modules: at once, or when its import is complete."""
        self._awaited.update(modules)
        for name in modules:
            if name in sys.builtin_module_names:
                __import__(name)  # costs next to nothing, and its import could not be seen: its loader is a class
            module = sys.modules.get(name)
            if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
                self._arrived(name)
        if self._awaited and self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Await nothing more."""
        self._awaited.clear()
        self._leave()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the finders behind this one find, its loader prepared to tell us; None: go on without us."""
        if name not in self._awaited:
            return None
        finders = list(sys.meta_path)
        behind = finders[finders.index(self) + 1 :] if self in finders else []
        for finder in behind:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                self._prepare(name, spec.loader)
                return spec
        return None

    def _prepare(self, name: str, loader: Any) -> None:  # any loader there is
        """Shadow the loader's own `exec_module` until it is called; a loader that is a class is left alone."""
        execute = getattr(loader, "exec_module", None)
        if execute is None or isinstance(loader, type) or not hasattr(loader, "__dict__"):
            return

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            try:
                execute(module)
            except BaseException as error:
                if error.__traceback__ is not None:
                    error.__traceback__ = error.__traceback__.tb_next
                raise
            self._arrived(name)

        loader.exec_module = exec_module

    def _arrived(self, name: str) -> None:
        if name in self._awaited:
            self._awaited.discard(name)
            self._imported(name)
        if not self._awaited:
            self._leave()

    def _leave(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)


def load_plugin(target: str, file: str) -> Any:  # whatever the plugin's attribute is
    """Return `attr` of "module:attr", from the file if the module cannot be imported: the program may be of another
    environment, where the plugin's package is not installed.
    """
    name, _, attribute = target.partition(":")
    try:
        module = __import__(name, fromlist=[attribute])
    except ImportError:
        if not file:
            raise
        module = _load_file(name, file)
    return getattr(module, attribute)


def _make_importable(name: str, file: str) -> None:
    """Have the packages around a plugin's file found, for what else of them it imports."""
    folder, package = file.rpartition(os.sep)[0], name.rpartition(".")[0]
    while package and os.path.basename(folder) == package.rpartition(".")[2]:
        if package not in sys.modules:
            made = type(sys)(package)
            made.__path__ = [folder]
            sys.modules[package] = made
        folder, package = folder.rpartition(os.sep)[0], package.rpartition(".")[0]


def _load_file(name: str, file: str) -> ModuleType:
    # What `importlib.util` hands on, without the 5 ms of its import.
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import spec_from_file_location

    _make_importable(name, file)
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be loaded as a Python module", name=name, path=file)
    module: ModuleType = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
