"""Read NVIDIA GPUs through NVML: `--source nvml`, or with a channel of your choice, `--source nvml:instant`.

Of each GPU the best channel that answers is read: the energy counter (Volta and later), else the present power, else
nvmlDeviceGetPowerUsage, else the mean of a second, else the samples that the driver keeps. Beside the counter those
samples are read as well, and tell its course between two reads (nvml_kept.py). `nvml:counter` leaves them alone, and
`nvml:counter+instant` reads several: the first is the GPU, `gpu:0`, the others are contained in it, `gpu:0:instant`; so
a counter is checked against the power. Numbers are NVML's: `gpu:0` is what nvidia-smi calls 0, whatever CUDA calls it.
On a GH200 the power of the module, GPU and CPU, is `module:0`, which contains `gpu:0`.

Only GPUs that CUDA_VISIBLE_DEVICES leaves to the program are read (nvml_devices.py); how each kind measures stands in
nvml_architecture.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from energyprof.errors import SourceError
from energyprof.interfaces import Part, ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain

if TYPE_CHECKING:
    from energyprof.limit_doors import PowerLimit
    from energyprof_plugins.power.nvml_architecture import ChannelName
    from energyprof_plugins.power.nvml_gpu import GpuPart
    from energyprof_plugins.power.nvml_kept import KeptSamples

NO_GPU: Final = (
    "the NVIDIA driver runs but shows no GPU; see what nvidia-smi -L says, in a container start it with: "
    "docker run --gpus all"
)


class Nvml:
    """The GPUs of this machine that the program can use, each a part."""

    name = "nvml"
    measures: Literal["sensor", "model", "replay"] = "sensor"
    rank = 20

    def __init__(self, environment: Mapping[str, str] | None = None, wall_ns: Callable[[], int] = time.time_ns) -> None:
        """Take the program's environment, which is ours, and the wall clock, by which the driver dates its samples."""
        self._environment = os.environ if environment is None else environment
        self._wall_ns = wall_ns
        self._nvml: Any = None
        self._parts: tuple[GpuPart | KeptSamples, ...] = ()
        self.remarks: tuple[str, ...] = ()
        """What there is to say of the GPUs that are read, and of those that are not."""

    def argument_fault(self, argument: str) -> str | None:
        """Return what is wrong with the channels asked for."""
        try:
            _channels(argument)
        except SourceError as error:
            return str(error)
        return None

    def why_unavailable(self, context: SourceContext) -> str | None:
        """Return why no GPU can be read, with the remedy.

        Where one can, NVML is kept initialised until `close`: without persistence mode a GPU takes seconds to wake up.
        """
        try:
            self._connect(context)
        except SourceError as error:
            self.close()
            return str(error)
        return None

    def open(self, context: SourceContext) -> Sequence[Domain]:
        """Find the channel of each GPU and return the domains; a GPU that tells nothing is left out and remarked."""
        try:
            self._parts, self.remarks = self._connect(context)
        except SourceError:
            self.close()
            raise
        return tuple(domain for part in self._parts for domain in part.domains)

    def parts(self) -> Sequence[Part]:
        """Return the GPUs, each with what the driver keeps of its power."""
        return self._parts

    def read(self) -> Iterable[Reading | ReadFailure]:
        """Read one GPU after the other, for those who do not read the parts."""
        return [answer for part in self._parts for answer in part.read()]

    def power_limits(self, context: SourceContext) -> Sequence[PowerLimit]:
        """Return the power limits of the GPUs that the program can use."""
        from energyprof_plugins.power.nvml_library import open_library
        from energyprof_plugins.power.nvml_limits import limits_of

        if self._nvml is None:
            self._nvml = open_library(context)
        gpus, self.remarks = self._chosen()
        return limits_of(self._nvml, gpus)

    def close(self) -> None:
        """Leave the driver alone."""
        nvml, self._nvml, self._parts = self._nvml, None, ()
        if nvml is not None:
            from energyprof_plugins.power.nvml_library import close_library

            close_library(nvml)

    def _connect(self, context: SourceContext) -> tuple[tuple[GpuPart | KeptSamples, ...], tuple[str, ...]]:
        """Initialise NVML unless it is, find the GPUs and their channels; raises SourceError."""
        from energyprof_plugins.power.nvml_gpu import Clocks, open_gpu
        from energyprof_plugins.power.nvml_library import open_library

        wanted = _channels(context.argument)
        if self._nvml is None:
            self._nvml = open_library(context)
        clocks = Clocks(context.start_ns, context.now_ns, self._wall_ns)
        gpus, remarks = self._chosen()
        parts: list[GpuPart | KeptSamples] = []
        refusals: list[str] = []
        for gpu in gpus:
            try:
                parts.extend(open_gpu(self._nvml, gpu, wanted, clocks, is_only=len(gpus) == 1))
            except SourceError as error:
                refusals.append(str(error))
        if not parts:
            raise SourceError(refusals[0])
        return tuple(parts), (*remarks, *refusals)

    def _chosen(self) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        """Return the GPUs the program can use, at least one; raises SourceError."""
        from energyprof_plugins.power.nvml_devices import ORDER, VISIBLE, installed, select
        from energyprof_plugins.power.nvml_library import failures, value_of, why_not_initialised

        try:
            gpus, remarks = installed(self._nvml)
        except failures(self._nvml) as error:
            raise SourceError(why_not_initialised("/", value_of(error), str(error))) from error
        if not gpus:
            raise SourceError(f"{remarks[0]}" if remarks else NO_GPU)
        visible = self._environment.get(VISIBLE)
        selection = select(gpus, visible, self._environment.get(ORDER))
        if not selection.indices:
            said = f" ({'; '.join(selection.remarks)})" if selection.remarks else ""
            raise SourceError(f"{VISIBLE}={visible!r} hides every GPU from the program{said}; unset or correct it")
        chosen = tuple(gpu for gpu in gpus if gpu.index in selection.indices)
        return chosen, (*remarks, *selection.remarks)


def _channels(argument: str) -> tuple[ChannelName, ...]:
    """Return the channels asked for by the argument, none for the best; raises SourceError."""
    from energyprof_plugins.power.nvml_architecture import CHANNELS

    known = {str(name): name for name in CHANNELS}
    wanted = argument.split("+") if argument else []
    strange = [name for name in wanted if name not in known]
    if strange or len(set(wanted)) != len(wanted):
        raise SourceError(
            f"nvml has no channel {(strange or wanted)[0]!r} to read (once); known are {', '.join(known)}, "
            "several joined as in --source nvml:counter+instant"
        )
    return tuple(known[name] for name in wanted)
