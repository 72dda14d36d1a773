"""What recorders could not put into their spools, by what else they left: empty files, a log, or no folder at all."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from energyprof.model.spool import LOSS_SUFFIX
from energyprof.model.trace import RecorderFacts

LOG = "recorder.log"
"""Where recorders note their own errors, in the run folder."""
_NEVER_BEGAN = ("starting the recorder", "loading energyprof")
_TAIL_BYTES = 4096
_SHOWN_LENGTH = 200


class LostStages:
    """Looks at the folder of a run for signs that stages are missing."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self.is_deleted = False
        """Whether somebody has deleted the folder meanwhile."""

    def added_to(self, facts: RecorderFacts) -> RecorderFacts:
        """Return the facts with what spools do not say of losses."""
        events, why = stated(self._run_dir / "spool")
        because = (
            facts.lost_because
            or why
            or self.why_never_began()
            or ("the temporary folder of the run was deleted" if self.is_deleted else "")
        )
        return replace(facts, dropped=facts.dropped + events, lost_because=because)

    def warning(self) -> str | None:
        """Return what the report must say of a recorder that could not begin."""
        why = self.why_never_began()
        return None if not why else f"{why}, so its process has no stages; give it room to write, then run again"

    def why_never_began(self) -> str:
        """Return why a recorder could not begin; empty: all have."""
        try:
            with (self._run_dir / LOG).open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL_BYTES))
                lines = log.read().decode("utf-8", "replace").split("\n")
        except OSError:  # there is none: no recorder had any trouble
            return ""
        said = [line.strip() for line in lines if line.strip()]
        if said and not any(what in line for line in said for what in _NEVER_BEGAN):
            return ""
        # Where not a byte can be written, the log is as empty as the spool.
        return f"a recorder could not start ({said[-1][:_SHOWN_LENGTH] if said else 'nothing could be written'})"


def stated(spools: Path) -> tuple[int, str]:
    """Return how many events recorders say to have lost where no frame fitted, and the system's reason."""
    try:
        names = [name.removesuffix(LOSS_SUFFIX) for name in os.listdir(spools) if name.endswith(LOSS_SUFFIX)]
    except OSError:  # deleted by somebody
        return 0, ""
    words = [name.split(".") for name in sorted(names)]
    found = [
        (int(word[1]), int(word[2])) for word in words if len(word) == 3 and word[1].isdecimal() and word[2].isdecimal()
    ]
    return sum(events for events, _ in found), os.strerror(found[0][1]) if found else ""
