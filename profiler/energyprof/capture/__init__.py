"""The `.eprof` file: written while a run goes, read by all analysis; `schema` describes it, nobody else knows it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from energyprof.capture.reader import RunSummary, read_run, read_trace
    from energyprof.capture.results import read_attribution, store_attribution
    from energyprof.capture.writer import CaptureWriter

__all__ = ["CaptureWriter", "RunSummary", "read_attribution", "read_run", "read_trace", "store_attribution"]

_HOMES = {
    "CaptureWriter": "writer",
    "RunSummary": "reader",
    "read_attribution": "results",
    "read_run": "reader",
    "read_trace": "reader",
    "store_attribution": "results",
}


def __getattr__(name: str) -> object:
    # Lazy (PEP 562): the collector writes, and has no use for what reads and for the model of all results.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(__import__(f"{__name__}.{home}", fromlist=[name]), name)
    globals()[name] = value
    return value
