"""What conversion could not take as it came, in one line each for the report: how much, why, and what helps."""

from __future__ import annotations

from typing import NamedTuple


class Losses(NamedTuple):
    """How much of each kind."""

    unnamed: int
    """Stage codes whose name never came."""
    damaged_bytes: int
    stray: int
    """Ends of stages that were not open."""
    clipped: int
    """Spans cut short by the end of a stage around them."""
    overflowed: int
    """Stage paths above the limit."""

    def lines(self) -> list[str]:
        """Return a line for each kind that there is any of."""
        return [f"{amount:,} {what}" for amount, what in zip(self, _WHAT, strict=True) if amount]


_WHAT = (
    "stage names were lost with a deleted spool; keep cleaners away from the temporary folder",
    "bytes of a spool could not be read, since a process was killed writing them; nothing else is missing",
    "ends of stages that were not open were ignored; leave each stage in the thread or task that entered it",
    "spans were cut short as a stage around them ended first; leave stages in reverse order, none across a `yield`",
    "stage paths beyond the limit are counted as `<other>`; keep numbers and file names out of stage names",
)
