"""The ways in which NVML tells energy or power: counter, the fields INSTANT and AVERAGE, GetPowerUsage, sample buffer.

Raw values are the driver's own: millijoules and milliwatts. A read raises what pynvml raises. What each figure means
depends on the architecture (nvml_architecture.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, Protocol

from energyprof_plugins.power.nvml_architecture import ChannelName
from energyprof_plugins.power.nvml_library import NO_SAMPLES, failures, value_of

# nvml.h: field ids, scopes of power, types of samples and of values.
FIELD_AVERAGE: Final = 185
FIELD_INSTANT: Final = 186
SCOPE_GPU: Final = 0
SCOPE_MODULE: Final = 1
TOTAL_POWER_SAMPLES: Final = 0
CLOCK_SET_NS: Final = 10_000_000
"""What moves the wall clock further at once is somebody who sets it; less is its usual drift."""
VALUE_KEYS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


class Channel(Protocol):
    """One way to ask a GPU."""

    name: ChannelName
    quantity: Literal["energy", "power"]

    def read(self) -> list[tuple[int, int | None]]:
        """Return raw values, each with the time the driver took it, where it says so; several only if it does."""
        ...


class Counter:
    """nvmlDeviceGetTotalEnergyConsumption: millijoules since the driver was loaded, from Volta on."""

    name: ChannelName = "counter"
    quantity: Literal["energy", "power"] = "energy"

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._read, self._handle = nvml.nvmlDeviceGetTotalEnergyConsumption, handle

    def read(self) -> list[tuple[int, int | None]]:
        """Return the counter."""
        return [(self._read(self._handle), None)]


class Usage:
    """nvmlDeviceGetPowerUsage: the present power up to Volta, Turing and GA100, the mean of 1 s after that."""

    name: ChannelName = "usage"
    quantity: Literal["energy", "power"] = "power"

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._read, self._handle = nvml.nvmlDeviceGetPowerUsage, handle

    def read(self) -> list[tuple[int, int | None]]:
        """Return the power."""
        return [(self._read(self._handle), None)]


class Field:
    """The field POWER_INSTANT or POWER_AVERAGE, of the GPU or of the module it shares with a CPU; driver 525 on."""

    quantity: Literal["energy", "power"] = "power"

    def __init__(self, nvml: Any, handle: Any, name: ChannelName, scope: int = SCOPE_GPU) -> None:
        self.name: ChannelName = name
        self._nvml, self._handle = nvml, handle
        self._asked = [(FIELD_INSTANT if name == "instant" else FIELD_AVERAGE, scope)]

    def read(self) -> list[tuple[int, int | None]]:
        """Return the power; a field has an error of its own beside that of the call."""
        (field,) = self._nvml.nvmlDeviceGetFieldValues(self._handle, self._asked)
        if field.nvmlReturn:
            raise self._nvml.NVMLError(field.nvmlReturn)
        return [(_whole(field.value, field.valueType), None)]


class Samples:
    """nvmlDeviceGetSamples: what the driver kept of the power since the last read, with times since 1970."""

    name: ChannelName = "samples"
    quantity: Literal["energy", "power"] = "power"

    def __init__(self, nvml: Any, handle: Any, now_ns: Callable[[], int], wall_ns: Callable[[], int]) -> None:
        self._nvml, self._handle = nvml, handle
        self._now_ns, self._wall_ns = now_ns, wall_ns
        self._seen_us = 0
        self._offset_ns: int | None = None

    def read(self) -> list[tuple[int, int | None]]:
        """Return the samples not yet returned, none if there are none; their times as CLOCK_MONOTONIC, never ahead."""
        offset_ns = self._since_1970()
        now_ns = self._now_ns()
        try:
            value_type, samples = self._nvml.nvmlDeviceGetSamples(self._handle, TOTAL_POWER_SAMPLES, self._seen_us)
        except failures(self._nvml) as error:
            if value_of(error) in NO_SAMPLES:
                return []
            raise
        new = [sample for sample in samples if sample.timeStamp > self._seen_us]
        self._seen_us = max((sample.timeStamp for sample in new), default=self._seen_us)
        return [
            (_whole(sample.sampleValue, value_type), min(sample.timeStamp * 1000 - offset_ns, now_ns)) for sample in new
        ]

    def _since_1970(self) -> int:
        """Return by how much the wall clock is ahead of ours; if it has been set, so is the time seen last."""
        before_ns = self._now_ns()
        wall_ns = self._wall_ns()
        offset_ns = wall_ns - (before_ns + self._now_ns()) // 2
        if self._offset_ns is not None and abs(offset_ns - self._offset_ns) > CLOCK_SET_NS:
            self._seen_us = max(0, self._seen_us + (offset_ns - self._offset_ns) // 1000)
        self._offset_ns = offset_ns
        return offset_ns


def _whole(value: Any, value_type: int) -> int:
    """Return the member of NVML's union that the driver has filled; which one, differs between drivers."""
    number: float = getattr(value, VALUE_KEYS[value_type])
    return round(number)


def channel(
    name: ChannelName, nvml: Any, handle: Any, now_ns: Callable[[], int], wall_ns: Callable[[], int]
) -> Channel:
    """Return the channel of that name of one GPU, not yet tried."""
    if name == "counter":
        return Counter(nvml, handle)
    if name == "usage":
        return Usage(nvml, handle)
    if name == "samples":
        return Samples(nvml, handle, now_ns, wall_ns)
    return Field(nvml, handle, name)
