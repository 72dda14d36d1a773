"""What part of a run was stored span by span, in words."""

from __future__ import annotations

from energyprof.attribute.stretches import Between
from energyprof.model.trace import Trace


def said_of_bursts(trace: Trace, between: Between | None) -> tuple[str, ...]:
    """Say what part of the run was stored span by span."""
    if between is None:
        return ()
    run_ns = max(trace.run.end_ns - trace.run.start_ns, 1)
    counted_ns = float((between.end_ns - between.start_ns).sum())
    part = 1 - counted_ns / run_ns
    text = (
        f"the recording came near its bound: spans were stored during {part:.1%} of the run, in random bursts, and "
        "counted in the rest; calls and times are complete, energies of the rest are inferred from the bursts; "
        "raise --max-size to store more"
    )
    return (text,)
