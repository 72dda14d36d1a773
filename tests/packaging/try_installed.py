"""Try an energyprof that pip installed: `python try_installed.py ENVIRONMENT [pytest]`. CI runs it on the built wheel.

`pytest` tries the plugin of pytest instead, in an environment that has it.

Standard library only, and everything happens in a folder outside the clone, so that nothing but what the wheel holds
can answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """\
import energyprof

@energyprof.stage("count")
def count() -> int:
    return sum(range(200_000))

with energyprof.stage("work"):
    print(sum(count() for _ in range(20)))
"""

# Only pytest loads what is registered with it; that needs pytest and is tried by itself.
LOAD_ENTRY_POINTS = """\
from importlib.metadata import distribution
entries = [entry for entry in distribution("energyprof").entry_points if entry.group != "pytest11"]
for entry in entries:
    entry.load()
print(len(entries))
"""

MEASURED_TEST = """\
def test_counts() -> None:
    assert sum(range(2_000_000)) > 0
"""


def main() -> None:
    """Try everything and print one line for each thing that works; the first that does not ends with status 1."""
    environment = Path(sys.argv[1]).resolve()
    checks = (holds_only_its_packages, tells_its_version, loads_entry_points, profiles_a_program)
    if sys.argv[2:] == ["pytest"]:
        checks = (measures_tests_in_pytest,)
    with tempfile.TemporaryDirectory(prefix="energyprof-wheel-") as folder:
        installed = Installed(environment, Path(folder))
        for check in checks:
            check(installed)
            print(f"ok  {check.__name__.replace('_', ' ')}")


class Installed:
    """One environment that has energyprof, and a folder to run it in."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.bin = environment / "bin"
        self.folder = folder

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's programs in the folder, with none of the caller's Python variables."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        variables["XDG_CACHE_HOME"] = str(self.folder / "cache")
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        expect(done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done


def expect(fact: bool, otherwise: str) -> None:
    if not fact:
        sys.exit(f"FAILED  {otherwise}")


def holds_only_its_packages(installed: Installed) -> None:
    """Nothing called `profiler` or `plugins` may land in anybody's site-packages, and torch is not pulled in."""
    site = installed.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    names = {path.name for path in Path(site).iterdir()}
    expect({"energyprof", "energyprof_plugins"} <= names, f"packages are missing: {sorted(names)}")
    expect(not names & {"profiler", "plugins", "tests", "samples", "torch"}, f"too much was installed: {sorted(names)}")
    for package in ("energyprof", "energyprof_plugins"):
        expect((Path(site) / package / "py.typed").is_file(), f"{package} has lost its py.typed")


def tells_its_version(installed: Installed) -> None:
    """`--version`, the package and its metadata agree, and `--help` of the program and of each command works."""
    code = "import energyprof, importlib.metadata as m; print(energyprof.__version__, m.version('energyprof'))"
    package, metadata = installed.run("python", "-c", code).stdout.split()
    told = installed.run("energyprof", "--version").stdout.split()[-1]
    expect(package == metadata == told, f"versions differ: {package}, {metadata}, {told}")
    expect("run" in installed.run("energyprof", "--help").stdout, "--help names no command `run`")
    for command in ("run", "report", "graph", "doctor"):
        expect("usage" in installed.run("energyprof", command, "--help").stdout.lower(), f"{command} --help is empty")


def loads_entry_points(installed: Installed) -> None:
    """Every plugin and script can be imported although torch is not there."""
    loaded = int(installed.run("python", "-c", LOAD_ENTRY_POINTS).stdout)
    expect(loaded >= 3, f"only {loaded} entry points are registered")


def profiles_a_program(installed: Installed) -> None:
    """A run outside the clone gives the program's own output, one capture, and a report with both stages."""
    (installed.folder / "program.py").write_text(PROGRAM)
    done = installed.run("energyprof", "run", "-o", "run.eprof", "program.py")
    expect(done.stdout == f"{20 * sum(range(200_000))}\n", f"the program's output changed: {done.stdout!r}")
    expect((installed.folder / "run.eprof").is_file(), f"no capture was written\n{done.stderr}")
    report = json.loads(installed.run("energyprof", "report", "run.eprof", "--format", "json").stdout)
    stages = {row["stage"]: row["calls"] for row in report["stages"]}
    expect(stages == {"work": 1, "work/count": 20}, f"the report shows other stages: {stages}")


def measures_tests_in_pytest(installed: Installed) -> None:
    """pytest finds the plugin by itself, which does nothing until it is asked and then tells the joules of a test."""
    (installed.folder / "test_program.py").write_text(MEASURED_TEST)
    unasked = installed.run("python", "-m", "pytest", "-p", "no:cacheprovider", "test_program.py").stdout
    expect("1 passed" in unasked and "energy of" not in unasked, f"the plugin spoke without being asked\n{unasked}")
    asked = installed.run("python", "-m", "pytest", "-p", "no:cacheprovider", "--energyprof", "test_program.py").stdout
    expect("1 passed" in asked and "test_counts" in asked, f"the plugin told nothing of the test\n{asked}")


if __name__ == "__main__":
    main()
