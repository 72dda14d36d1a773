"""What `pytest --energyprof` does: profile each test, hold it to its budget, and list what all of them took."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from energyprof.errors import EnergyprofError, InputError
from energyprof.in_process.handle import Profile, profile
from energyprof.model.budget import Limit, Ruling
from energyprof.model.report import Report
from energyprof.run import check_budget
from energyprof.sources import check_sources, parsed_source

PREFIX: Final = "energyprof_"
ROWS: Final = 30
"""Rows of the table: those with a budget come first, then the costliest."""
WORKERS: Final = "PYTEST_XDIST_WORKER_COUNT"
BESIDE: Final = "tests ran beside each other, and the sensor measures all of them; run it with -n 0"


class TestEnergy:
    """The hooks that are registered under the option."""

    __test__ = False

    def __init__(self, config: pytest.Config) -> None:
        self._is_marked_only = bool(config.getoption("energyprof_marked"))
        self._is_strict = bool(config.getoption("energyprof_strict"))
        self._sources = tuple(config.getoption("energyprof_source") or ())
        try:
            check_sources(tuple(map(parsed_source, self._sources)))
        except EnergyprofError as error:
            raise pytest.UsageError(str(error)) from error
        kept = config.getoption("energyprof_dir")
        self._kept = None if kept is None else Path(kept).absolute()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Profile the test itself, its fixtures excluded; its own failure comes before that of its budget."""
        limit = _limit_of(item)
        if limit is None and self._is_marked_only:
            return (yield)
        with tempfile.TemporaryDirectory(prefix="energyprof-") as scratch:
            run = profile(self._place(item, Path(scratch)), sources=self._sources, quiet=True)
            try:
                run.start()
            except EnergyprofError as error:  # such as a run that is recorded as a whole: the test is worth as much
                result = yield
                failure = self._unknown(item, limit, str(error))
            else:
                try:
                    result = yield
                except BaseException:
                    self._tell(item, run.stop(), None)
                    raise
                failure = self._tell(item, run.stop(), limit)
        if failure:
            pytest.fail(failure, pytrace=False)
        return result

    def _place(self, item: pytest.Item, scratch: Path) -> Path:
        if self._kept is None:
            return scratch / "test.eprof"
        self._kept.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^\w.-]+", "_", item.nodeid)[-150:]
        for number in range(1, 1_000_000):
            path = self._kept / (f"{stem}.eprof" if number == 1 else f"{stem}-run{number}.eprof")
            if not path.exists():
                return path
        raise InputError(f"no free name in {self._kept}; empty it")

    def _tell(self, item: pytest.Item, run: Profile, limit: Limit | None) -> str:
        """Write the figures to the test's report; return why it fails, or nothing."""
        if run.is_part:
            return self._unknown(item, limit, "another process's run holds the figures; run pytest by itself")
        try:
            report = run.report()
            (ruling,) = check_budget([report], [limit], ()) if limit else (None,)
        except EnergyprofError as error:
            return self._unknown(item, limit, str(error))
        whole = report.measured
        _write(item, energy_j=whole.energy_j, low_j=whole.low_j, high_j=whole.high_j, provenance=whole.provenance)
        return "" if ruling is None else self._rule(item, report, ruling)

    def _rule(self, item: pytest.Item, report: Report, ruling: Ruling) -> str:
        verdict, reason = ruling.verdict, ruling.reason
        if int(os.environ.get(WORKERS, "1")) > 1 and any(row.counts and _is_sensor(row) for row in report.domains):
            verdict, reason = "cannot tell", BESIDE
        _write(item, budget_j=ruling.limit.limit_j, verdict=verdict, reason=reason or None)
        if verdict == "within" or (verdict == "cannot tell" and not self._is_strict):
            return ""
        of = f"stage {ruling.limit.name!r}" if ruling.limit.name else "the test"
        figure = _figure(ruling.value, ruling.low, ruling.high)
        said = f"{of} took {figure}, {ruling.provenance}; its budget is {ruling.limit.limit_j:g} J"
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
        for line in _table([(one.nodeid, _read(one)) for one in reports]):
            terminalreporter.write_line(line)


def _limit_of(item: pytest.Item) -> Limit | None:
    """Return the budget of a test; raises UsageError for a marker that means nothing."""
    marker = item.get_closest_marker("energy")
    if marker is None:
        return None
    known = {"max_j", "stage"}
    max_j = marker.kwargs.get("max_j")
    is_number = isinstance(max_j, (int, float)) and not isinstance(max_j, bool) and max_j > 0
    if marker.args or set(marker.kwargs) - known or not is_number:
        raise pytest.UsageError(f"{item.nodeid}: write @pytest.mark.energy(max_j=2.0) or (max_j=2.0, stage='train')")
    stage = marker.kwargs.get("stage")
    return Limit("total" if stage is None else "stage", stage or "", "run", float(max_j or 0.0))


def _is_sensor(row: Any) -> bool:  # a DomainRow
    return bool(row.provenance != "estimated (model)")


def _write(item: pytest.Item, **facts: object) -> None:
    item.user_properties.extend((f"{PREFIX}{name}", value) for name, value in facts.items() if value is not None)


def _is_told(report: Any) -> bool:  # any kind of pytest's reports
    if getattr(report, "when", None) != "call":
        return False
    return any(name.startswith(PREFIX) for name, _ in report.user_properties)


def _read(report: Any) -> dict[str, Any]:  # a TestReport
    return {name.removeprefix(PREFIX): value for name, value in report.user_properties if name.startswith(PREFIX)}


def _table(tests: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    tests.sort(key=lambda test: ("budget_j" not in test[1], -(test[1].get("energy_j") or 0.0)))
    rows = [
        (
            _figure(facts.get("energy_j"), facts.get("low_j"), facts.get("high_j")),
            f"budget {facts['budget_j']:g} J {facts['verdict']}" if "budget_j" in facts else "",
            nodeid,
            facts.get("reason", ""),
        )
        for nodeid, facts in tests
    ]
    widths = [max(len(row[place]) for row in rows) for place in (0, 1)]
    for figure, budget, nodeid, reason in rows[:ROWS]:
        yield f"{figure:>{widths[0]}}  {budget:{widths[1]}}  {nodeid}" + (f" ({reason})" if reason else "")
    if len(rows) > ROWS:
        yield f"and {len(rows) - ROWS} tests that took less"
    ways = sorted({facts["provenance"] for _, facts in tests if "provenance" in facts})
    yield f"joules of the whole test, idle power included; 95 % intervals; {', '.join(ways) or 'not known'}"


def _figure(energy_j: float | None, low_j: float | None, high_j: float | None) -> str:
    if energy_j is None:
        return "not known"
    if low_j is None or high_j is None:
        return f"{energy_j:.3g} J"
    return f"{energy_j:.3g} J ({low_j:.3g} to {high_j:.3g})"
