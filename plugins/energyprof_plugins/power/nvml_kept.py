"""What the driver keeps of a GPU's power: fetched now and then, it tells how the energy counter went between two reads.

To read the counter takes 3.5 ms of CPU time on an H200 (driver 580), so that it can be afforded about twice a second.
One call for the samples brings all that were taken since the last: 119 of them, 2.4 s, are kept there, about one in
20 ms, each the mean of the 20 ms that ended some 4 ms before its time. Their integral was within 0.13 % of the counter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from energyprof.interfaces import ReadFailure, Reading
from energyprof.model.domain import Domain, ReadStatus
from energyprof_plugins.power.nvml_channels import Channel
from energyprof_plugins.power.nvml_library import failures

LEAST_KEPT_NS: Final = 1_000_000_000
"""Where the buffer is nearly empty yet, as after the driver was loaded: 100 samples, should they come every 10 ms."""


class KeptSamples:
    """A part: the samples of one GPU; one that has fallen off the bus is not asked again."""

    def __init__(self, domain: Domain, read: Callable[[], list[Reading | ReadFailure]], keeps_ns: int) -> None:
        """Take how to read what is new, and for how long the driver keeps it."""
        self.name = f"{domain.shape_of} samples"
        self.domains: Sequence[Domain] = (domain,)
        self.keeps_ns = keeps_ns
        self._read = read
        self._lost: list[ReadFailure] = []

    def read(self) -> list[Reading | ReadFailure]:
        """Return the samples that are new."""
        if self._lost:
            return list(self._lost)
        answers = self._read()
        self._lost = [one for one in answers if isinstance(one, ReadFailure) and one.status is ReadStatus.LOST]
        return answers


def kept_ns(nvml: Any, samples: Channel) -> int | None:
    """Return for how long the driver keeps samples, by those it has now; None: it keeps none, or refuses."""
    try:
        times = [t_ns for _, t_ns in samples.read() if t_ns is not None]
    except failures(nvml):
        return None
    return max(LEAST_KEPT_NS, max(times) - min(times)) if times else LEAST_KEPT_NS
