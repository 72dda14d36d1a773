"""The program that lays out diagrams."""

import os
import stat
import subprocess
import sys

import pytest

from energyprof.report import renderer


def program(tmp_path, body):
    """Return a program that does what `body` (Python) says instead of drawing."""
    path = tmp_path / "dot"
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_renderer_that_came_with_pip_draws_without_a_path(monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert b"<svg" in renderer.draw("digraph { a -> b }", "svg")
    assert renderer.draw("digraph { a -> b }", ".png").startswith(b"\x89PNG")


def test_the_same_source_gives_the_same_bytes():
    assert renderer.draw("digraph { a -> b }", "png") == renderer.draw("digraph { a -> b }", "png")


def test_a_named_program_goes_first(tmp_path, monkeypatch):
    mine = program(tmp_path, "print(sys.argv[1:], sys.stdin.read())")

    assert renderer.draw("digraph {}", "svg", mine) == b"['-Tsvg'] digraph {}\n"
    monkeypatch.setenv("ENERGYPROF_DOT", mine)
    assert renderer.draw("digraph {}", "svg") == b"['-Tsvg'] digraph {}\n"
    assert renderer.describe_renderer() == mine


def test_a_named_program_that_is_not_there_is_said_and_not_replaced(monkeypatch):
    monkeypatch.setenv("ENERGYPROF_DOT", "/nowhere/dot")

    with pytest.raises(LookupError, match="/nowhere/dot is no program that can be run; correct or unset"):
        renderer.draw("digraph {}", "svg")


def test_without_any_renderer_the_remedy_is_said(monkeypatch):
    monkeypatch.setattr(renderer, "PIP_PACKAGE", "no-such-renderer")
    monkeypatch.setenv("PATH", "")

    with pytest.raises(LookupError, match="pip install"):
        renderer.find_renderer()
    assert "no diagram renderer was found" in renderer.describe_renderer()


def test_a_program_that_takes_too_long_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(renderer, "TIME_LIMIT_S", 0.3)
    slow = program(
        tmp_path, f"open({str(tmp_path / 'pid')!r}, 'w').write(str(__import__('os').getpid())); time.sleep(60)"
    )

    with pytest.raises(LookupError, match=r"took longer than 0.3 s"):
        renderer.draw("digraph {}", "svg", slow)

    if (tmp_path / "pid").exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)


def test_what_the_program_complains_about_is_told_without_its_noise(tmp_path):
    noise = (
        "sys.stderr.write('Warning: no value for width of non-ASCII character 194\\nError: bad edge\\n'); sys.exit(3)"
    )

    with pytest.raises(LookupError, match=r"could not draw it \(Error: bad edge, status 3\)"):
        renderer.draw("digraph {}", "svg", program(tmp_path, noise))


def test_a_program_that_dies_before_it_reads_is_no_crash(tmp_path):
    with pytest.raises(LookupError, match="could not draw it"):
        renderer.draw("x" * 1_000_000, "svg", program(tmp_path, "sys.exit(1)"))


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set from outside with prlimit, which Linux has")
def test_the_program_cannot_take_all_memory(tmp_path):
    reads_limit = "import resource; sys.stdin.read(); print(resource.getrlimit(resource.RLIMIT_AS)[0])"

    assert int(renderer.draw("digraph {}", "svg", program(tmp_path, reads_limit))) == renderer.MEMORY_LIMIT_BYTES


def test_no_shell_sees_the_source(tmp_path):
    result = renderer.draw('digraph { "$(touch pwned); `id`" }', "svg", program(tmp_path, "print(sys.stdin.read())"))

    assert result == b'digraph { "$(touch pwned); `id`" }\n'
    assert subprocess.run(["ls", tmp_path], capture_output=True, check=True).stdout == b"dot\n"


def test_the_systems_own_dot_is_the_fallback(tmp_path, monkeypatch):
    mine = program(tmp_path, "print('drawn')")
    monkeypatch.setattr(renderer, "PIP_PACKAGE", "no-such-renderer")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert renderer.draw("digraph {}", "svg") == b"drawn\n"
    assert renderer.describe_renderer() == mine


def test_pdf_comes_from_the_systems_own_dot(tmp_path, monkeypatch):
    program(tmp_path, "print(sys.argv[1] + chr(10) + sys.stdin.read(), end='')")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert renderer.draw("digraph { a }", "pdf") == b"-Tpdf\ndigraph { a }"


def test_where_nothing_writes_pdf_both_remedies_are_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(LookupError, match=r"pip install 'energyprof\[pdf\]', or install Graphviz"):
        renderer.draw("digraph { a }", "pdf")
