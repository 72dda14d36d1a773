"""What sensors and clocks said and is not packed yet: it comes from no spool, and has a rhythm of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from energyprof.capture.chunk_buffer import ChunkBuffer
from energyprof.capture.columns import picked
from energyprof.capture.schema import ChunkKind
from energyprof.capture.table_codec import pack_cpu, pack_power_sums, pack_readings, pack_use
from energyprof.model.power import Readings, ThreadCpu, Use
from energyprof.model.tally import PowerSums


class SensorRows:
    """Readings, what stands for those left out, use of the host and of devices, CPU times: by number of the domain."""

    def __init__(self) -> None:
        self._readings: dict[int, ChunkBuffer[Readings]] = {}
        self._use: dict[int, ChunkBuffer[Use]] = {}
        self._sums: dict[int, ChunkBuffer[PowerSums]] = {}
        self._cpu = ChunkBuffer(ThreadCpu, pack_cpu, _cpu_in_order)

    def add_readings(self, number: int, rows: Readings, now_ns: int) -> None:
        """Take readings of one domain."""
        if number not in self._readings:
            self._readings[number] = ChunkBuffer(Readings, pack_readings)
        self._readings[number].add(rows, now_ns)

    def add_use(self, part: int, rows: Use, now_ns: int) -> None:
        """Take who used the host (part 0), or the domain `part` - 1."""
        if part not in self._use:
            self._use[part] = ChunkBuffer(Use, pack_use)
        self._use[part].add(rows, now_ns)

    def add_power_sums(self, number: int, rows: PowerSums, now_ns: int) -> None:
        """Take what stands for readings of one domain that were left out."""
        if number not in self._sums:
            self._sums[number] = ChunkBuffer(PowerSums, pack_power_sums)
        self._sums[number].add(rows, now_ns)

    def add_cpu(self, rows: ThreadCpu, now_ns: int) -> None:
        """Take CPU times of threads, in any order."""
        self._cpu.add(rows, now_ns)

    def take_due(
        self, now_ns: int, age_ns: int, force: bool
    ) -> Iterator[tuple[ChunkKind, list[tuple[int, bytes]], int]]:
        """Yield (kind, packed, part) of what makes full chunks or has waited for `age_ns`; with `force` of all."""
        for kind, buffers in (
            (ChunkKind.READINGS, self._readings),
            (ChunkKind.USE, self._use),
            (ChunkKind.POWER_SUMS, self._sums),
            (ChunkKind.CPU, {0: self._cpu}),
        ):
            for part, buffer in buffers.items():
                if len(buffer) and (force or buffer.is_due(now_ns, age_ns)):
                    yield kind, buffer.take(), part


def _cpu_in_order(cpu: ThreadCpu) -> ThreadCpu:
    return picked(cpu, np.lexsort((cpu.t_ns, cpu.tid, cpu.pid)))
