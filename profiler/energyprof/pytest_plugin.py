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
    "energy(*, max_j, stage=None): fail the test if it takes more than max_j joules, or the stage of that id does; "
    "checked under --energyprof, and only where the 95 % interval says so"
)
LEAST_PYTEST = (8, 0)
ASKING = ("energyprof", "energyprof_marked", "energyprof_strict", "energyprof_dir", "energyprof_source")
"""Each is enough: a budget that somebody means to be strict with must not go unmeasured for want of another option."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("energyprof", "energy of tests")
    group.addoption(
        "--energyprof", action="store_true", help="measure the energy of each test, 0.1 to 0.2 s more for it"
    )
    group.addoption("--energyprof-marked", action="store_true", help="the same for tests with @pytest.mark.energy only")
    group.addoption("--energyprof-strict", action="store_true", help="the same, and fail budgets that cannot be told")
    group.addoption("--energyprof-dir", metavar="DIR", help="the same, and keep the recording of each test there")
    group.addoption(
        "--energyprof-source", metavar="NAME", action="append", help="the same by this source, as `energyprof run`"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and measure where that is asked for."""
    config.addinivalue_line("markers", MARKER)
    if not any(config.getoption(name) for name in ASKING):
        return
    if pytest.version_tuple[:2] < LEAST_PYTEST:
        raise pytest.UsageError(f"--energyprof needs pytest 8, this is {pytest.__version__}; pip install -U pytest")
    config.pluginmanager.register(_measuring(config), "energyprof-tests")


def _measuring(config: pytest.Config) -> TestEnergy:
    from energyprof.pytest_energy import TestEnergy

    return TestEnergy(config)
