"""The `.eprof` file: written while a run goes, read by all analysis; `schema` describes it, nobody else knows it."""

from energyprof.capture.reader import RunSummary, read_run, read_trace
from energyprof.capture.results import read_attribution, store_attribution
from energyprof.capture.writer import CaptureWriter

__all__ = ["CaptureWriter", "RunSummary", "read_attribution", "read_run", "read_trace", "store_attribution"]
