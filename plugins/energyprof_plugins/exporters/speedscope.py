"""The stages for speedscope: a profile of energy and one of time, to be switched between at the top of its page.

The format is that of https://www.speedscope.app/file-format-schema.json (read from speedscope 1.25.0). Its units are of
time and memory only, so energies are millijoules of the unit `none`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from energyprof.interfaces import RenderContext
from energyprof.model.footprint_text import carbon_and_cost
from energyprof.model.report import Report
from energyprof_plugins.exporters.account import is_stage, sum_word
from energyprof_plugins.exporters.energy_stacks import Frame, energy_stacks, stage_frames
from energyprof_plugins.exporters.footprint_note import footprint_note
from energyprof_plugins.exporters.visible import program_name, visible

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


class Speedscope:
    """Write the energy of all stages, functions below them where sampled, and their own time."""

    name = "speedscope"
    suffix = ".speedscope.json"
    summary = "stages in millijoules and in seconds; https://www.speedscope.app opens it"

    def render(self, report: Report, context: RenderContext) -> str:
        """Return the document, ASCII only."""
        frames = _Frames()
        energy = [(stack.frames, stack.energy_uj / 1e3) for stack in energy_stacks(report, context.calls())]
        paths = stage_frames(report)
        time = [(paths[row.stage], row.self_wall_s) for row in report.stages if is_stage(row) and row.self_wall_s > 0]
        program = visible(program_name(report.run.command))
        note, priced = footprint_note(report), _priced(report)
        profiles = [
            frames.profile(f"energy (mJ, {sum_word(report)}{priced and f'; {priced}'}) of {program}", "none", energy),
            frames.profile(f"time (s, added up over threads) of {program}", "seconds", time),
        ]
        document = {
            "$schema": SCHEMA,
            "exporter": f"energyprof {visible(report.run.versions.get('energyprof', ''))}",
            "name": f"{program}; {note}" if note else program,
            "activeProfileIndex": 0,
            "shared": {"frames": frames.rows},
            "profiles": profiles,
        }
        return f"{json.dumps(document, allow_nan=False)}\n"


def _priced(report: Report) -> str:
    """Return grams and money alone: the bar at the top of the page has room for no more."""
    row = report.footprint
    return "" if row is None else carbon_and_cost(row.assumptions, row.energy_j)


class _Frames:
    """The frames that all profiles share, each once."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str | int]] = []
        self._places: dict[Frame, int] = {}

    def profile(self, name: str, unit: str, stacks: Iterable[tuple[Sequence[Frame], float]]) -> dict[str, Any]:
        """Return one profile: each stack is a sample, one behind the other."""
        samples, weights = [], []
        for frames, weight in stacks:
            samples.append([self._place(frame) for frame in frames])
            weights.append(weight)
        end = sum(weights)
        return {
            "type": "sampled",
            "name": name,
            "unit": unit,
            "startValue": 0,
            "endValue": end,
            "samples": samples,
            "weights": weights,
        }

    def _place(self, frame: Frame) -> int:
        if frame not in self._places:
            self._places[frame] = len(self.rows)
            row: dict[str, str | int] = {"name": frame.name}
            if frame.file is not None:
                row["file"] = frame.file
            if frame.line is not None:
                row["line"] = frame.line
            self.rows.append(row)
        return self._places[frame]
