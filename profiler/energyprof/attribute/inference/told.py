"""With what timing a sensor was fitted, and where that comes from, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from energyprof.attribute.split import SPREAD
from energyprof.model.domain import Domain

if TYPE_CHECKING:
    from energyprof.attribute.inference.sensor import Fitted
    from energyprof.attribute.inference.window import FoundWindow

MS = 1e-6


def said_of(fitted: Fitted, domain: Domain, window: FoundWindow | None) -> str:
    """Return with which lag, window and time constant the domain was fitted, and where they come from."""
    sd = f"±{SPREAD * fitted.lag_sd_ns * MS:.1f} ms"
    parts = [f"lag {fitted.timing.lag_ns * MS:.1f} {sd}"]
    if fitted.timing.lag_ns < 0:  # no sensor shows what is to come: its updates are later than polls let one date them
        parts = [f"no lag, its updates {-fitted.timing.lag_ns * MS:.1f} {sd} later than they are dated"]
    if domain.quantity == "power":
        parts.append(f"window {(domain.window_ns or domain.period_ns or 0) * MS:.4g} ms")
    if fitted.timing.response_ns:
        parts.append(f"time constant {fitted.timing.response_ns * MS:.3g} ms")
    return f"fitted with {', '.join(parts)}: {source_of(domain, fitted, window)}"


def source_of(domain: Domain, fitted: Fitted, window: FoundWindow | None) -> str:
    """Return where lag, window and time constant come from."""
    found = ["lag"]
    if window is not None and window.is_new:
        found.append("window")
    if fitted.found_response:
        found.append("time constant")
    words = " and ".join(filter(None, (", ".join(found[:-1]), found[-1])))
    return f"{words} by likelihood, within {domain.timing}"


def said_of_window(window: FoundWindow | None, domain: Domain) -> tuple[str, ...]:
    """Return what a reader must know of a window that was not told, or not as the readings have it."""
    if window is None or not window.is_new:
        return ()
    text = (
        f"its readings look like means of {window.window_ns * MS:.4g} ms (\u00b1{SPREAD * window.sd_ns * MS:.2g} ms), "
        f"not of {window.told_ns * MS:.4g} ms as {_taken(domain)}; that is what was fitted; "
        "if you know it, say it with --window, or measure it with: energyprof doctor --probe --load"
    )
    return (text,)


def _taken(domain: Domain) -> str:
    return "its class has it" if domain.timing == "by class" else "one update lasts"
