"""One line of text that tells how a run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def live_text(event: Mapping[str, Any]) -> str:
    """Return `energyprof 1:02:03 · 45.6 W · 1.23 kJ · train/forward`; what is not known is left out.

    Figures that hold those of a model are called estimated.
    """
    if event.get("lead_in_s") is not None:
        parts = [f"energyprof lead-in: the program starts in {float(event['lead_in_s']):.1f} s"]
    else:
        parts = [f"energyprof {_clock(float(event['elapsed_s']))}"]
    figures = []
    if event.get("power_w") is not None:
        figures.append(f"{event['power_w']:.1f} W")
    if event.get("energy_j") is not None:
        figures.append(_joules(float(event["energy_j"])))
    if figures and event.get("estimated"):
        figures[0] = f"estimated {figures[0]}"
    parts += figures
    if event.get("stage"):
        parts.append("".join(letter if letter.isprintable() else "?" for letter in str(event["stage"])))
    return " · ".join(parts)


def _clock(elapsed_s: float) -> str:
    minutes, seconds = divmod(int(elapsed_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _joules(energy_j: float) -> str:
    for unit, size in (("MJ", 1e6), ("kJ", 1e3)):
        if energy_j >= size:
            return f"{energy_j / size:.2f} {unit}"
    return f"{energy_j:.1f} J"
