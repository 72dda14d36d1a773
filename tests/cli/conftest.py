"""The real command, started as a user starts it, in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from forked_commands import ForkedCommands

from energyprof.cli import main
from energyprof.run import load

TIMEOUT_S = 120.0


class Workplace:
    """A current folder with scripts, and a temporary folder that must be empty again afterwards."""

    forked = ForkedCommands()

    def __init__(self, folder: Path, cache: Path, temporary: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.started: list[subprocess.Popen[bytes]] = []
        self.temporary = temporary
        unset = {"PYTHONPATH", "NO_COLOR", "COLUMNS"}
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in unset},
            "TMPDIR": str(self.temporary),
            "XDG_CACHE_HOME": str(cache),
            # Threads of torch that wait by asking would take the cores from what other workers test.
            "OMP_WAIT_POLICY": "passive",
        }

    @staticmethod
    def command(*words: str) -> list[str]:
        """Return the command line of the installed `energyprof`."""
        script = shutil.which("energyprof", path=os.path.dirname(sys.executable))
        return [script, *words] if script else [sys.executable, "-m", "energyprof", *words]

    def write(self, name: str, text: str) -> Path:
        """Write a script into the current folder."""
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, words: list[str], environment: Mapping[str, str] = {}, **more: Any) -> subprocess.Popen[bytes]:
        """Start a command line here, in a session of its own."""
        options: dict[str, Any] = {"cwd": self.folder, "stdin": subprocess.DEVNULL, **more}
        process = subprocess.Popen(
            words,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **options,
        )
        self.started.append(process)
        return process

    @staticmethod
    def collector_of(process: subprocess.Popen[bytes]) -> int:
        """Return the collector of an `energyprof run`, once there is one: it is started after the program."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline_s:
            for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                with contextlib.suppress(OSError):  # a child that has ended by now
                    if b"collector_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        return int(pid)
            time.sleep(0.01)
        raise AssertionError(f"{process.args} started no collector")

    def end(self) -> None:
        """End what a test that failed has left running: it would slow down those after it, and be their warning."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def call(
        self,
        words: list[str],
        stdin: bytes = b"",
        environment: Mapping[str, str] = {},
        cwd: Path | None = None,
        *,
        is_fresh: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command line here to its end: one of ours in a fork, unless a fresh interpreter is asked for."""
        whole = {**self.environment, **environment}
        ours = self.command()
        if words[: len(ours)] == ours and not is_fresh and self.forked.starts_alike(whole):
            done = self.forked.call(words[len(ours) :], stdin, whole, str(cwd or self.folder), TIMEOUT_S)
            return subprocess.CompletedProcess(words, done.returncode, done.stdout, done.stderr)
        process = self.start(words, environment, stdin=subprocess.PIPE, cwd=cwd or self.folder)
        try:
            stdout, stderr = process.communicate(stdin, timeout=TIMEOUT_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)

    def run(self, *words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        """Run `energyprof run ...` to its end."""
        return self.call(self.command("run", *words), **more)

    def report(self, name: str = "job.eprof") -> dict[str, Any]:
        """Return what `energyprof report NAME --format json` prints; no process is started for it."""
        report: dict[str, Any] = json.loads(load(self.folder / name).render("json"))
        return report

    def recordings(self) -> list[Path]:
        """Return the recordings in the current folder."""
        return sorted(self.folder.glob("*.eprof"))

    def members(self) -> list[str]:
        """Return the command lines of live processes that were started from here, in whatever session they are."""
        mark = f"TMPDIR={self.temporary}".encode()
        found = []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    found.append(Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def leftovers(self) -> list[str]:
        """Return what is left in the temporary folder."""
        return sorted(os.listdir(self.temporary))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One plugin index for all tests, as a user has one for all runs."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def place(tmp_path: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    # The name of a socket has room for 107 bytes: the folder of a test with a long name is too long for TMPDIR.
    place = Workplace(tmp_path, cache, tmp_path_factory.mktemp("t"))
    yield place
    place.end()


@pytest.fixture
def command_here(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Do in this process what `energyprof WORDS` does: for commands that start no program, at a tenth of the time."""
    monkeypatch.chdir(place.folder)
    for name in os.environ.keys() - place.environment.keys():
        monkeypatch.delenv(name)
    for name in ("TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, place.environment[name])

    def call(*words: str) -> subprocess.CompletedProcess[bytes]:
        status = main(list(words))
        return subprocess.CompletedProcess(words, status, *capfdbinary.readouterr())

    return call


@pytest.fixture(scope="session")
def workplace_class() -> type[Workplace]:
    """For fixtures that outlive one test."""
    return Workplace


@pytest.fixture(scope="session")
def record_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Record a small program, once for all tests of a worker that hand in the same; they copy what it returns."""
    kept: dict[str, Path] = {}

    def record(script: str) -> Path:
        if script not in kept:
            place = Workplace(*map(tmp_path_factory.mktemp, ("recorded", "cache", "t")))
            place.write("job.py", script)
            done = place.run("-q", "--no-graph", "-o", "job.eprof", "job.py")
            assert done.returncode == 0, done.stderr
            kept[script] = place.folder / "job.eprof"
        return kept[script]

    return record
