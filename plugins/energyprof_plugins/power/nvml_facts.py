"""What NVML tells of a GPU beside power: limit, clocks, temperature, utilisation, and which processes use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from energyprof_plugins.power.nvml_library import NO_SAMPLES, failures, is_lacking, value_of

# nvml.h: nvmlClockType_t, nvmlTemperatureSensors_t.
CLOCK_SM: Final = 1
CLOCK_MEM: Final = 2
TEMPERATURE_GPU: Final = 0

_CALLS: Final[Mapping[str, Callable[[Any, Any], float]]] = {
    "power_limit_w": lambda nvml, handle: nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,
    "sm_clock_hz": lambda nvml, handle: nvml.nvmlDeviceGetClockInfo(handle, CLOCK_SM) * 1e6,
    "mem_clock_hz": lambda nvml, handle: nvml.nvmlDeviceGetClockInfo(handle, CLOCK_MEM) * 1e6,
    "temperature_c": lambda nvml, handle: float(nvml.nvmlDeviceGetTemperature(handle, TEMPERATURE_GPU)),
    "utilization_ratio": lambda nvml, handle: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
}


class Figures:
    """The figures of one GPU; a call that it does not have is not made again."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        """Take the library and the GPU's handle."""
        self._nvml, self._handle = nvml, handle
        self._calls = dict(_CALLS)

    def now(self) -> dict[str, float]:
        """Return the figures of now; what is not known is left out."""
        figures = {}
        for name, call in tuple(self._calls.items()):
            try:
                figures[name] = call(self._nvml, self._handle)
            except failures(self._nvml) as error:
                if is_lacking(error):
                    del self._calls[name]
        return figures


class Processes:
    """The parts of one GPU's work that each process did of late.

    NVML numbers processes as the host does: inside a container of its own pid namespace the numbers mean nothing.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        """Take the library and the GPU's handle."""
        self._nvml, self._handle = nvml, handle
        self._seen_us = 0
        self._has_utilization = True
        self._shares: dict[int, float] = {}

    def shares(self) -> dict[int, float]:
        """Return by process its part of the busy multiprocessors, together 1; nothing where that is not known.

        The driver renews its samples about once a second; until then the last ones stand.
        """
        if self._has_utilization:
            try:
                samples = self._nvml.nvmlDeviceGetProcessUtilization(self._handle, self._seen_us)
            except failures(self._nvml) as error:
                self._has_utilization = not is_lacking(error)
                if value_of(error) not in NO_SAMPLES:
                    self._shares = {}
            else:
                self._take(samples)
        return dict(self._shares) if self._has_utilization else self._alone()

    def _take(self, samples: Iterable[Any]) -> None:
        newest: dict[int, Any] = {}
        for sample in samples:
            # Some drivers pad the buffer with rows of no process and no time.
            if sample.timeStamp > self._seen_us and sample.smUtil <= 100:
                known = newest.get(sample.pid)
                if known is None or known.timeStamp < sample.timeStamp:
                    newest[sample.pid] = sample
        self._seen_us = max((sample.timeStamp for sample in newest.values()), default=self._seen_us)
        busy = sum(sample.smUtil for sample in newest.values())
        self._shares = {pid: sample.smUtil / busy for pid, sample in newest.items() if sample.smUtil} if busy else {}

    def _alone(self) -> dict[int, float]:
        """Return the one process that computes, where there is only one: how several share, is not known."""
        try:
            processes = {one.pid for one in self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)}
        except failures(self._nvml):
            return {}
        return dict.fromkeys(processes, 1.0) if len(processes) == 1 else {}
