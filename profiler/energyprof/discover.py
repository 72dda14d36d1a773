"""Find plugins by their entry points, with errors that name the plugin, its group and the remedy.

Reading the installed distributions' metadata costs 60 ms, as much as a profiled program may start later. The index is
therefore kept in the user's cache folder and is valid as long as no folder on `sys.path` has changed; where the cache
cannot be read or written the index is made afresh each time.
"""

from __future__ import annotations

import os
import sys
from collections import namedtuple

from energyprof.errors import PluginError
from energyprof.model.json_text import from_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

POWER_SOURCES = "energyprof.power_sources"
INSTRUMENTS = "energyprof.instruments"
EXPORTERS = "energyprof.exporters"
FINDINGS = "energyprof.findings"
SPAN_IMPORTERS = "energyprof.span_importers"
POWER_IMPORTERS = "energyprof.power_importers"
GROUPS = (POWER_SOURCES, INSTRUMENTS, EXPORTERS, FINDINGS, SPAN_IMPORTERS, POWER_IMPORTERS)
_CACHE_VERSION = 5


# Importing typing for its NamedTuple would delay the program's start by 6 ms.
class PluginSpec(namedtuple("PluginSpec", "group name value distribution file framework", defaults=("",))):  # noqa: PYI024
    """One entry point, not yet imported."""

    group: str
    name: str
    value: str
    """`module:attribute`."""
    distribution: str
    file: str
    """Source file of the module, so that another Python environment can load it; empty where there is none."""
    framework: str
    """Of an instrument that can be loaded: the module whose import activates it."""

    def load(self) -> Any:  # which door it fits is the caller's knowledge; the contract tests check it
        """Import the plugin and return it; raises PluginError with the remedy."""
        module_name, _, attribute = self.value.partition(":")
        try:
            module = __import__(module_name, fromlist=["_"])
            return getattr(module, attribute)
        except Exception as error:  # a plugin may fail in any way at import
            raise PluginError(
                f"plugin {self.name!r} of {self.group} (from {self.distribution}) cannot be imported: "
                f"{type(error).__name__}: {error}; reinstall or remove {self.distribution}"
            ) from error


def plugins(group: str) -> tuple[PluginSpec, ...]:
    """Return the plugins of one group, sorted by name."""
    return tuple(spec for spec in _index() if spec.group == group)


def find(group: str, name: str) -> PluginSpec:
    """Return the plugin of that name; raises PluginError naming the installed ones."""
    known = plugins(group)
    matches = [spec for spec in known if spec.name == name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        owners = " and ".join(spec.distribution for spec in matches)
        raise PluginError(f"plugin {name!r} of {group} is provided by {owners}; uninstall one of them")
    installed = ", ".join(spec.name for spec in known) or "none; reinstall energyprof"
    raise PluginError(f"no plugin {name!r} in {group}; installed: {installed}")


def instrument_specs() -> tuple[tuple[str, str, str, str], ...]:
    """Return (name, framework, "module:attribute", source file) of every instrument that can be loaded."""
    return tuple((spec.name, spec.framework, spec.value, spec.file) for spec in plugins(INSTRUMENTS) if spec.framework)


def _index() -> tuple[PluginSpec, ...]:
    places = _places()
    key = _key(places)
    # A file for each environment: two that take turns would otherwise throw each other's index away every time.
    subject = "\0".join([sys.executable, *places])
    stored = remembered("plugins", subject, key)
    try:
        return tuple(PluginSpec(*row) for row in stored)
    except TypeError:
        pass  # absent or damaged: made afresh below
    found = _scan(places)
    remember("plugins", subject, key, found)
    return found


def remembered(kind: str, subject: str, key: list[Any]) -> Any:  # JSON, to be doubted
    """Return what `remember` was told of the subject under the same key; None where that is absent or damaged."""
    file = _kept_in(kind, subject)
    try:
        with open(file, encoding="utf-8") as stream:
            stored = from_json(stream.read())
        return stored["value"] if stored["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(kind: str, subject: str, key: list[Any], value: object) -> None:
    """Keep a value in the user's cache folder; where there can be none it is forgotten."""
    file = _kept_in(kind, subject)
    if file:
        _write(file, {"key": key, "value": value})


def _kept_in(kind: str, subject: str) -> str:
    path = cache_folder()
    return os.path.join(path, f"{kind}-{_digest(subject):08x}.json") if path else ""


def _digest(text: str) -> int:
    """Return 32 bits of the text (FNV-1a); a library's checksum would cost an import."""
    digest = 0x811C9DC5
    for byte in text.encode("utf-8", "surrogatepass"):
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest


def _places() -> list[str]:
    """Return sys.path without the current folder, which `python -m` and `-c` put first: recordings change it daily."""
    first, *others = sys.path or [""]
    here = first in {"", os.curdir} or (first not in others and first == _current_folder())
    return others if here else [first, *others]


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""  # it has been deleted


def _key(places: list[str]) -> list[Any]:
    """What the index depends on: this interpreter and the time of change of every folder it finds packages in."""
    folders = []
    for place in places:
        try:
            folders.append([place, os.stat(place).st_mtime_ns])
        except OSError:
            continue
    return [_CACHE_VERSION, sys.executable, folders]


def _scan(places: list[str]) -> tuple[PluginSpec, ...]:
    from importlib import metadata

    found: dict[tuple[str, str, str], PluginSpec] = {}
    for distribution in metadata.distributions(path=places):
        owner = distribution.metadata["Name"] or "unknown"
        for entry in distribution.entry_points:
            if entry.group in GROUPS:
                # The first distribution of a name on sys.path is the one that imports; the same one may be seen twice.
                spec = PluginSpec(entry.group, entry.name, entry.value, owner, _source_file(entry.module))
                found.setdefault((entry.group, entry.name, owner), spec)
    for key, spec in found.items():
        if spec.group == INSTRUMENTS:
            found[key] = spec._replace(framework=_framework(spec))
    return tuple(sorted(found.values()))


def _framework(spec: PluginSpec) -> str:
    """Ask the plugin itself, once: the answer is kept with the index, for a run has no time to import instruments."""
    try:
        return str(spec.load().framework)
    except (PluginError, AttributeError):
        return ""  # its package is broken; the contract tests and `doctor` are where that is said


def _source_file(module: str) -> str:
    from importlib.util import find_spec

    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return ""  # said with its reason when the plugin is loaded
    return spec.origin or "" if spec else ""


def cache_folder() -> str:
    """Return the folder for what energyprof may forget, created if need be; empty if there can be none."""
    path = _own_folder("XDG_CACHE_HOME", ".cache")
    if not path:
        return ""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError:
        return ""
    return path


def state_folder() -> str:
    """Return the folder for what is kept until the user forgets it, there or not; empty without a home."""
    return _own_folder("XDG_STATE_HOME", os.path.join(".local", "state"))


def _own_folder(variable: str, below_home: str) -> str:
    """Return our folder in one of those of the XDG Base Directory Specification 0.8."""
    base = os.environ.get(variable, "")
    if not os.path.isabs(base):
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            return ""
        base = os.path.join(home, below_home)
    return os.path.join(base, "energyprof")


def _write(file: str, value: object) -> None:
    """Replace the file in one step, so that two runs at once never see half of it."""
    scratch = f"{file}.{os.getpid()}"
    try:
        with open(scratch, "wb") as stream:
            stream.write(to_json(value))
        os.replace(scratch, file)
    except OSError:
        try:
            os.unlink(scratch)
        except OSError:
            return
