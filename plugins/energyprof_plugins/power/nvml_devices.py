"""Which GPUs the profiled program can use: what NVML shows, as CUDA_VISIBLE_DEVICES selects it.

NVML knows nothing of that variable and counts GPUs by their place on the PCI bus. CUDA counts the fastest first unless
CUDA_DEVICE_ORDER=PCI_BUS_ID, so that numbers may mean other GPUs where the models differ: then all are read. CUDA's
rules (CUDA C++ Programming Guide, environment variables; cuInit's reading of numbers and repetitions as PyTorch
repeats it in torch.cuda): entries are numbers, `GPU-` UUIDs or `MIG-` names, shortened ones too if they are unique;
nothing from the first invalid entry on is visible, and nothing at all if one is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from energyprof_plugins.power.nvml_library import failures

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as NVML shows it."""

    index: int
    uuid: str
    name: str
    migs: tuple[str, ...] = ()
    """The names of its MIG instances; power is known for the whole GPU only."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The GPUs to read, in NVML's order, and what is to be said about the choice."""

    indices: tuple[int, ...]
    remarks: tuple[str, ...] = ()


def select(gpus: Sequence[Gpu], visible: str | None, order: str | None) -> Selection:
    """Return the GPUs that a program with these variables can use; `visible` None: it is not set."""
    if visible is None:
        return _selection(gpus, {gpu.index for gpu in gpus}, [])
    named: list[str] = []
    found: set[int] = set()
    numbers = False
    remarks: list[str] = []
    for entry in visible.split(","):
        identity, at, is_number = _find(gpus, entry.strip())
        if at is None:
            if entry.strip() not in ("", "-1"):
                remarks.append(f"{VISIBLE}={visible}: there is no {entry.strip()!r}; CUDA sees nothing from it on")
            break
        if identity in named:
            remarks.append(f"{VISIBLE}={visible} repeats {entry.strip()!r}; CUDA then sees no GPU at all")
            return _selection(gpus, set(), remarks)
        named.append(identity)
        found.add(at)
        numbers |= is_number
    if numbers and order != "PCI_BUS_ID" and _differ(gpus):
        remarks.append(
            f"{VISIBLE}={visible} counts the fastest GPU first and NVML by PCI bus, and the models differ: all are "
            f"read; set {ORDER}=PCI_BUS_ID, or name GPUs by UUID (nvidia-smi -L)"
        )
        return _selection(gpus, {gpu.index for gpu in gpus}, remarks)
    return _selection(gpus, found, remarks)


def _selection(gpus: Sequence[Gpu], found: set[int], remarks: Sequence[str]) -> Selection:
    divided = tuple(
        f"gpu:{gpu.index} is divided by MIG: the energy is that of the whole GPU, with what its other instances do"
        for gpu in gpus
        if gpu.migs and gpu.index in found
    )
    return Selection(tuple(sorted(found)), (*remarks, *divided))


def _find(gpus: Sequence[Gpu], entry: str) -> tuple[str, int | None, bool]:
    """Return what an entry means: a name for it, the GPU's index (None: invalid), whether it is a number."""
    if entry.startswith("GPU-"):
        known = {gpu.uuid: gpu.index for gpu in gpus}
    elif entry.startswith("MIG-GPU-"):  # drivers before 470: MIG-GPU-<uuid>/<GPU instance>/<compute instance>
        known = {gpu.uuid: gpu.index for gpu in gpus}
        at = known.get(entry.removeprefix("MIG-").partition("/")[0])
        return entry, at, False
    elif entry.startswith("MIG-"):
        known = {mig: gpu.index for gpu in gpus for mig in gpu.migs}
    else:
        number = re.match(r"\+?\d+", entry)  # as strtoul reads it: what follows the digits is ignored
        index = int(number[0]) if number else -1
        return f"#{index}", index if any(gpu.index == index for gpu in gpus) else None, True
    meant = [name for name in known if name.startswith(entry)]
    return (meant[0], known[meant[0]], False) if len(meant) == 1 else (entry, None, False)


def _differ(gpus: Sequence[Gpu]) -> bool:
    return len({(gpu.name, bool(gpu.migs)) for gpu in gpus}) > 1


def installed(nvml: Any) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """Return the GPUs that NVML shows, and a remark on each that does not answer; raises what pynvml raises."""
    gpus, remarks = [], []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            gpus.append(Gpu(index, nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle), _migs(nvml, handle)))
        except failures(nvml) as error:
            remarks.append(f"gpu:{index} does not answer and is left out ({error}); see nvidia-smi")
    return tuple(gpus), tuple(remarks)


def _migs(nvml: Any, handle: Any) -> tuple[str, ...]:
    names = []
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
        count = nvml.nvmlDeviceGetMaxMigDeviceCount(handle) if current else 0
    except failures(nvml):
        return ()  # a GPU, or a driver, without MIG
    for at in range(count):
        try:
            names.append(nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, at)))
        except failures(nvml):
            continue  # no instance has this number
    return tuple(names)
