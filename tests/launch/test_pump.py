"""Signals reach the program exactly once, job control works, and we end as it ended: on a real terminal, both ways."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

FOREGROUND = str(Path(__file__).with_name("foreground.py"))
COUNTER = """
import signal, sys, time
seen = []
def note(number, frame):
    seen.append(number)
    print("got", signal.Signals(number).name, flush=True)
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT"):
    signal.signal(getattr(signal, name), note)
print("ready", flush=True)
end = time.monotonic() + 30
while signal.SIGUSR2 not in seen and time.monotonic() < end:
    time.sleep(0.01)
print("total", len(seen), flush=True)
sys.exit(5)
"""


@pytest.fixture(params=["kernel", "pipe"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def command(way: str, *words: str) -> list[str]:
    return [sys.executable, FOREGROUND, way, *words]


def python(way: str, code: str) -> list[str]:
    return command(way, sys.executable, "-c", code)


@pytest.mark.parametrize("status", [0, 3, 255])
def test_the_exit_status_is_kept(way: str, status: int) -> None:
    assert subprocess.run(python(way, f"import sys; sys.exit({status})"), check=False).returncode == status


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM", "SIGINT", "SIGPIPE", "SIGHUP"])
def test_a_program_ended_by_a_signal_ends_us_by_it(way: str, name: str, tmp_path: Path) -> None:
    code = f"import os, signal; signal.signal(signal.{name}, signal.SIG_DFL); os.kill(os.getpid(), signal.{name})"
    if name == "SIGKILL":
        code = "import os; os.kill(os.getpid(), 9)"

    ended = subprocess.run(python(way, code), check=False, cwd=tmp_path)

    assert ended.returncode == -getattr(signal, name)


def test_a_shell_sees_the_statuses_it_knows(way: str) -> None:
    line = f"{' '.join(command(way))} /bin/sh -c 'kill -9 $$'; echo $?"

    said = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)

    assert said.stdout.splitlines()[-1] == "137"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"])
def test_a_signal_sent_to_us_alone_is_passed_on_once(way: str, name: str) -> None:
    process = subprocess.Popen(python(way, COUNTER), stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.send_signal(getattr(signal, name))
    first = process.stdout.readline()
    process.send_signal(signal.SIGUSR2)
    rest = process.communicate(timeout=30)[0]

    assert first + rest == f"got {name}\ngot SIGUSR2\ntotal 2\n"
    assert process.returncode == 5


def test_the_program_has_the_dispositions_and_the_mask_the_shell_gave(way: str) -> None:
    # Signals 32 and 33 belong to the C library, which has them ignored in whatever posix_spawn starts.
    look = "sed -nE 's/Sig(Blk|Ign):.*(.{8})$/\\2/p' /proc/self/status | sed 's/^[89a-f]/0/'"

    bare = subprocess.run(["/bin/sh", "-c", look], capture_output=True, text=True, check=True)
    ours = subprocess.run(command(way, "/bin/sh", "-c", look), capture_output=True, text=True, check=True)

    assert ours.stdout == bare.stdout == "00000000\n00000000\n"


def test_the_program_inherits_no_descriptor_of_ours_and_all_of_the_shells(way: str) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    look = ["/bin/sh", "-c", "ls /proc/self/fd"]

    bare = subprocess.run(look, capture_output=True, text=True, check=True, pass_fds=(writer,))
    ours = subprocess.run(command(way, *look), capture_output=True, text=True, check=True, pass_fds=(writer,))

    os.close(reader)
    os.close(writer)
    assert ours.stdout == bare.stdout
    assert str(writer) in ours.stdout.split()


def test_cpu_time_of_the_program_and_its_children_is_known(way: str) -> None:
    burn = "import time\nwhile time.process_time() < 0.1: pass"
    code = f"import subprocess, sys\n{burn}\nsubprocess.run([sys.executable, '-c', {burn!r}])"

    shown = {**os.environ, "SHOW_CPU": "1"}
    ended = subprocess.run(python(way, code), stderr=subprocess.PIPE, text=True, env=shown, check=True)

    cpu_ns = int(ended.stderr.split()[1])
    assert 200_000_000 <= cpu_ns < 2_000_000_000


class Terminal:
    """A pseudo-terminal in which one command is the foreground job, as a shell would have it."""

    def __init__(self, words: list[str], *, shell: bool = False) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            if not shell:
                os.execv(words[0], words)
            # A leader that outlives the job's stops, as a shell does: without one the job's group would be orphaned.
            line = shlex.join(words)
            os.execv("/bin/bash", ["bash", "--norc", "-mc", f"{line}\necho status $?\nfg >/dev/null\necho status $?"])
        self.text = ""

    def type(self, control: int) -> None:
        os.write(self._fd, termios.tcgetattr(self._fd)[6][control])

    def until(self, wanted: str, timeout_s: float = 30.0) -> str:
        deadline_s = time.monotonic() + timeout_s
        while wanted not in self.text:
            left_s = deadline_s - time.monotonic()
            assert select.select([self._fd], [], [], max(0.0, left_s))[0], self.text
            try:
                self.text += os.read(self._fd, 4096).decode().replace("\r\n", "\n")
            except OSError:  # the other side is closed
                assert wanted in self.text, self.text
        return self.text

    def hang_up(self) -> int:
        os.close(self._fd)
        return self.ended()

    def ended(self, timeout_s: float = 30.0) -> int:
        deadline_s = time.monotonic() + timeout_s
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline_s, "it still runs"
            time.sleep(0.02)

    def close(self) -> int:
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._fd)
        return status


def appears(path: Path, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < deadline_s, f"no {path.name}"
        time.sleep(0.01)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        try:
            os.killpg(terminal.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_ctrl_c_on_a_terminal_reaches_the_program_exactly_once(way: str, terminals: list[Terminal]) -> None:
    terminal = Terminal(python(way, COUNTER))
    terminals.append(terminal)
    terminal.until("ready")

    terminal.type(termios.VINTR)
    terminal.until("got SIGINT")
    os.kill(terminal.pid, signal.SIGUSR2)
    said = terminal.until("total")

    assert "total 2" in said + terminal.until("total 2")
    assert said.count("got SIGINT") == 1
    assert terminal.close() == 5


def test_a_closed_terminal_ends_the_program_of_its_session_leader(
    way: str, terminals: list[Terminal], tmp_path: Path
) -> None:
    # pytest's own parent may have SIGHUP ignored, as nohup does, and the program would inherit that.
    ready = tmp_path / "ready"  # a word on the terminal is seen before its write returns, which would then fail
    code = f"""import signal, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)
open({str(ready)!r}, "x")
time.sleep(60)"""
    terminal = Terminal(python(way, code))
    terminals.append(terminal)
    appears(ready)

    assert terminal.hang_up() == -signal.SIGHUP


def test_a_closed_terminal_reaches_the_program_once(way: str, terminals: list[Terminal], tmp_path: Path) -> None:
    ready, diary = tmp_path / "ready", tmp_path / "diary"
    code = f"""
import os, signal, time
seen = []
signal.signal(signal.SIGHUP, lambda number, frame: seen.append(number))
open({str(ready)!r}, "x")
while not seen:
    time.sleep(0.01)
time.sleep(0.3)  # for a second one
with open({str(diary)!r}, "w") as diary:
    diary.write(str(len(seen)))
"""
    terminal = Terminal(python(way, code))
    terminals.append(terminal)
    appears(ready)

    status = terminal.hang_up()

    assert (status, diary.read_text()) == (0, "1")


def test_ctrl_z_stops_the_job_and_fg_continues_it(way: str, terminals: list[Terminal]) -> None:
    code = "import time; print('ready', flush=True); time.sleep(0.5); print('slept', flush=True); raise SystemExit(6)"
    terminal = Terminal(python(way, code), shell=True)
    terminals.append(terminal)
    terminal.until("ready\n")

    terminal.type(termios.VSUSP)
    said = terminal.until("status 6")

    assert "status 14" in said  # 128 + SIGTSTP or SIGSTOP: the shell had its prompt back
    assert "\nslept\n" in said
    assert terminal.close() == 0


def test_a_stopped_program_continues_when_we_alone_are_continued(way: str) -> None:
    code = "import os, signal, time; os.kill(os.getpid(), signal.SIGSTOP); print('went on', flush=True)"
    process = subprocess.Popen(python(way, code), stdout=subprocess.PIPE, text=True, start_new_session=True)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)

    process.send_signal(signal.SIGCONT)

    assert process.communicate(timeout=30)[0] == "went on\n"
    assert process.returncode == 0


def test_a_program_that_signals_its_own_group_gets_it_once() -> None:
    code = COUNTER.replace(
        'print("ready", flush=True)', "import os; os.killpg(0, signal.SIGUSR1); os.kill(os.getpid(), signal.SIGUSR2)"
    )
    process = subprocess.run(
        python("kernel", code), stdout=subprocess.PIPE, text=True, start_new_session=True, timeout=30, check=False
    )

    assert process.stdout == "got SIGUSR1\ngot SIGUSR2\ntotal 2\n"
    assert process.returncode == 5


SELF_STOPPER = """
import os, signal, sys, time
for turn in range(3):
    os.kill(os.getpid(), signal.SIGSTOP)
    end = time.monotonic() + 30
    while open(f"/proc/{os.getppid()}/stat").read().rpartition(")")[2].split()[0] == "T" and time.monotonic() < end:
        time.sleep(0.01)
    print("went on", time.monotonic() < end, flush=True)
sys.exit(7)
"""


def child_of(pid: int, word: str) -> int:
    """Return the child that has `word` on its command line, once there is one."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if word.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        time.sleep(0.01)
    raise AssertionError(f"no child {word}")


def test_we_go_on_with_a_stopped_program_that_is_continued_by_its_pid_alone(way: str) -> None:
    process = subprocess.Popen(python(way, SELF_STOPPER), stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    said = ""
    for _ in range(3):
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

        os.kill(child_of(process.pid, "SIGSTOP"), signal.SIGCONT)

        said += process.stdout.readline()
    process.communicate(timeout=30)
    assert (said, process.returncode) == ("went on True\n" * 3, 7)


def test_we_end_with_a_stopped_program_that_is_killed_by_its_pid_alone(way: str) -> None:
    process = subprocess.Popen(python(way, SELF_STOPPER), start_new_session=True)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)

    os.kill(child_of(process.pid, "SIGSTOP"), signal.SIGKILL)

    assert process.wait(timeout=30) == -signal.SIGKILL


def test_nothing_is_left_of_a_stopped_foreground_that_is_killed(way: str) -> None:
    process = subprocess.Popen(python(way, SELF_STOPPER), start_new_session=True)
    os.waitpid(process.pid, os.WUNTRACED)
    program, waker = child_of(process.pid, "SIGSTOP"), child_of(process.pid, "waker")

    process.kill()
    process.wait()
    os.kill(program, signal.SIGKILL)

    deadline_s = time.monotonic() + 30
    while Path(f"/proc/{waker}").exists():
        assert time.monotonic() < deadline_s, "it still looks after nobody"
        time.sleep(0.02)
