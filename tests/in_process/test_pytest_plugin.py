"""pytest with the plugin, as users run it: off it does nothing, on it measures, judges and reports."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest

TESTS = """\
import pytest, energyprof

def burn():
    return sum(range(300_000))

@pytest.mark.energy(max_j=1e6)
def test_kept():
    burn()

@pytest.mark.energy(max_j=1e-6, stage="train")
def test_exceeded():
    with energyprof.stage("train"):
        burn()

def test_plain():
    burn()

@pytest.mark.energy(max_j=1e-6)
def test_that_fails_by_itself():
    burn()
    assert 1 == 2
"""


@pytest.fixture
def run_tests(place: Any) -> Any:
    def run_tests(*words: str, tests: str = TESTS) -> Any:
        place.write("test_it.py", tests)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_it.py", *words]
        return place.call(command)

    return run_tests


def properties(place: Any) -> dict[str, dict[str, str]]:
    cases = ET.parse(place.folder / "junit.xml").iter("testcase")
    return {
        str(case.get("name")): {str(one.get("name")): str(one.get("value")) for one in case.iter("property")}
        for case in cases
    }


def test_without_the_option_markers_are_known_and_nothing_is_measured(run_tests: Any, place: Any) -> None:
    done = run_tests("--strict-markers", "--junitxml=junit.xml", "-k", "not by_itself")

    assert done.returncode == 0, done.stdout
    assert b"energy of tests" not in done.stdout
    assert not any(properties(place).values())


def test_without_the_option_nothing_heavy_is_imported(place: Any) -> None:
    place.write(
        "test_it.py", "import sys\ndef test_it():\n    assert not {'numpy', 'energyprof.run'} & set(sys.modules)\n"
    )

    done = place.call([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"])

    assert done.returncode == 0, done.stdout


def test_budgets_fail_tests_and_figures_are_in_the_summary_and_in_junit(run_tests: Any, place: Any) -> None:
    done = run_tests("--energyprof", "--junitxml=junit.xml")

    text = done.stdout.decode()
    assert done.returncode == 1
    assert "2 failed, 2 passed" in text
    assert "stage 'train' took" in text
    assert "estimated (model); its budget is 1 uJ" in text
    assert "assert 1 == 2" in text
    assert text.count("test_it.py::test_plain") == 1
    found = properties(place)
    assert found["test_kept"]["energyprof_verdict"] == "within"
    assert found["test_exceeded"]["energyprof_verdict"] == "exceeded"
    assert "energyprof_verdict" not in found["test_that_fails_by_itself"]
    for facts in found.values():
        low, value, high = (float(facts[f"energyprof_{name}_j"]) for name in ("low", "energy", "high"))
        assert 0 < low <= value <= high
        assert facts["energyprof_provenance"] == "estimated (model)"


@pytest.mark.slow
def test_workers_send_their_figures(run_tests: Any) -> None:
    done = run_tests("--energyprof-marked", "-n", "2", "-k", "kept or exceeded or plain")

    text = done.stdout.decode()
    assert "1 failed, 2 passed" in text
    table = text.partition("energy of tests")[2]
    assert "within" in table
    assert "exceeded" in table
    assert "test_plain" not in table


def test_recordings_are_kept_where_that_is_asked_for_and_nowhere_else(run_tests: Any, place: Any) -> None:
    run_tests("--energyprof", "--energyprof-dir", "kept", "-k", "kept")

    assert [path.name for path in (place.folder / "kept").iterdir()] == ["test_it.py_test_kept.eprof"]
    assert not list(place.folder.glob("*.eprof"))


@pytest.mark.parametrize(
    ("marker", "fault"),
    [
        ("energy(2.0)", "takes its budget by name, not 2.0 alone"),
        ("energy()", "has no max_j"),
        ("energy(max_j=True)", "has max_j=True, which is no number"),
        ("energy(max_j=-1)", "has max_j=-1; a budget is more than 0 J"),
        ("energy(max_j=float('inf'))", "has max_j=inf"),
        ("energy(max_j=1, stage=3)", "has stage=3"),
        ("energy(max_j=1, per='call')", "knows no per"),
    ],
)
def test_a_marker_that_means_nothing_is_said_in_one_line(run_tests: Any, marker: str, fault: str) -> None:
    done = run_tests("--energyprof", tests=f"import pytest\n@pytest.mark.{marker}\ndef test_it(): pass\n")

    text = done.stdout.decode()
    assert done.returncode == 1
    assert f"@pytest.mark.energy {fault}" in text
    assert "write @pytest.mark.energy(max_j=2.0) or (max_j=2.0, stage='train')" in text
    assert "1 error in" in text
    assert "pytest_energy.py" not in text


def test_a_mistyped_stage_fails_and_the_stages_seen_are_named(run_tests: Any) -> None:
    tests = """\
import pytest, energyprof
@pytest.mark.energy(max_j=1e6, stage="trian")
def test_it():
    with energyprof.stage("train"):
        sum(range(1000))
"""

    done = run_tests("--energyprof", tests=tests)

    assert done.returncode == 1
    assert b"stage='trian', and the test ran no such stage: it has 'train'; correct the marker" in done.stdout
    table = done.stdout.partition(b"energy of tests")[2]
    assert b"'trian' 1 MJ: no such stage" in table
    assert b"cannot tell" not in table


def test_collectors_of_tests_are_forked_from_one_that_is_loaded(run_tests: Any, programs: Any) -> None:
    tests = """\
import pytest
@pytest.mark.parametrize("number", range(2))
def test_it(number):
    from energyprof.in_process.active import current
    with open(f"/proc/{current()._collector._process._pid}/cmdline", "rb") as stream:
        assert b"collector_forks" in stream.read()
"""

    done = run_tests("--energyprof", tests=tests)

    assert done.returncode == 0, done.stdout
    programs.nothing_is_left()


def test_a_budget_that_cannot_be_told_passes_unless_strict_which_needs_no_other_option(run_tests: Any) -> None:
    tests = """\
import pytest, energyprof
@pytest.mark.energy(max_j=1)
def test_it(tmp_path):
    with energyprof.profile(tmp_path / "own.eprof"):
        pass
"""

    plain, strict = (run_tests(*words, tests=tests) for words in (["--energyprof"], ["--energyprof-strict"]))

    assert (plain.returncode, strict.returncode) == (0, 1)
    assert b"cannot tell" in plain.stdout
    assert b"its energy is not known, and it has a budget: the test profiles itself" in strict.stdout


def test_a_test_that_profiles_itself_gets_the_figures_it_gets_without_us(run_tests: Any) -> None:
    tests = """\
import energyprof
def test_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with energyprof.stage("before"):
        pass
    with energyprof.profile() as run:
        with energyprof.stage("inside"):
            sum(range(10**6))
    with energyprof.stage("after"):
        pass
    assert not run.is_part
    assert run.path.parent == tmp_path
    assert [row["stage"] for row in run.stages()] == ["inside"]
"""

    done = run_tests("--energyprof", tests=tests)

    assert done.returncode == 0, done.stdout
    assert b"the test profiles itself, and its own profile has the figures" in done.stdout


def test_a_test_that_is_run_again_has_one_account(run_tests: Any, place: Any) -> None:
    conftest = """\
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):  # as pytest-rerunfailures does
    from _pytest.runner import runtestprotocol
    runtestprotocol(item, nextitem=nextitem, log=False)
    item._initrequest()
    runtestprotocol(item, nextitem=nextitem, log=True)
    return True
"""
    place.write("conftest.py", conftest)

    run_tests("--energyprof", "--junitxml=junit.xml", tests="def test_it(): pass\n")

    cases = ET.parse(place.folder / "junit.xml").iter("property")
    assert [one.get("name") for one in cases].count("energyprof_energy_j") == 1


def test_a_test_that_interrupts_pytest_leaves_nothing_behind(run_tests: Any, programs: Any) -> None:
    tests = "import os, signal, time\ndef test_it():\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(60)\n"

    done = run_tests("--energyprof", tests=tests)

    assert done.returncode == 2
    assert b"KeyboardInterrupt" in done.stdout
    programs.nothing_is_left()


def test_tests_of_a_run_that_is_recorded_as_a_whole_run_as_ever(place: Any) -> None:
    place.write("test_it.py", TESTS)

    done = place.run("-q", "--no-graph", "-m", "pytest", "-q", "-W", "error", "--energyprof", "-k", "kept or exceeded")

    text = done.stdout.decode()
    assert done.returncode == 0, text
    assert "2 passed" in text
    assert text.count("cannot tell") == 2


def test_a_source_that_is_not_there_is_wrong_usage(run_tests: Any) -> None:
    done = run_tests("--energyprof", "--energyprof-source", "nosuch")

    assert done.returncode == 4
    assert b"nosuch" in done.stderr
