"""Which lanes a domain feeds."""

from __future__ import annotations

import numpy as np
import pytest

from energyprof.attribute.device_lanes import ANY_DEVICE, HOST, device_lanes, of_device
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.model.span import LANE_KINDS, Lanes

THREAD, DEVICE = LANE_KINDS.index("thread"), LANE_KINDS.index("device")


def lanes(*rows):
    """Return lanes of (kind, tid)."""
    kind, tid = np.array(rows, np.int64).reshape(-1, 2).T
    none = np.full(len(kind), -1, np.int32)
    return Lanes(none, tid.astype(np.int32), np.arange(len(kind)), kind.astype(np.uint8), none, none, none)


MIXED = lanes((THREAD, 1), (DEVICE, 0), (DEVICE, 1))


@pytest.mark.parametrize(
    ("domain", "driver", "there", "device"),
    [
        ("gpu:1", "device", MIXED, 1),
        ("gpu:3", "device", MIXED, 3),
        ("gpu", "device", MIXED, ANY_DEVICE),
        ("gpu:0", "device", lanes((THREAD, 0)), HOST),
        ("cpu:0:package", "cpu", MIXED, HOST),
    ],
)
def test_domain_has_the_lanes_of_its_own_device(domain, driver, there, device):
    assert device_lanes(Domain(DomainId(domain), "x", "sensor", "power", 1.0, driver), there) == device


@pytest.mark.parametrize(
    ("device", "counted"),
    [(HOST, [True, False, False]), (ANY_DEVICE, [False, True, True]), (1, [False, False, True]), (3, [False] * 3)],
)
def test_lanes_of_a_device_are_told_by_its_number(device, counted):
    assert of_device(MIXED, device).tolist() == counted
