"""Which processes belong to the program, from a /proc made of files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from energyprof.collect.process_tree import READS_PER_REFRESH, ProcTree, PsutilTree, process_tree


class Proc:
    """A /proc folder: processes come and go, the last id given out is kept in loadavg."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "loadavg").write_text("0.42 0.37 0.30 1/100 0\n")

    def start(self, pid: int, parent: int, started: int = 0, name: str = "python", leader: int = 0) -> None:
        folder = self.root / str(pid)
        folder.mkdir(exist_ok=True)
        fields = ["S", str(parent), *["0"] * 17, str(started or pid), *["0"] * 30]
        (folder / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")
        (folder / "status").write_text(f"Name:\t{name}\nTgid:\t{leader or pid}\nPid:\t{pid}\n")
        (self.root / "loadavg").write_text(f"0.42 0.37 0.30 1/100 {pid}\n")

    def end(self, pid: int) -> None:
        (self.root / str(pid) / "stat").unlink()
        (self.root / str(pid) / "status").unlink()
        (self.root / str(pid)).rmdir()


@pytest.fixture
def proc(tmp_path):
    return Proc(tmp_path)


def test_descendants_are_found_and_strangers_are_not(proc):
    for pid, parent in [(1, 0), (10, 1), (11, 10), (12, 11), (20, 1), (21, 20)]:
        proc.start(pid, parent)

    tree = ProcTree(10, str(proc.root))

    assert set(tree.refresh()) == {10, 11, 12}


def test_process_started_later_is_found_and_an_ended_one_is_gone(proc):
    proc.start(10, 1)
    proc.start(11, 10)
    tree = ProcTree(10, str(proc.root))
    tree.refresh()

    proc.end(11)
    proc.start(12, 10)

    assert set(tree.refresh()) == {10, 12}


def test_grandchild_stays_when_its_parent_ends(proc):
    for pid, parent in [(10, 1), (11, 10), (12, 11)]:
        proc.start(pid, parent)
    tree = ProcTree(10, str(proc.root))
    tree.refresh()

    proc.end(11)
    proc.start(12, 1)

    assert set(tree.refresh()) == {10, 12}


def test_pid_used_again_by_a_stranger_is_no_member(proc):
    proc.start(10, 1)
    proc.start(11, 10)
    tree = ProcTree(10, str(proc.root))
    tree.refresh()

    proc.start(11, 1, started=999)

    assert set(tree.refresh()) == {10}


def test_adopted_orphan_brings_its_children(proc):
    for pid, parent in [(10, 1), (30, 1), (31, 30)]:
        proc.start(pid, parent)
    tree = ProcTree(10, str(proc.root))
    tree.refresh()

    tree.adopt(30)

    assert set(tree.refresh()) == {10, 30, 31}


def test_orphan_that_has_ended_is_not_mistaken_for_who_gets_its_pid(proc):
    proc.start(10, 1)
    tree = ProcTree(10, str(proc.root))
    tree.adopt(30)
    tree.refresh()

    proc.start(30, 1)

    assert set(tree.refresh()) == {10}


def test_name_with_parentheses_and_spaces_is_no_trap(proc):
    proc.start(10, 1)
    proc.start(11, 10, name="a) R 99 (b")

    assert set(ProcTree(10, str(proc.root)).refresh()) == {10, 11}


def test_births_change_with_a_new_process_and_with_an_adoption_only(proc):
    proc.start(10, 1)
    tree = ProcTree(10, str(proc.root))

    seen = [tree.births(), tree.births()]
    proc.start(11, 10)
    seen.append(tree.births())
    tree.adopt(99)
    tree.adopt(99)
    seen.append(tree.births())

    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


def test_crowded_host_is_looked_through_bit_by_bit_newest_after_the_root_first(proc):
    strangers = range(1_000, 1_000 + READS_PER_REFRESH)
    for pid in strangers:
        proc.start(pid, 1)
    proc.start(5_000, 1)
    proc.start(5_001, 5_000)

    tree = ProcTree(5_000, str(proc.root))

    assert set(tree.refresh()) == {5_000, 5_001}


def test_tree_of_a_real_process_is_the_same_by_proc_and_by_psutil():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    program = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert program.stdout.readline() == b"1\n"

        by_psutil = set(PsutilTree(program.pid).refresh())

        assert len(by_psutil) == 2
        assert set(process_tree(program.pid).refresh()) == by_psutil
    finally:
        program.communicate(b"\n")


def test_ended_program_has_no_processes():
    program = subprocess.Popen([sys.executable, "-c", ""])
    program.wait()

    assert (PsutilTree(program.pid).refresh(), process_tree(program.pid).refresh()) == ((), ())


def test_system_without_proc_is_read_by_psutil(tmp_path):
    assert isinstance(process_tree(os.getpid(), proc=str(tmp_path / "none")), PsutilTree)


def test_a_thread_of_a_child_is_no_child(proc):
    proc.start(10, 1)
    proc.start(11, 10)
    tree = ProcTree(10, str(proc.root))
    tree.refresh()

    proc.start(12, 10, leader=11)  # /proc shows threads, too, to who asks for them

    assert set(tree.refresh()) == {10, 11}


def test_an_id_given_out_before_its_process_can_be_seen_is_looked_at_again(proc):
    proc.start(10, 1)
    tree = ProcTree(10, str(proc.root))
    tree.refresh()
    (proc.root / "loadavg").write_text("0.42 0.37 0.30 1/100 11\n")
    births = tree.births()
    tree.refresh()

    proc.start(11, 10)

    assert tree.births() != births
    assert set(tree.refresh()) == {10, 11}
    last = tree.births()
    tree.refresh()
    assert tree.births() == last


def test_many_new_ids_are_found_by_a_list_of_all(proc):
    proc.start(10, 1)
    tree = ProcTree(10, str(proc.root))
    tree.refresh()

    proc.start(500, 10)

    assert set(tree.refresh()) == {10, 500}
