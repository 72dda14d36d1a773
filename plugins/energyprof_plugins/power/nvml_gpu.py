"""One GPU being read: its domains, the channel each is read through, and what becomes of a read that fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.ids import DomainId
from energyprof_plugins.power import nvml_channels as channels
from energyprof_plugins.power.nvml_architecture import (
    CHANNELS,
    GAIN_ERROR,
    Architecture,
    ChannelName,
    habit,
    identify,
    is_superchip,
)
from energyprof_plugins.power.nvml_channels import Channel
from energyprof_plugins.power.nvml_devices import Gpu
from energyprof_plugins.power.nvml_facts import Figures, Processes
from energyprof_plugins.power.nvml_kept import KeptSamples, kept_ns
from energyprof_plugins.power.nvml_library import failures, is_lacking, status_of, value_of, why_refused
from energyprof_plugins.power.nvml_standstill import Motion, Standstill

REFUSALS: Final = 3
"""After so many NOT_SUPPORTED in a row a channel that once answered is given up."""
EXCURSION: Final = 3
"""So many times its limit a board may draw for 100 us: Intel's S. Eastman on PCI Express CEM 5.0 and ATX 3.0 (PCWorld,
quoted by tweaktown.com/news/85717, 2022). For the 10 ms and more that a reading averages it is less; how much less is
not known here, nor whether modules that are no cards keep to it."""
UUID_SHOWN: Final = len("GPU-01234567")


@dataclass(frozen=True, slots=True)
class Clocks:
    """The times a GPU's readings are dated with."""

    start_ns: int
    now_ns: Callable[[], int]
    wall_ns: Callable[[], int]


class Stream:
    """One domain and the channel it is read through, with others that say the same should that one cease to."""

    def __init__(
        self, nvml: Any, domain: Domain, ways: Sequence[Channel], clocks: Clocks, standstill: Standstill | None
    ) -> None:
        """Take at least one way; `standstill` watches a counter."""
        self.domain = domain
        self._failures = failures(nvml)
        self._channel, *self._others = ways
        self._clocks = clocks
        self._standstill = standstill
        self._refusals = 0

    def read(self) -> list[Reading | ReadFailure]:
        """Read once; what the driver refuses is a failure and never raised."""
        try:
            values = self._channel.read()
        except self._failures as error:
            return [self._failed(error)]
        self._refusals = 0
        if self._standstill is not None:
            motion = self._standstill.judge(values[0][0], self._clocks.now_ns())
            if motion is not Motion.MOVES:
                return [self._stands()] if motion is Motion.STANDS else []
        id_, start_ns = self.domain.id, self._clocks.start_ns
        return [Reading(id_, raw, t_ns) for raw, t_ns in values if t_ns is None or t_ns >= start_ns]

    def _stands(self) -> ReadFailure:
        # RESET: what flows until it moves again is unknown, however much it shows then.
        power_w = self._standstill.power_w if self._standstill is not None else 0.0
        return ReadFailure(self.domain.id, ReadStatus.RESET, f"the counter stands still while {power_w:.0f} W flow")

    def _failed(self, error: Exception) -> ReadFailure:
        status = status_of(error)
        self._refusals = self._refusals + 1 if status is ReadStatus.NOT_SUPPORTED else 0
        if self._refusals >= REFUSALS and self._others:
            self._channel, self._refusals = self._others.pop(0), 0
        return ReadFailure(self.domain.id, status, why_refused(value_of(error)) or f"NVML: {error}")


class GpuPart:
    """One GPU: its power, its facts, who uses it; one that has fallen off the bus is not asked again."""

    def __init__(self, nvml: Any, handle: Any, gpu: Gpu, streams: Sequence[Stream]) -> None:
        """Take its streams, that of the GPU itself first."""
        self.name = f"gpu:{gpu.index}"
        self.domains: Sequence[Domain] = tuple(stream.domain for stream in streams)
        self.own = streams[0].domain.id
        self._streams = tuple(streams)
        self._figures, self._processes = Figures(nvml, handle), Processes(nvml, handle)
        self._lost = ""

    def read(self) -> list[Reading | ReadFailure]:
        """Read every domain once."""
        answers: list[Reading | ReadFailure] = []
        for stream in self._streams:
            answers += [self._gone(stream.domain.id)] if self._lost else self._heard(stream.read())
        return answers

    def facts(self) -> Mapping[DomainId, Mapping[str, float]]:
        """Return limit, clocks, temperature and utilisation."""
        return {} if self._lost else {self.own: self._figures.now()}

    def process_shares(self) -> Mapping[DomainId, Mapping[int, float]]:
        """Return by process its part of the work; nothing where that is not known."""
        shares = {} if self._lost else self._processes.shares()
        return {self.own: shares} if shares else {}

    def _heard(self, answers: list[Reading | ReadFailure]) -> list[Reading | ReadFailure]:
        for answer in answers:
            if isinstance(answer, ReadFailure) and answer.status is ReadStatus.LOST:
                self._lost = answer.message
        return answers

    def _gone(self, id_: DomainId) -> ReadFailure:
        return ReadFailure(id_, ReadStatus.LOST, self._lost)


def open_gpu(
    nvml: Any, gpu: Gpu, wanted: Sequence[ChannelName], clocks: Clocks, is_only: bool
) -> tuple[GpuPart | KeptSamples, ...]:
    """Find the channels that answer, of `wanted` or the best one, and return the GPU's parts; raises SourceError.

    Where nobody chose and the best is the counter, the samples that the driver keeps are a part of their own beside it.
    `is_only`: there is no other GPU that might share its module.
    """
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(gpu.index)
    except failures(nvml) as error:
        raise SourceError(_refusal(gpu, error)) from error
    architecture = identify(_capability(nvml, handle), gpu.name)
    own = DomainId(f"gpu:{gpu.index}")

    def way(name: ChannelName) -> Channel:
        return channels.channel(name, nvml, handle, clocks.now_ns, clocks.wall_ns)

    names = _answering(nvml, gpu, wanted, way)
    module = _module(nvml, handle, gpu, architecture, is_only)
    streams: list[Stream] = []
    for name in names:
        domain = Domain(
            id=DomainId(f"{own}:{name}") if streams else own,
            source=f"nvml {_text(name, architecture)} ({_called(gpu)}{', divided by MIG' if gpu.migs else ''})",
            provenance="sensor",
            quantity=way(name).quantity,
            scale=1e-3,
            driver="device",
            parent=own if streams else module.domain.id if module is not None else None,
            gain_error=GAIN_ERROR,
            max_power_w=_most_w(nvml, handle),
            serial=gpu.uuid,
            **_habits(architecture, name),
        )
        watch = Standstill(lambda: _present_w(nvml, way)) if name == "counter" else None
        streams.append(Stream(nvml, domain, _alike(architecture, name, way), clocks, watch))
    whole = GpuPart(nvml, handle, gpu, streams if module is None else [*streams, module])
    keeps_ns = kept_ns(nvml, way("samples")) if not wanted and names == ["counter"] else None
    if keeps_ns is None:
        return (whole,)
    shape = replace(
        whole.domains[0],
        id=DomainId(f"{own}:samples"),
        source=f"nvml {_text('samples', architecture)} ({_called(gpu)})",
        quantity="power",
        parent=own,
        shape_of=own,
        **_habits(architecture, "samples"),
    )
    return whole, KeptSamples(shape, Stream(nvml, shape, [way("samples")], clocks, None).read, keeps_ns)


def _called(gpu: Gpu) -> str:
    """Return its name and the beginning of its UUID, which CUDA_VISIBLE_DEVICES and nvidia-smi take as well."""
    return f"{gpu.name}, {gpu.uuid[:UUID_SHOWN]}" if gpu.uuid else gpu.name


def _habits(architecture: Architecture, name: ChannelName) -> Any:  # keyword arguments of Domain, of several types
    known = habit(architecture, name)
    return {
        "period_ns": known.period_ns,
        "window_ns": known.window_ns,
        "lag_ns": known.lag_ns,
        "response_ns": known.response_ns,
        "tick_ns": known.tick_ns,
        "timing": "by class",
    }


def _answering(
    nvml: Any, gpu: Gpu, wanted: Sequence[ChannelName], way: Callable[[ChannelName], Channel]
) -> list[ChannelName]:
    """Return the wanted channels that answer, else the first that does."""
    found: list[ChannelName] = []
    refused: list[Exception] = []
    for name in wanted or CHANNELS:
        try:
            values = way(name).read()
        except failures(nvml) as error:
            refused.append(error)
            continue
        # A GPU that draws nothing does not answer: some drivers say 0 W where they mean that there is no sensor.
        if name in ("counter", "samples") or values[0][0] > 0:
            found.append(name)
            if not wanted:
                break
    if not found:
        # What can be mended says more than that some channel does not exist.
        telling = [error for error in refused if not is_lacking(error)] or refused
        raise SourceError(_refusal(gpu, telling[0] if telling else None, wanted))
    return found


def _refusal(gpu: Gpu, error: Exception | None, wanted: Sequence[ChannelName] = ()) -> str:
    mended = None if error is None or is_lacking(error) else why_refused(value_of(error))
    if mended is not None:
        return f"gpu:{gpu.index} ({gpu.name}): {mended}"
    asked = " + ".join(wanted) or "energy nor power"
    said = "0 W" if error is None else str(error)
    if wanted:
        return f"gpu:{gpu.index} ({gpu.name}) does not tell {asked} ({said}); leave the choice to nvml: --source nvml"
    return (
        f"gpu:{gpu.index} ({gpu.name}) tells neither {asked} ({said}); its power needs another sensor, "
        "such as hwmon on a Jetson, or a meter (--source replay:FILE.csv)"
    )


def _capability(nvml: Any, handle: Any) -> tuple[int, int] | None:
    try:
        major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    except failures(nvml):
        return None
    return major, minor


def _most_w(nvml: Any, handle: Any) -> float | None:
    try:
        most_mw = nvml.nvmlDeviceGetPowerManagementLimitConstraints(handle)[1]
    except failures(nvml):
        return None
    return EXCURSION * most_mw / 1000 if most_mw > 0 else None


def _alike(architecture: Architecture, name: ChannelName, way: Callable[[ChannelName], Channel]) -> list[Channel]:
    """Return the channel, and the others that say the very same of this architecture."""
    powers: tuple[ChannelName, ...] = ("instant", "usage", "average")
    own = habit(architecture, name)
    same = [other for other in powers if other != name and name in powers and habit(architecture, other) == own]
    return [way(name), *(way(other) for other in same)]


def _present_w(nvml: Any, way: Callable[[ChannelName], Channel]) -> float | None:
    powers: tuple[ChannelName, ...] = ("instant", "usage")
    for name in powers:
        try:
            power_mw, _ = way(name).read()[0]
        except failures(nvml):
            continue
        return power_mw / 1000
    return None


def _module(nvml: Any, handle: Any, gpu: Gpu, architecture: Architecture, is_only: bool) -> Stream | None:
    """Return the module that a superchip's GPU shares with its CPU, where NVML knows its power.

    Where a module has several GPUs, NVML does not say which share one: they would be added twice, so it is left out.
    """
    if not is_superchip(gpu.name) and not is_only:
        return None
    names: tuple[ChannelName, ...] = ("instant", "average")
    for name in names:
        way = channels.Field(nvml, handle, name, channels.SCOPE_MODULE)
        try:
            if way.read()[0][0] <= 0:
                continue
        except failures(nvml):
            continue
        domain = Domain(
            id=DomainId(f"module:{gpu.index}"),
            source=f"nvml {_text(name, architecture)} of GPU and CPU ({_called(gpu)})",
            provenance="sensor",
            quantity="power",
            scale=1e-3,
            driver="device",
            gain_error=GAIN_ERROR,
            serial=gpu.uuid,
            **_habits(architecture, name),
        )
        return Stream(nvml, domain, [way], Clocks(0, lambda: 0, lambda: 0), None)
    return None


def _text(name: ChannelName, architecture: Architecture) -> str:
    if name == "counter":
        return "energy counter"
    if name == "samples":
        return "power samples kept by the driver"
    known = habit(architecture, name)
    if known.window_ns is None or known.period_ns is None:
        return "power"
    window_ms, period_ms = known.window_ns // 1_000_000, known.period_ns // 1_000_000
    if window_ms > period_ms:
        return f"power, mean of {window_ms / 1000:g} s"
    return "power" if window_ms == period_ms else f"power, {window_ms} of every {period_ms} ms"
