"""`pytest --energyprof`: the energy of each test, and budgets that fail it: `@pytest.mark.energy(max_j=2.0)`.

pytest imports this file in every run, so all that it needs is imported where the option is given. Figures travel in the
reports' `user_properties`: so they are in JUnit files, and come from the workers of pytest-xdist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from energyprof.pytest_energy import TestEnergy

MARKER = (
    "energy(max_j, stage=None): fail the test if it takes more than max_j joules, or the stage of that id does; "
    "checked under --energyprof, and only where the 95 % interval says so"
)
LEAST_PYTEST = (8, 0)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("energyprof", "energy of tests")
    group.addoption("--energyprof", action="store_true", help="measure the energy of each test, about 1 s more for it")
    group.addoption("--energyprof-marked", action="store_true", help="only of tests with @pytest.mark.energy")
    group.addoption("--energyprof-strict", action="store_true", help="fail tests whose budget cannot be told, too")
    group.addoption("--energyprof-dir", metavar="DIR", help="keep the recording of each test there")
    group.addoption(
        "--energyprof-source", metavar="NAME", action="append", help="read this source, as `energyprof run`"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and measure where that is asked for."""
    config.addinivalue_line("markers", MARKER)
    if not (config.getoption("energyprof") or config.getoption("energyprof_marked")):
        return
    if pytest.version_tuple[:2] < LEAST_PYTEST:
        raise pytest.UsageError(f"--energyprof needs pytest 8, this is {pytest.__version__}; pip install -U pytest")
    config.pluginmanager.register(_measuring(config), "energyprof-tests")


def _measuring(config: pytest.Config) -> TestEnergy:
    from energyprof.pytest_energy import TestEnergy

    return TestEnergy(config)
