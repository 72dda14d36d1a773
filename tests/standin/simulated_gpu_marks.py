"""The instrument of the simulated GPU, entered by an entry point as a stranger's would be."""

from __future__ import annotations

import os

from energyprof_plugins.instruments.device_marks import DeviceMarks


class SimulatedGpuMarks:
    """Records what the simulated GPU did."""

    name = "simulated_gpu"
    framework = "simulated_gpu"

    def __init__(self) -> None:
        self._marks: DeviceMarks | None = None

    def install(self, sink: object) -> None:
        """Mark every boundary."""
        from simulated_gpu import GPU

        self._marks = DeviceMarks(sink, GPU, "gpu")
        sink.on_fork(self._marks.forget)
        self._marks.start(GPU.synchronize if os.environ.get("ENERGYPROF_SYNC") else None)

    def remove(self) -> None:
        """Mark nothing more."""
        if self._marks is not None:
            self._marks.stop()
