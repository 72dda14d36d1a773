"""A real program run with the recorder inside, and its spools read back."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from energyprof.model import spool as spool_format
from energyprof.model.events import (
    BACK,
    BATCH,
    CALL,
    GIVE,
    LANE,
    PASS,
    RESUME,
    SAMPLES,
    SIZE,
    SPAWN,
    TAKE,
    WORK,
    WORK_LIMIT,
    WORK_UNITS,
)

PACKAGE = Path(spool_format.__file__).parent.parent


@dataclass
class Spool:
    """What one process recorded."""

    head: dict[str, Any] = field(default_factory=dict)
    names: dict[int, dict[str, Any]] = field(default_factory=dict)
    lanes: dict[int, dict[str, Any]] = field(default_factory=dict)
    events: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    cpu: list[tuple[int, ...]] = field(default_factory=list)
    """t_ns, tid, CPU time of the thread and of the process."""
    facts: dict[str, Any] = field(default_factory=dict)
    cures: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    dropped: int = 0
    segments: int = 0
    is_ended: bool = False
    torn_bytes: int = 0

    def told(self, lane: int | None = None) -> list[str]:
        """Return one lane's events (else the only one): `+name`, `~name`, `-name`, `spawn N`, `run N`, `N samples`."""
        if lane is None:
            assert len(self.events) <= 1, f"events on lanes {sorted(self.events)}"
            lane = next(iter(self.events), 0)
        return [self._word(code) for code, _ in self.events.get(lane, ())]

    def _word(self, code: int) -> str:
        if code >= GIVE:
            kinds = (
                (BATCH, "gives a batch"),
                (SAMPLES, "samples"),
                (BACK, "goes back to"),
                (CALL, "records gradients"),
                (SIZE, "bytes"),
                (PASS, "hands on"),
                (TAKE, "takes"),
                (GIVE, "gives"),
            )
            least, word = next(kind for kind in kinds if code >= kind[0])
            return f"{code - least} {word}" if least in {SIZE, SAMPLES} else word
        if code >= WORK:
            unit, count = divmod(code - WORK, WORK_LIMIT)
            return f"{count} {WORK_UNITS[unit]}"
        if code >= SPAWN:
            return f"spawn {code - SPAWN}"
        if code >= LANE:
            return f"run {code - LANE}"
        if code >= RESUME:
            return "~" + str(self.names[code - RESUME]["name"])
        return ("+" if code > 0 else "-") + str(self.names[abs(code)]["name"])

    def named(self, name: str) -> dict[str, Any]:
        """Return the NAMES row of a name."""
        return next(row for row in self.names.values() if row["name"] == name)


@dataclass
class Recorded:
    """How a program ended and what it recorded."""

    returncode: int
    stdout: str
    stderr: str
    spools: list[Spool]
    log: str

    @property
    def spool(self) -> Spool:
        """Return the only spool."""
        assert len(self.spools) == 1, [spool.head for spool in self.spools]
        return self.spools[0]

    def child_of(self, parent: Spool) -> Spool:
        """Return the only spool that names `parent` as its parent."""
        (child,) = (spool for spool in self.spools if spool.head.get("parent_spool") == parent.head["spool"])
        return child


def read_spools(run_dir: Path) -> list[Spool]:
    """Return every process's spool, the earliest first."""
    spools: dict[str, Spool] = {}
    for path in sorted((run_dir / "spool").glob("*.spool")):
        data = path.read_bytes()
        offset = 0
        one = Spool(head={})  # of a process that was killed before its head was written
        for frame, after in spool_format.read_frames(data):
            offset = after
            if frame.kind == spool_format.HEAD:
                head = frame.json()
                one = spools.setdefault(head["spool"], Spool(head=head))
                one.segments += 1
            _take(one, frame)
        one.torn_bytes += len(data) - offset
    return sorted(spools.values(), key=lambda spool: spool.head["monotonic_ns"])


def _take(spool: Spool, frame: spool_format.Frame) -> None:
    if frame.kind == spool_format.NAMES:
        spool.names.update({row["code"]: row for row in frame.json()})
    elif frame.kind == spool_format.LANES:
        for row in frame.json():
            for lane, name in zip(row.get("lanes", ()), row.get("names", ()), strict=True):
                spool.lanes[lane] = {"lane": lane, "tid": 0, "kind": row["kind"], "name": name}
            if "lane" in row:
                spool.lanes[row["lane"]] = row
    elif frame.kind == spool_format.EVENTS:
        values = struct.unpack(f"<{len(frame.payload) // 8}q", frame.payload)
        spool.events.setdefault(frame.lane, []).extend(zip(values[::2], values[1::2], strict=True))
    elif frame.kind == spool_format.CPU:
        values = struct.unpack(f"<{len(frame.payload) // 8}q", frame.payload)
        spool.cpu += zip(*(values[at::4] for at in range(4)), strict=True)
    elif frame.kind == spool_format.LOSS:
        spool.dropped += frame.json()["dropped"]
    elif frame.kind == spool_format.FACTS:
        spool.facts = frame.json()
        spool.warnings += spool.facts["warnings"]
    elif frame.kind == spool_format.CURES:
        spool.cures.append(frame.json())
    elif frame.kind == spool_format.END:
        spool.is_ended = True


class Recording:
    """Where one test's programs run, with and without the recorder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_dir = folder / "run"
        (self.run_dir / "spool").mkdir(parents=True)

    def environment(
        self, instruments: Sequence[Sequence[str]] = (), more: Mapping[str, str] | None = None, path: Sequence[str] = ()
    ) -> dict[str, str]:
        """Return the environment of a recorded program; `path` is the user's own PYTHONPATH."""
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(PACKAGE / "record" / "site"), *path]),
            "ENERGYPROF_RUN_DIR": str(self.run_dir),
            "ENERGYPROF_PACKAGE": str(PACKAGE),
            "ENERGYPROF_INSTRUMENTS": json.dumps([list(row) for row in instruments]),
            **(more or {}),
        }

    def script(self, text: str, name: str = "program.py") -> Path:
        """Write a program and return its path."""
        path = self.folder / name
        path.write_text(text)
        return path

    def run(
        self,
        text: str,
        *arguments: str,
        flags: Sequence[str] = (),
        python: str = sys.executable,
        instruments: Sequence[Sequence[str]] = (),
        more: Mapping[str, str] | None = None,
        path: Sequence[str] = (),
    ) -> Recorded:
        """Run a program with the recorder inside, to its end."""
        done = subprocess.run(
            [python, *flags, str(self.script(text)), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment(instruments, more, path),
            cwd=self.folder,
            check=False,
        )
        return self.collected(done.returncode, done.stdout, done.stderr)

    def run_bare(
        self, text: str, *arguments: str, flags: Sequence[str] = (), more: Mapping[str, str] | None = None
    ) -> Recorded:
        """Run the same program without any of our environment."""
        done = subprocess.run(
            [sys.executable, *flags, str(self.script(text)), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **(more or {})},
            cwd=self.folder,
            check=False,
        )
        return Recorded(done.returncode, done.stdout, done.stderr, [], "")

    def collected(self, returncode: int = 0, stdout: str = "", stderr: str = "") -> Recorded:
        """Read what has been recorded so far."""
        log = self.run_dir / "recorder.log"
        return Recorded(returncode, stdout, stderr, read_spools(self.run_dir), log.read_text() if log.exists() else "")
