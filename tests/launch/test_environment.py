"""What the program and the collector find in their environment."""

from __future__ import annotations

from energyprof.launch.environment import collector_environment, program_environment
from energyprof.launch.numpy_settings import SETTINGS

SITE = "/opt/energyprof/record/site"


def test_the_users_python_path_keeps_its_order_behind_ours() -> None:
    inherited = {"PYTHONPATH": "/b:/a::/c", "HOME": "/home/me"}

    environment = program_environment(inherited, "/opt/energyprof", "/tmp/run", [("t", "torch", "m:T", "/m.py")])

    assert environment == {
        "HOME": "/home/me",
        "PYTHONPATH": f"{SITE}:/b:/a::/c",
        "ENERGYPROF_RUN_DIR": "/tmp/run",
        "ENERGYPROF_PACKAGE": "/opt/energyprof",
        "ENERGYPROF_INSTRUMENTS": '[["t","torch","m:T","/m.py"]]',
        "ENERGYPROF_STACKS": "off",
    }


def test_no_python_path_gains_no_current_folder() -> None:
    for inherited in ({}, {"PYTHONPATH": ""}):
        assert program_environment(inherited, "/opt/energyprof", "/tmp/run", [])["PYTHONPATH"] == SITE


def test_the_collector_records_nothing_of_itself_under_an_outer_run() -> None:
    outer = program_environment({"PYTHONPATH": "/a"}, "/opt/energyprof", "/tmp/outer", [])

    assert collector_environment(outer, "/opt/energyprof") == {**SETTINGS, "PYTHONPATH": "/a"}
    assert collector_environment({"A": "1"}, "/opt/energyprof") == {**SETTINGS, "A": "1"}


def test_the_collector_has_one_thread_of_linear_algebra_unless_the_user_wants_more() -> None:
    wanted = {"OPENBLAS_NUM_THREADS": "4"}

    assert collector_environment({}, "/opt/energyprof")["OPENBLAS_NUM_THREADS"] == "1"
    assert collector_environment(wanted, "/opt/energyprof")["OPENBLAS_NUM_THREADS"] == "4"
