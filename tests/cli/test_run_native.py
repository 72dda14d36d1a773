"""The program is native Python: what it prints, reads, sees of itself and ends with is the same as without us."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SEEN_OF_ITSELF = """
import dataclasses, json, os, pickle, sys
@dataclasses.dataclass
class Point:
    x: int = 1
if __name__ == "__main__":
    print(json.dumps({
        "argv": sys.argv, "path": sys.path, "name": __name__, "file": __file__, "spec": str(__spec__),
        "pickled": str(pickle.loads(pickle.dumps(Point(2)))), "module": Point.__module__,
        "main": sorted(vars(sys.modules["__main__"])), "cwd": os.getcwd(), "flags": str(sys.flags),
        "stdin": sys.stdin.isatty(), "stdout": sys.stdout.isatty(), "executable": sys.executable,
        "orig": sys.orig_argv, "custom": "sitecustomize" in sys.modules, "hook": sys.excepthook is sys.__excepthook__,
        "descriptors": sorted(os.listdir("/proc/self/fd")), "group": os.getpgrp() == os.getsid(0),
    }))
"""
CHILDREN = """
import multiprocessing as mp, sys
class Task:
    def __init__(self, n): self.n = n
def work(task): return task.n * 2, __name__
if __name__ == "__main__":
    for method in ("fork", "spawn"):
        with mp.get_context(method).Pool(2) as pool:
            print(method, pool.map(work, [Task(n) for n in range(4)]))
"""
CASES = {
    "exit status": ("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", [], b""),
    "text as exit status": ("raise SystemExit('nothing to do')", [], b""),
    "uncaught exception": ("def f():\n    raise ValueError('no')\nf()\n", [], b""),
    "syntax error": ("print('a'\n", [], b""),
    "standard input": (
        "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line[::-1])",
        [],
        b"ab\0\xff\nc",
    ),
    "itself": (SEEN_OF_ITSELF, ["a b", "--source", "-m", "--", "-q", ""], b""),
    "children": (CHILDREN, [], b""),
    "warnings": ("import warnings; warnings.warn('old', DeprecationWarning); print(1)", [], b""),
    "hard exit": ("import os; os.write(1, b'x'); os._exit(7)", [], b""),
    "exception at exit": ("import atexit; atexit.register(divmod, 1, 0); print(1)", [], b""),
}


@pytest.mark.parametrize("case", CASES)
def test_output_and_exit_status_are_those_of_bare_python(case: str, place: Any) -> None:
    code, words, stdin = CASES[case]
    place.write("job.py", code)

    bare = place.call([sys.executable, "job.py", *words], stdin=stdin)
    # The console script may name the same interpreter by another link.
    ours = place.run("-q", "--no-graph", "--python", sys.executable, "job.py", *words, stdin=stdin)

    assert (ours.stdout, ours.stderr, ours.returncode) == (bare.stdout, bare.stderr, bare.returncode)
    assert len(place.recordings()) == 1
    assert place.leftovers() == []


@pytest.mark.parametrize("words", [["-m", "package.job", "-x", "--", "1"], ["-c", "import sys; print(sys.argv)", "-q"]])
def test_modules_and_code_are_run_as_python_runs_them(words: list[str], place: Any) -> None:
    (place.folder / "package").mkdir()
    place.write("package/__init__.py", "")
    place.write("package/job.py", "import sys; print(sys.argv, sys.path[0], __name__, __package__, __spec__.name)")

    bare = place.call([sys.executable, *words])
    ours = place.run("-q", "--no-graph", *words)

    assert (ours.stdout, ours.stderr, ours.returncode) == (bare.stdout, bare.stderr, 0)


def test_the_users_python_path_and_start_up_hook_are_kept(place: Any) -> None:
    for name in ("b", "a"):
        (place.folder / name).mkdir()
    place.write("a/sitecustomize.py", "import sys; sys.hooked = __file__")
    place.write("job.py", "import sys; print(sys.path, sys.hooked, sys.modules['sitecustomize'].__file__)")
    users = {"PYTHONPATH": f"{place.folder}/b:{place.folder}/a"}

    bare = place.call([sys.executable, "job.py"], environment=users)
    ours = place.run("-q", "--no-graph", "job.py", environment=users)

    assert bare.returncode == 0
    assert (ours.stdout, ours.stderr) == (bare.stdout, bare.stderr)


def test_a_script_comes_from_a_pipe_too(place: Any) -> None:
    line = f"{' '.join(place.command('run', '-q', '--no-graph'))} <(echo 'print(1)')"

    ran = place.call(["/bin/bash", "-c", line])

    assert (ran.stdout, ran.stderr, ran.returncode) == (b"1\n", b"", 0)


@pytest.mark.parametrize("closed", ["2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_standard_streams_are_closed_for_the_program_and_no_hindrance(closed: str, place: Any) -> None:
    place.write("job.py", "import os, sys\nopen('seen', 'w').write(f'{sys.stdin} {sys.stdout} {sys.stderr}'[:200])")

    bare = place.call(["/bin/bash", "-c", f"{sys.executable} job.py {closed}"])
    seen = (place.folder / "seen").read_text()
    (place.folder / "seen").unlink()
    ours = place.call(["/bin/bash", "-c", f"{' '.join(place.command('run', '--no-graph', 'job.py'))} {closed}"])

    assert (ours.returncode, ours.stdout) == (bare.returncode, bare.stdout) == (0, b"")
    assert (place.folder / "seen").read_text() == seen
    assert place.recordings()[0].stat().st_size > 0
    assert place.leftovers() == []


def test_the_report_leaves_the_programs_output_alone(place: Any) -> None:
    place.write("job.py", "import energyprof\nwith energyprof.stage('greet'): print('hello')")

    ours = place.run("--no-graph", "job.py")

    assert ours.stdout == b"hello\n"
    assert b"greet" in ours.stderr
    assert b"recording job-" in ours.stderr


def test_a_reader_sees_the_end_of_the_output_with_the_program(place: Any) -> None:
    place.write("job.py", "print('all')")
    ours = place.start(place.command("run", "job.py"))

    output = ours.stdout.read()  # until nobody can write to it any more
    drawn_by_then = list(place.folder.glob("*.svg"))
    ours.communicate(timeout=60)

    # Were it held open until we end, the diagram, the last thing we write, would be there.
    assert (output, drawn_by_then) == (b"all\n", [])
    assert [path.suffix for path in place.folder.glob("*.svg")] == [".svg"]
