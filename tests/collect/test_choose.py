"""Sensors before models, replays only when asked for, and a source that breaks while asked is simply unusable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from energyprof.collect.choose import choose_automatically, choose_named, examine, sensor_root
from energyprof.errors import SourceError
from energyprof.interfaces import Reading, SourceContext
from energyprof.model.domain import Domain


class Source:
    """A source that is usable, unusable or broken, as told."""

    def __init__(self, name: str, measures: Literal["sensor", "model", "replay"], reason: str | None = None) -> None:
        self.name = name
        self.measures = measures
        self.reason = reason

    def why_unavailable(self, context: SourceContext) -> str | None:
        if self.reason == "broken":
            raise OSError("driver missing")
        return self.reason or (None if context.argument != "missing.csv" else "no file missing.csv")

    def open(self, context: SourceContext) -> Sequence[Domain]:
        return ()

    def read(self) -> Sequence[Reading]:
        return ()

    def close(self) -> None:
        return None


RAPL = Source("rapl", "sensor")
MODEL = Source("load_model", "model")
REPLAY = Source("replay", "replay")


def chosen(*sources: Source) -> list[str]:
    return [finding.source.name for finding in choose_automatically(examine(sources, SourceContext()))]


def test_every_usable_sensor_is_used_and_the_model_is_not() -> None:
    assert chosen(MODEL, RAPL, REPLAY, Source("nvml", "sensor")) == ["rapl", "nvml"]


def test_without_a_usable_sensor_the_model_serves() -> None:
    assert chosen(MODEL, Source("rapl", "sensor", "root only"), REPLAY) == ["load_model"]


def test_a_source_that_raises_while_asked_is_unusable_with_the_reason() -> None:
    findings = examine([Source("nvml", "sensor", "broken"), MODEL], SourceContext())

    assert [finding.source.name for finding in choose_automatically(findings)] == ["load_model"]
    assert findings[0].reason == ("it failed while being asked (OSError: driver missing); update or remove its package")


def test_a_source_asked_for_by_name_must_serve() -> None:
    assert choose_named(REPLAY, "power.csv", SourceContext()).context.argument == "power.csv"

    with pytest.raises(SourceError, match=r"power source replay cannot be used: no file missing\.csv"):
        choose_named(REPLAY, "missing.csv", SourceContext())


def test_sensors_are_looked_for_in_the_whole_machine_unless_a_folder_stands_in_for_it():
    roots = [sensor_root(environment) for environment in ({}, {"ENERGYPROF_SYSROOT": ""}, {"ENERGYPROF_SYSROOT": "/x"})]

    assert roots == ["/", "/", "/x"]
