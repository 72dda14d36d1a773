"""Sensors before models, family by family; a source that is asked for by name must serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from energyprof import discover
from energyprof.collect.choose import Offer, choose_named, chosen_readers, named_readers, sensor_root, why_unavailable
from energyprof.errors import SourceError
from energyprof.interfaces import Reading, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.sources import check_sources


class Source:
    """A source that is usable, unusable or broken, as told."""

    measures: Literal["sensor", "model", "replay"] = "replay"

    def __init__(self, name: str, reason: str | None = None) -> None:
        self.name = name
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


def offer(source: str, *ids: str, measures: Literal["sensor", "model"] = "sensor", rank: int = 50) -> Offer:
    """Return what a source offers; `id<parent` stands for a domain within another."""
    domains = []
    for text in ids:
        name, _, parent = text.partition("<")
        above = DomainId(parent) if parent else None
        domains.append(Domain(DomainId(name), source, measures, "energy", 1.0, "cpu", parent=above))
    return Offer(source, rank, tuple(domains))


MODEL = offer("model", "cpu", measures="model")


def sources(*offers: Offer, **how: bool) -> dict[str, str]:
    return {id_: reader.source for id_, reader in chosen_readers(offers, **how).items()}


@pytest.mark.parametrize(
    "ids",
    [
        ("cpu:0:package", "cpu:0:core<cpu:0:package"),
        ("cpu:0:package<psys", "psys"),
        ("psys",),
        ("cpu",),
        ("machine",),
        ("battery",),
        ("module:0", "gpu:0<module:0"),
        ("rail:cpu_cv",),
        ("gpu:0", "cpu:1:package", "battery"),
    ],
)
def test_where_a_sensor_covers_the_cpu_the_model_is_not_read(ids):
    assert set(sources(MODEL, offer("sensor", *ids)).values()) == {"sensor"}


@pytest.mark.parametrize("ids", [("gpu:0",), ("gpu:0", "machine"), ("gpu:0", "battery"), ("rail:soc",), ("dram:0",)])
def test_a_sensor_of_something_else_leaves_the_cpu_to_the_model(ids):
    assert sources(MODEL, offer("sensor", *ids)) == {**dict.fromkeys(ids, "sensor"), "cpu": "model"}


def test_each_family_is_decided_by_itself_and_one_model_serves_each():
    both = offer("both", "cpu", "dram:0", "gpu:0", measures="model", rank=10)

    found = sources(MODEL, both, offer("nvml", "gpu:0"), offer("rapl", "dram:0"))

    assert found == {"gpu:0": "nvml", "dram:0": "rapl", "cpu": "both"}


def test_without_any_sensor_the_model_serves():
    assert sources(MODEL) == {"cpu": "model"}


def test_a_model_waits_until_it_is_due():
    assert sources(MODEL, offer("nvml", "gpu:0"), are_models_due=False) == {"gpu:0": "nvml"}


def test_a_sensor_that_comes_after_the_model_is_read_only_for_what_the_model_does_not_hold():
    taken = chosen_readers([MODEL])

    found = chosen_readers([offer("late", "cpu:0:package", "dram:0", "psys", "gpu:0", "battery")], taken)

    assert {id_: reader.source for id_, reader in found.items()} == {"cpu": "model", "gpu:0": "late", "battery": "late"}


def test_sources_asked_for_are_all_read_by_rank():
    found = named_readers([MODEL, offer("b", "cpu:0:package", rank=60), offer("a", "cpu:0:package", rank=10)])

    assert {id_: reader.source for id_, reader in found.items()} == {"cpu:0:package": "a", "cpu": "model"}


def test_a_source_that_raises_while_asked_is_unusable_with_the_reason() -> None:
    reason = why_unavailable(Source("nvml", "broken"), SourceContext())

    assert reason == "it failed while being asked (OSError: driver missing); update or remove its package"


def test_a_source_asked_for_by_name_must_serve() -> None:
    replay = Source("replay")
    assert choose_named(replay, "power.csv", SourceContext()).context.argument == "power.csv"

    with pytest.raises(SourceError, match=r"power source replay cannot be used: no file missing\.csv"):
        choose_named(replay, "missing.csv", SourceContext())


def test_sensors_are_looked_for_in_the_whole_machine_unless_a_folder_stands_in_for_it():
    roots = [sensor_root(environment) for environment in ({}, {"ENERGYPROF_SYSROOT": ""}, {"ENERGYPROF_SYSROOT": "/x"})]

    assert roots == ["/", "/", "/x"]


@pytest.mark.parametrize("name", ["rapl", "perf", "hwmon", "battery", "load_model"])
def test_an_argument_that_would_be_ignored_is_refused_before_the_run(name: str) -> None:
    said = f"power source {name} takes no argument, not 'foo'; name it alone: {name}"

    with pytest.raises(SourceError) as refused:
        check_sources([(name, "foo")])

    assert str(refused.value) == said
    with pytest.raises(SourceError, match="takes no argument"):
        choose_named(discover.find(discover.POWER_SOURCES, name).load()(), "foo", SourceContext())
