"""What `pytest --energyprof` does: profile each test, hold it to its budget, and list what all of them took."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from energyprof.errors import EnergyprofError, InputError
from energyprof.in_process.handle import Profile
from energyprof.in_process.session import Wish, own_environment
from energyprof.launch.ready_collectors import ReadyCollectors
from energyprof.model.budget import Limit, Ruling
from energyprof.model.report import Report
from energyprof.pytest_marker import fault_of, limit_of, stage_fault
from energyprof.pytest_table import budget_figure, figure, table
from energyprof.run import check_budget
from energyprof.sources import check_sources, parsed_source

PREFIX: Final = "energyprof_"
WORKERS: Final = "PYTEST_XDIST_WORKER_COUNT"
BESIDE: Final = "tests ran beside each other, and the sensor measures all of them; run it with -n 0"
ELSEWHERE: Final = "another process's run holds the figures; run pytest by itself"
BY_ITSELF: Final = "the test profiles itself, and its own profile has the figures"
MISNAMED: Final = "no such stage"
UNREAD: Final = "no reading covers the test"


class TestEnergy:
    """The hooks that are registered under the option."""

    __test__ = False

    def __init__(self, config: pytest.Config) -> None:
        self._is_marked_only = bool(config.getoption("energyprof_marked"))
        self._is_strict = bool(config.getoption("energyprof_strict"))
        kept = config.getoption("energyprof_dir")
        self._kept = None if kept is None else Path(kept).absolute()
        self._ready: ReadyCollectors | None = None
        """Made with the first test that is profiled: who only collects tests, or leads workers, needs none."""
        self._has_none_ready = False
        try:
            self._sources = tuple(map(parsed_source, config.getoption("energyprof_source") or ()))
            check_sources(self._sources)
            if self._kept is not None:
                self._kept.mkdir(parents=True, exist_ok=True)
        except (EnergyprofError, OSError) as error:
            raise pytest.UsageError(f"energyprof: {error}") from error

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail a test whose marker means nothing before its fixtures are made."""
        fault = fault_of(item)
        if fault:
            pytest.fail(fault, pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Profile the test itself, its fixtures excluded; its own failure comes before that of its budget."""
        _forget(item)
        limit = limit_of(item)
        if limit is None and self._is_marked_only:
            return (yield)
        with tempfile.TemporaryDirectory(prefix="energyprof-", ignore_cleanup_errors=True) as scratch:
            try:
                run = Profile(self._wish(self._place(item, scratch)), quiet=True).start()
            except EnergyprofError as error:  # such as a run that is recorded as a whole: the test is worth as much
                result = yield
                failure = self._unknown(item, limit, str(error))
            else:
                try:
                    result = yield
                except (KeyboardInterrupt, pytest.exit.Exception):
                    run.stop()
                    raise
                except BaseException:
                    self._tell(item, run.stop(), None)
                    raise
                failure = self._tell(item, run.stop(), limit)
        if failure:
            pytest.fail(failure, pytrace=False)
        return result

    def pytest_unconfigure(self) -> None:
        """End what has made the collectors."""
        if self._ready is not None:
            self._ready.end()
            self._ready = None

    def _wish(self, path: Path) -> Wish:
        if self._ready is None and not self._has_none_ready:
            try:
                self._ready = ReadyCollectors(own_environment())
            except (EnergyprofError, OSError):  # then every test starts one, and says what is wrong with that
                self._has_none_ready = True
        return Wish(str(path), self._sources, gives_way=True, ready=self._ready)

    def _place(self, item: pytest.Item, scratch: str) -> Path:
        if self._kept is None:
            return Path(scratch) / "test.eprof"
        stem = re.sub(r"[^\w.-]+", "_", item.nodeid, flags=re.ASCII)[-150:]
        for number in range(1, 1_000_000):
            path = self._kept / (f"{stem}.eprof" if number == 1 else f"{stem}-run{number}.eprof")
            if not path.exists():
                return path
        raise InputError(f"no free name in {self._kept}; empty it")

    def _tell(self, item: pytest.Item, run: Profile, limit: Limit | None) -> str:
        """Write the figures to the test's report; return why it fails, or nothing."""
        if run.is_part or run.gave_way:
            return self._unknown(item, limit, ELSEWHERE if run.is_part else BY_ITSELF)
        try:
            report = run.report()
        except Exception as error:  # a fault of ours must hide no failure of the test, nor make one
            return self._unknown(item, limit, str(error) or type(error).__name__)
        whole = report.measured
        reason = UNREAD if whole.energy_j is None else None
        provenance = None if reason else whole.provenance
        _write(item, energy_j=whole.energy_j, low_j=whole.low_j, high_j=whole.high_j, provenance=provenance)
        if limit is None:
            _write(item, reason=reason)
            return ""
        fault = stage_fault(limit, [row.stage for row in report.stages])
        if fault:
            _write(item, budget_j=limit.limit_j, stage=limit.name, verdict=MISNAMED, reason=fault)
            return fault
        (ruling,) = check_budget([report], [limit], ())
        return self._rule(item, report, ruling)

    def _rule(self, item: pytest.Item, report: Report, ruling: Ruling) -> str:
        verdict, reason = ruling.verdict, ruling.reason
        if int(os.environ.get(WORKERS, "1")) > 1 and any(row.counts and _is_sensor(row) for row in report.domains):
            verdict, reason = "cannot tell", BESIDE
        limit = ruling.limit
        _write(item, budget_j=limit.limit_j, stage=limit.name or None, verdict=verdict, reason=reason or None)
        if verdict == "within" or (verdict == "cannot tell" and not self._is_strict):
            return ""
        of = f"stage {limit.name!r}" if limit.name else "the test"
        took = f"{of} took {figure(ruling.value, ruling.low, ruling.high)}, {ruling.provenance}"
        said = f"{took}; its budget is {budget_figure(limit.limit_j or 0.0)}"
        return f"{said}: {reason}" if reason else said

    def _unknown(self, item: pytest.Item, limit: Limit | None, reason: str) -> str:
        _write(item, reason=reason)
        if limit is None:
            return ""
        _write(item, budget_j=limit.limit_j, verdict="cannot tell")
        return f"its energy is not known, and it has a budget: {reason}" if self._is_strict else ""

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # pytest's TerminalReporter, which is not public
        """List what the tests took, wherever they ran."""
        reports = [one for found in terminalreporter.stats.values() for one in found if _is_told(one)]
        if not reports:
            return
        terminalreporter.write_sep("=", "energy of tests")
        for line in table([(one.nodeid, _read(one)) for one in reports]):
            terminalreporter.write_line(line)


def _is_sensor(row: Any) -> bool:  # a DomainRow
    return bool(row.provenance != "estimated (model)")


def _write(item: pytest.Item, **facts: object) -> None:
    item.user_properties.extend((f"{PREFIX}{name}", value) for name, value in facts.items() if value is not None)


def _forget(item: pytest.Item) -> None:
    """Drop what an attempt before this one has told: a test that is run again has one account."""
    item.user_properties[:] = [one for one in item.user_properties if not one[0].startswith(PREFIX)]


def _is_told(report: Any) -> bool:  # any kind of pytest's reports
    if getattr(report, "when", None) != "call":
        return False
    return any(name.startswith(PREFIX) for name, _ in report.user_properties)


def _read(report: Any) -> dict[str, Any]:  # a TestReport
    return {name.removeprefix(PREFIX): value for name, value in report.user_properties if name.startswith(PREFIX)}
