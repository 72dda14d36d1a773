"""The NVIDIA driver's library through pynvml: how it is opened, what each of its errors means, and what mends it."""

from __future__ import annotations

import glob
import os
from typing import Any, Final

from energyprof.errors import SourceError
from energyprof.interfaces import SourceContext
from energyprof.model.domain import ReadStatus

LIBRARY: Final = "libnvidia-ml.so.1"
NVIDIA_PCI: Final = "0x10de"
"""PCI vendor id of NVIDIA, as sysfs prints it."""

# nvmlReturn_t, nvml.h of the CUDA toolkit.
NOT_SUPPORTED: Final = 3
_NO_PERMISSION, _NOT_FOUND, _DRIVER_NOT_LOADED, _TIMEOUT, _FUNCTION_NOT_FOUND = 4, 6, 9, 10, 13
_GPU_IS_LOST, _RESET_REQUIRED, _OPERATING_SYSTEM, _VERSION_MISMATCH = 15, 16, 17, 18
NO_SAMPLES: Final = (0, _NOT_FOUND)
"""What pynvml raises where there is nothing new: NOT_FOUND, and for processes also SUCCESS."""

_STATUS: Final = {
    NOT_SUPPORTED: ReadStatus.NOT_SUPPORTED,
    _FUNCTION_NOT_FOUND: ReadStatus.NOT_SUPPORTED,
    _NO_PERMISSION: ReadStatus.NO_PERMISSION,
    _OPERATING_SYSTEM: ReadStatus.NO_PERMISSION,
    _TIMEOUT: ReadStatus.TIMEOUT,
    _GPU_IS_LOST: ReadStatus.LOST,
    _RESET_REQUIRED: ReadStatus.RESET,
}
_MENDED_BY: Final = {
    _DRIVER_NOT_LOADED: "the NVIDIA kernel driver is not loaded; try: sudo modprobe nvidia",
    _NO_PERMISSION: "NVML may not open the GPUs' device files; let this user do so: ls -l /dev/nvidia* shows the group "
    "to join (sudo usermod -aG GROUP $USER), or try: sudo chmod a+rw /dev/nvidiactl /dev/nvidia[0-9]*",
    _OPERATING_SYSTEM: "the operating system keeps NVML from the GPUs' device files; allow /dev/nvidia* in the device "
    "cgroup, in a container with: docker run --gpus all",
    _FUNCTION_NOT_FOUND: "the NVIDIA driver is older than pynvml can use (no nvmlInitWithFlags); "
    "update it to 450 or newer",
    _GPU_IS_LOST: "a GPU has fallen off the bus; see dmesg | grep NVRM, then reboot",
    _RESET_REQUIRED: "a GPU waits for a reset; try: sudo nvidia-smi --gpu-reset, or reboot",
}


def open_library(context: SourceContext) -> Any:  # the module pynvml, which has no types
    """Load and initialise the library and return pynvml; raises SourceError with the remedy.

    Each call needs one of `close_library`, as NVML counts its users.
    """
    # pynvml takes 30 ms to import and says of any trouble "not found"; most machines have no such library at all.
    import ctypes

    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise SourceError(why_not_loaded(context.root, str(error))) from error
    try:
        import pynvml
    except ImportError as error:
        raise SourceError(
            f"the Python package nvidia-ml-py is missing ({error}); try: pip install nvidia-ml-py"
        ) from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise SourceError(why_not_initialised(context.root, error.value, str(error))) from error
    return pynvml


def close_library(nvml: Any) -> None:
    """Give the library back; a driver that is gone has nothing to be given back to."""
    try:
        nvml.nvmlShutdown()
    except nvml.NVMLError:
        return


def failures(nvml: Any) -> tuple[type[Exception], ...]:
    """Return what pynvml raises where the driver refuses or lacks something."""
    return (nvml.NVMLError, nvml.NVMLLibraryMismatchError)


def value_of(error: Exception) -> int:
    """Return the driver's number of an error."""
    value: int = getattr(error, "value", _FUNCTION_NOT_FOUND)
    return value


def status_of(error: Exception) -> ReadStatus:
    """Return what a failed call means for a reading."""
    return _STATUS.get(value_of(error), ReadStatus.UNKNOWN)


def is_lacking(error: Exception) -> bool:
    """Return whether the device or its driver has no such reading at all."""
    return status_of(error) is ReadStatus.NOT_SUPPORTED


def why_not_loaded(root: str, error: str) -> str:
    """Return why the library cannot be loaded and the remedy, which depends on where we are."""
    if "cannot open shared object file" not in error:
        return f"{LIBRARY} cannot be loaded ({error}); reinstall the NVIDIA driver for this kind of processor"
    if "microsoft" in _text(root, "proc/sys/kernel/osrelease").lower():
        return (
            f"WSL shows no {LIBRARY}; install the NVIDIA driver in Windows, "
            "then: export LD_LIBRARY_PATH=/usr/lib/wsl/lib"
        )
    vendors = [_text("", path).strip() for path in glob.glob(os.path.join(root, "sys/bus/pci/devices/*/vendor"))]
    if vendors and NVIDIA_PCI not in vendors:
        return f"there is no NVIDIA device on the PCI bus and no NVIDIA driver ({LIBRARY}); other sensors may serve"
    if any(os.path.exists(os.path.join(root, name)) for name in (".dockerenv", "run/.containerenv")):
        return (
            f"this container has no {LIBRARY}; on a host with an NVIDIA driver start it with: docker run --gpus all, "
            "and NVIDIA_DRIVER_CAPABILITIES containing utility"
        )
    if vendors:
        return (
            f"there is an NVIDIA device but no {LIBRARY}; install the driver, "
            "Ubuntu: sudo ubuntu-drivers install, Debian: sudo apt install nvidia-driver"
        )
    return f"there is no NVIDIA driver ({LIBRARY}); where there is an NVIDIA GPU, install its driver"


def why_not_initialised(root: str, value: int, text: str) -> str:
    """Return why the library cannot be used and the remedy."""
    if value == _VERSION_MISMATCH:
        loaded = _text(root, "sys/module/nvidia/version").strip()
        return (
            f"the NVIDIA library and the loaded kernel driver{f' {loaded}' if loaded else ''} are of different "
            "versions, as after an update; reboot, or try: sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia && "
            "sudo modprobe nvidia"
        )
    known = _MENDED_BY.get(value)
    return known or f"NVML cannot be initialised ({text}, error {value}); see what nvidia-smi and dmesg | grep NVRM say"


def why_refused(value: int) -> str | None:
    """Return the remedy for an error that has one wherever it occurs."""
    return _MENDED_BY.get(value)


def _text(root: str, name: str) -> str:
    try:
        with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
