"""The power limit of an NVIDIA GPU, which root may set: nvmlDeviceSetPowerManagementLimit.

NVML reference, "Device Commands": milliwatts within nvmlDeviceGetPowerManagementLimitConstraints; root only; it does
not outlive the driver, which without persistence mode is unloaded with its last user.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from energyprof.errors import SourceError
from energyprof.model.domain import ReadStatus
from energyprof.model.ids import DomainId
from energyprof_plugins.power.nvml_devices import Gpu
from energyprof_plugins.power.nvml_library import failures, status_of

TAKEN_WITHIN_W: Final = 1.0
"""Boards round the limit to steps of their own."""


class GpuLimit:
    """The limit of one GPU."""

    def __init__(self, nvml: Any, gpu: Gpu) -> None:
        """Take the library and the GPU; raises what pynvml raises, as where the board has no limit to set."""
        self._nvml, self._index = nvml, gpu.index
        self._handle = nvml.nvmlDeviceGetHandleByIndex(gpu.index)
        lowest_mw, highest_mw = nvml.nvmlDeviceGetPowerManagementLimitConstraints(self._handle)
        self._found_mw = nvml.nvmlDeviceGetPowerManagementLimit(self._handle)
        self._is_changed = False
        self.domain = DomainId(f"gpu:{gpu.index}")
        self.device = gpu.name
        self.found_w, self.lowest_w, self.highest_w = self._found_mw / 1000, lowest_mw / 1000, highest_mw / 1000

    def hold(self, limit_w: float) -> None:
        """Set the limit; raises SourceError where the driver does not let us, or does not do it."""
        self._is_changed = True
        try:
            self._nvml.nvmlDeviceSetPowerManagementLimit(self._handle, round(limit_w * 1000))
            taken_w = self._nvml.nvmlDeviceGetPowerManagementLimit(self._handle) / 1000
        except failures(self._nvml) as error:
            raise SourceError(self._why_refused(error, limit_w)) from error
        if abs(taken_w - limit_w) > TAKEN_WITHIN_W:
            raise SourceError(
                f"{self.domain} ({self.device}) stands at {taken_w:g} W and not at {limit_w:g} W as it was told; see "
                "nvidia-smi -q -d POWER for what holds it"
            )

    def put_back(self) -> None:
        """Set the limit that was found."""
        if not self._is_changed:
            return
        self._is_changed = False
        try:
            if self._nvml.nvmlDeviceGetPowerManagementLimit(self._handle) != self._found_mw:
                self._nvml.nvmlDeviceSetPowerManagementLimit(self._handle, self._found_mw)
        except failures(self._nvml) as error:
            raise SourceError(
                f"the power limit of {self.domain} could not be put back to {self.found_w:g} W ({error}); do it with: "
                f"{self._by_hand(self.found_w)}"
            ) from error

    def _why_refused(self, error: Exception, limit_w: float) -> str:
        if status_of(error) is ReadStatus.NO_PERMISSION:
            return (
                f"only root may set the power limit of {self.domain} ({self.device}); run the sweep as root, or set "
                f"each limit yourself, {self._by_hand(limit_w)}, and name the runs as `energyprof compare --help` shows"
            )
        return (
            f"the power limit of {self.domain} ({self.device}) cannot be set to {limit_w:g} W ({error}); see "
            "nvidia-smi -q -d POWER"
        )

    def _by_hand(self, limit_w: float) -> str:
        return f"sudo nvidia-smi -i {self._index} -pl {limit_w:g}"


def limits_of(nvml: Any, gpus: Sequence[Gpu]) -> list[GpuLimit]:
    """Return the limits of those GPUs that have one to set; raises SourceError where none has."""
    found, refusals = [], []
    for gpu in gpus:
        try:
            found.append(GpuLimit(nvml, gpu))
        except failures(nvml) as error:
            refusals.append(f"gpu:{gpu.index} ({gpu.name}) has no power limit that could be set ({error})")
    if not found:
        raise SourceError(f"{'; '.join(refusals)}; many GPUs of laptops and desktops have none")
    return found
