"""What torch does on CUDA devices, by events in its streams; nothing here starts CUDA.

Where torch has no CUDA, or the machine no GPU, nothing is installed and nothing costs. ROCm's torch answers by the same
names (torch.cuda). With ENERGYPROF_SYNC set every stage and module waits for the device at its end.
"""

from __future__ import annotations

import os

from energyprof_plugins.instruments.device_marks import DeviceMarks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from energyprof.interfaces import SpanSink
    from energyprof_plugins.instruments.torch_cuda_clock import CudaClock

SYNC = "ENERGYPROF_SYNC"
DEVICE_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""A driver's: NVIDIA, AMD (docs.kernel.org/gpu/amdgpu), Windows' in WSL 2. Asking the driver itself would start it."""


class TorchCuda:
    """Records what torch's streams did below the stages and modules that launched it, until removed."""

    name = "torch_cuda"
    framework = "torch"

    def __init__(self, device_files: Sequence[str] = DEVICE_FILES) -> None:
        self._device_files = device_files
        self._marks: DeviceMarks | None = None
        self._clock: CudaClock | None = None

    def install(self, sink: SpanSink) -> None:
        """Listen to boundaries, if torch can use a device here and the sink takes them."""
        import torch

        from energyprof.sink_doors import DeviceSink

        has_cuda = torch.version.cuda is not None or torch.version.hip is not None
        is_here = has_cuda and any(os.path.exists(file) for file in self._device_files)
        if self._marks is not None or not is_here or not isinstance(sink, DeviceSink):
            return
        from energyprof_plugins.instruments.torch_cuda_clock import CudaClock

        self._clock = clock = CudaClock()
        clock.watch_captures()
        self._marks = marks = DeviceMarks(sink, clock, "cuda")
        sink.on_fork(marks.forget)
        marks.start(clock.synchronize if os.environ.get(SYNC) else None)

    def remove(self) -> None:
        """Listen no more."""
        if self._marks is not None and self._clock is not None:
            self._marks.stop()
            self._clock.unwatch_captures()
        self._marks = self._clock = None
