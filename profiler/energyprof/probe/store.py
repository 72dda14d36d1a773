"""The probes kept in the user's cache folder, one small JSON file for each domain of each device."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from energyprof.model.domain import Domain
from energyprof.probe.record import Identity, Record, record_json, record_of

FOLDER = "probe"
_LARGEST_BYTES = 1 << 16


class Found(NamedTuple):
    """One file of the store: its record, or why it holds none."""

    path: str
    record: Record | None
    fault: str = ""


def identity_of(source: str, domain: Domain, cpu: str) -> Identity:
    """Return which device a domain is of; `cpu` is the name of the machine's processor.

    A device with a serial of its own is found again under another number: its domain's are left out.
    """
    if not domain.serial:
        return Identity(source, str(domain.id), domain.source, cpu)
    unnumbered = ":".join(word for word in domain.id.split(":") if not word.isdigit())
    return Identity(source, unnumbered, f"{domain.source}, {domain.serial}", cpu)


class ProbeStore:
    """The records below a cache folder; without one (empty) nothing is known and nothing kept. Never raises."""

    def __init__(self, cache_folder: str) -> None:
        self._folder = os.path.join(cache_folder, FOLDER) if cache_folder else ""

    def path_of(self, identity: Identity) -> str:
        """Return where the record of a device is kept, if there is one; empty without a folder."""
        if not self._folder:
            return ""
        key = "\0".join((identity.source, identity.domain, identity.device, identity.cpu))
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{identity.source}-{identity.domain}")[:60]
        return os.path.join(self._folder, f"{readable}-{zlib.crc32(key.encode('utf-8', 'surrogatepass')):08x}.json")

    def find(self, identity: Identity) -> Found:
        """Return what is known of a device; a file that is broken or about another one is said to be so."""
        path = self.path_of(identity)
        if not path or not os.path.exists(path):
            return Found(path, None)
        found = _read(path)
        if found.record is not None and found.record.identity != identity:
            return Found(path, None, "it is about another device")
        return found

    def keep(self, record: Record) -> str:
        """Replace the record of its device in one step; return why that could not be, or nothing."""
        path = self.path_of(record.identity)
        if not path:
            return "there is no cache folder (set XDG_CACHE_HOME to one that can be written)"
        scratch = f"{path}.{os.getpid()}"
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with open(scratch, "w", encoding="ascii") as stream:
                json.dump(record_json(record), stream, indent=1)
                stream.write("\n")
            os.replace(scratch, path)
        except OSError as error:
            return f"{path} cannot be written ({error.strerror})"
        return ""

    def all(self) -> Iterator[Found]:
        """Yield every file of the store, by name."""
        try:
            names = sorted(os.listdir(self._folder)) if self._folder else []
        except OSError:
            return
        for name in names:
            if name.endswith(".json"):
                yield _read(os.path.join(self._folder, name))


class KeptProbes:
    """What a run takes from the store: domains as they were probed, and what there is to say. Any thread may ask."""

    def __init__(self, cache_folder: str, cpu: str) -> None:
        """Look below a cache folder; `cpu` names this machine's processor."""
        self._store = ProbeStore(cache_folder)
        self._cpu = cpu
        self._said: list[str] = []

    def known(self, source: str, domain: Domain) -> Domain:
        """Return the domain of a source with what its probe has found, if there was one."""
        if domain.provenance != "sensor":
            return domain
        found = self._store.find(identity_of(source, domain, self._cpu))
        if found.fault:
            self._said.append(
                f"the probe kept in {found.path} is ignored: {found.fault}; "
                "make it anew with: energyprof doctor --probe"
            )
        if found.record is None:
            return domain
        self._said += [f"{remark} (probe of {found.record.date})" for remark in found.record.remarks]
        return found.record.applied_to(domain)

    def news(self) -> list[str]:
        """Return what there is to say since the last time, one line each."""
        said, self._said = self._said, []
        return said


def _read(path: str) -> Found:
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read(_LARGEST_BYTES)
        return Found(path, record_of(json.loads(text)))
    except OSError as error:
        return Found(path, None, f"it cannot be read ({error.strerror})")
    except (ValueError, RecursionError) as error:
        return Found(path, None, " ".join(str(error).split()))
