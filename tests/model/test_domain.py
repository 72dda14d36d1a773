"""Which domains may be added up: no joule is counted twice, whichever sources found it."""

from __future__ import annotations

import pytest

from energyprof.model.domain import Domain, counted_ids
from energyprof.model.ids import DomainId


def domain(id_: str, parent: str | None = None) -> Domain:
    above = None if parent is None else DomainId(parent)
    return Domain(DomainId(id_), "a meter", "sensor", "energy", 1.0, "cpu", parent=above)


@pytest.mark.parametrize(
    ("pairs", "counted"),
    [
        ([("gpu:0", None), ("cpu:0:package", None)], {"gpu:0", "cpu:0:package"}),
        ([("cpu:0:package", None), ("cpu:0:core", "cpu:0:package")], {"cpu:0:package"}),
        ([("cpu:0:core", "cpu:0:package")], {"cpu:0:core"}),
        ([("machine", None), ("cpu:0:package", None), ("gpu:0", None)], {"cpu:0:package", "gpu:0"}),
        ([("battery", None), ("cpu", None)], {"cpu"}),
        ([("battery", None)], {"battery"}),
        ([("battery", None), ("machine:0", None), ("machine:1", None)], {"machine:0", "machine:1"}),
        ([("module:0", None), ("cpu:0:package", "module:0"), ("gpu:0", "module:0")], {"module:0"}),
        ([("battery", None), ("psys", "machine")], {"psys"}),
        ([], set()),
    ],
)
def test_what_contains_others_is_not_added_to_them(pairs, counted):
    assert counted_ids(domain(*pair) for pair in pairs) == counted
