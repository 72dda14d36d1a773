"""The snippets of CONTRIBUTING.md do what the text says: a reader copies them as they stand."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, RenderContext, SourceContext
from energyprof.model.domain import ReadStatus
from energyprof.model.ids import DomainId, StageId
from energyprof.model.report import Overhead, Report, RunRow, StageRow, SumRow

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def snippet(file: str) -> ModuleType:
    """Return the snippet that names itself `lab_plugins/FILE` as an executed module."""
    found = re.search(rf"```python\n# lab_plugins/{re.escape(file)}\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None, f"CONTRIBUTING.md has no snippet {file}"
    module = ModuleType(file.removesuffix(".py"))
    exec(compile(found[1], file, "exec"), module.__dict__)
    return module


class Events:
    """A sink that keeps what an instrument writes."""

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []
        self.codes: list[int] = []

    def stage_code(
        self, name: str, *, kind: str = "stage", file: str | None = None, line: int | None = None, module: bool = False
    ) -> int:
        self.names.append((name, kind))
        return len(self.names)

    def extend(self) -> Callable[[tuple[int, int]], None]:
        return lambda event: self.codes.append(event[0])

    def local(self) -> object:
        return object()

    def on_fork(self, call: Callable[[], None]) -> None:
        return None


def test_wattmeter_reads_its_file_and_a_dead_meter_is_a_failure_not_a_zero(tmp_path: Path) -> None:
    file = tmp_path / "run/wattmeter/power_mw"
    file.parent.mkdir(parents=True)
    file.write_text("41250\n")
    context = SourceContext(root=str(tmp_path))
    meter = snippet("wattmeter.py").Wattmeter()

    (domain,) = meter.open(context)
    (alive,) = meter.read()
    file.write_text("")
    (dead,) = meter.read()
    meter.close()

    assert meter.why_unavailable(context) is None
    assert (domain.id, domain.quantity, domain.scale) == ("supply", "power", 1e-3)
    assert alive == Reading(DomainId("supply"), 41250)
    assert isinstance(dead, ReadFailure)
    assert dead.status is ReadStatus.UNKNOWN


def test_wattmeter_without_its_file_names_the_remedy(tmp_path: Path) -> None:
    context = SourceContext(root=str(tmp_path))
    meter = snippet("wattmeter.py").Wattmeter()

    assert "start the meter's daemon" in meter.why_unavailable(context)
    with pytest.raises(SourceError, match="start the meter's daemon"):
        meter.open(context)


def test_linalg_records_a_call_and_removes_itself() -> None:
    bare = np.linalg.svd
    instrument = snippet("linalg.py").Linalg()
    sink = Events()

    instrument.install(sink)
    shapes = [part.shape for part in np.linalg.svd(np.eye(3))]
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.solve(np.zeros((2, 2)), np.ones(2))
    instrument.remove()
    instrument.remove()

    assert instrument.framework in sys.modules
    assert shapes == [(3, 3), (3,), (3, 3)]
    assert sink.names == [("solve", "function"), ("svd", "function")]
    assert sink.codes == [2, -2, 1, -1]
    assert np.linalg.svd is bare


def test_markdown_never_prints_a_figure_that_the_report_refuses() -> None:
    known = SumRow(12.34, 11.9, 12.9, "inferred", 0.8)
    refused = SumRow(None, 0.0, 3.0, "inferred", None)
    report = Report(
        run=RunRow(("pipeline.py",), 0, "2026-01-02T03:04:05+00:00", 1.0, "host", {}),
        domains=(),
        ledger=(),
        stages=(stage("train", known), stage("load", refused), stage("epoch", known, parent="train")),
        unsplit=(),
        functions=(),
        edges=(),
        hotspots=(),
        overhead=Overhead(0.0, 0.0, 0, 0, 0.0, 0.0, 0.0, 0, 0),
        warnings=(),
        measured=known,
        mean_power_w=12.3,
        stages_sum=known,
    )

    text = snippet("markdown.py").Markdown().render(report, RenderContext(unicode=False))

    assert text.splitlines()[2:] == [
        "| train | 12.3 J | 11.9-12.9 J | inferred |",
        "| load | not separable | 0.0-3.0 J | inferred |",
    ]


def test_entry_points_of_the_text_name_what_the_snippets_define() -> None:
    named = re.findall(r'^\w+ = "lab_plugins\.(\w+):(\w+)"', TEXT, re.MULTILINE)

    assert len(named) == 3
    assert all(isinstance(getattr(snippet(f"{module}.py"), attribute), type) for module, attribute in named)


def stage(name: str, total: SumRow, parent: str | None = None) -> StageRow:
    return StageRow(
        stage=StageId(name),
        name=name,
        path=(name,),
        parent=None if parent is None else StageId(parent),
        kind="stage",
        file=None,
        line=None,
        calls=1,
        resumes=0,
        wall_s=1.0,
        self_wall_s=1.0,
        cpu_s=1.0,
        self_energy=(),
        total_energy=(),
        self_sum=total,
        total_sum=total,
        embodied_j=None,
    )
