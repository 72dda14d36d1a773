"""The process that holds the power limits of a sweep, and puts them back when the sweep is done, or is no more.

It is a process of its own for the reason that the collector is one: a driver that hangs holds up neither prompt nor
Ctrl-C. And nothing that ends the sweep, SIGKILL included, leaves a limit behind: the pipe to it ends, and this process
puts back what it found. It takes one device from its arguments, then watts, a line each; it answers each with a line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from energyprof import discover
from energyprof.collect.choose import sensor_root
from energyprof.errors import EnergyprofError, InputError
from energyprof.interfaces import SourceContext
from energyprof.limit_doors import LimitSource, PowerLimit

if TYPE_CHECKING:
    from energyprof.interfaces import PowerSource


def main() -> int:
    """Keep the limits of the device named by the first argument, empty: the GPUs, else the processors."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the sweep, whose end is ours
    sources = _sources()
    try:
        limits = chosen(sources, sys.argv[1], SourceContext(root=sensor_root(), now_ns=time.monotonic_ns))
    except EnergyprofError as error:
        _say({"error": str(error)})
        return 0
    _say({"limits": [_described(limit) for limit in limits]})
    try:
        for line in sys.stdin:
            _say(_held(limits, float(line)))
    finally:
        _say(_put_back(limits))
        for source in sources:
            source.close()
    return 0


def chosen(sources: Sequence[PowerSource], device: str, context: SourceContext) -> list[PowerLimit]:
    """Return the limits of a device, `gpu`, `gpu:0`, `cpu`, `cpu:0` or a domain; empty: of the GPUs, else the CPUs.

    Raises InputError with what each source says, and with the devices that there are.
    """
    found: list[PowerLimit] = []
    refusals = []
    for source in sources:
        if isinstance(source, LimitSource):
            try:
                found += source.power_limits(context)
            except EnergyprofError as error:
                refusals.append(f"{source.name}: {error}")
    for wanted in [device] if device else ["gpu", "cpu"]:
        own = [limit for limit in found if f"{limit.domain}:".startswith(f"{wanted}:")]
        if own:
            return own
    there = f"; there are {', '.join(limit.domain for limit in found)}" if found else ""
    what = f"no device {device!r} has" if device else "no device here has"
    raise InputError(f"{what} a power limit that can be set{there}{'; ' if refusals else ''}{'; '.join(refusals)}")


def _sources() -> list[PowerSource]:
    sources = []
    for spec in discover.plugins(discover.POWER_SOURCES):
        with suppress(EnergyprofError):  # a broken plugin; `doctor` says so
            sources.append(spec.load()())
    return sources


def _described(limit: PowerLimit) -> dict[str, Any]:
    return {
        "domain": limit.domain,
        "device": limit.device,
        "found_w": limit.found_w,
        "lowest_w": limit.lowest_w,
        "highest_w": limit.highest_w,
    }


def _held(limits: Sequence[PowerLimit], limit_w: float) -> dict[str, Any]:
    try:
        for limit in limits:
            limit.hold(limit_w)
    except EnergyprofError as error:
        return {"error": str(error)}
    return {"held_w": limit_w}


def _put_back(limits: Sequence[PowerLimit]) -> dict[str, Any]:
    left = []
    for limit in limits:
        try:
            limit.put_back()
        except EnergyprofError as error:
            left.append(str(error))
    return {"error": "; ".join(left)} if left else {"put_back": True}


def _say(answer: dict[str, Any]) -> None:
    with suppress(OSError):  # nobody is left to hear it
        os.write(1, f"{json.dumps(answer)}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
