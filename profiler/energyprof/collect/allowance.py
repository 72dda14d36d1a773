"""How much CPU time reading the sensors may take: the little that a busy machine can spare, more where CPUs are idle.

The collector is a process of its own. While a CPU is idle it runs there, and the program waits for none of it; what it
costs then is power. On a machine whose CPUs all work, each of its milliseconds is one of the program's. So the share of
one core that is allowed at any rate is granted for each CPU found idle of late, but for one that the program may want
next, and never more than the user lets recording cost of one core.
"""

from __future__ import annotations

from typing import Final

ALWAYS: Final = 0.006
"""CPU time allowed to all devices together at any rate, as a share of one core; they are polled more rarely to keep it.

Waking up alone costs 5 us on bare metal and 60-80 us in a virtual machine whose cores are busy: 100 Hz is 0.8 % there.
"""
MOST: Final = 0.03
"""Likewise, however many CPUs are idle: the energy counter of a GPU that takes 3.5 ms a call, 8 times a second."""


def sources_share(idle_cpus: float | None, bound: float | None) -> float:
    """Return the share of one core that reading all sensors may take.

    `idle_cpus`: how many were idle of late, None: nobody knows; `bound`: what recording may cost, None: anything.
    """
    most = MOST if bound is None else min(MOST, bound)
    return min(ALWAYS * max(1.0, (idle_cpus or 0.0) - 1.0), most)
