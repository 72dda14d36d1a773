"""The name of this machine's processor; nothing heavy, for sensors are known by it before anything else is loaded."""

from __future__ import annotations


def cpu_model(path: str = "/proc/cpuinfo") -> str:
    """Return the processor's name (proc(5), cpuinfo); empty where the system does not say."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            names = [line.partition(":")[2].strip() for line in stream if line.startswith("model name")]
    except OSError:
        return ""
    return names[0] if names else ""
