"""Which lanes a domain feeds: those of its own device, where any device has lanes at all, else the host's threads."""

from __future__ import annotations

from typing import Final

import numpy as np

from energyprof.model.domain import Domain
from energyprof.model.span import LANE_KINDS, Flags, Lanes

HOST: Final = -1
ANY_DEVICE: Final = -2
"""The lanes of all devices: of a domain whose id tells no number."""
_DEVICE: Final = LANE_KINDS.index("device")


def device_lanes(domain: Domain, lanes: Lanes) -> int:
    """Return the number of the device whose lanes count for the domain, ANY_DEVICE or HOST.

    Where devices have lanes, one that has none did nothing: what it used was idle or outside, no stage of the host's.
    """
    if domain.driver != "device" or not np.any(lanes.kind == _DEVICE):
        return HOST
    number = domain.local_id.split(":")[1] if ":" in domain.local_id else ""
    return int(number) if number.isdecimal() else ANY_DEVICE


def of_device(lanes: Lanes, device: int) -> Flags:
    """Return which lanes those are."""
    on_device: Flags = lanes.kind == _DEVICE
    if device == HOST:
        return ~on_device
    return on_device if device == ANY_DEVICE else on_device & (lanes.tid == device)
