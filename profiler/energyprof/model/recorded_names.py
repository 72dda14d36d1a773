"""Names of stages that are ours, written by the recorder and known to analysis."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs 13 ms, and the profiled program imports this file
if TYPE_CHECKING:
    from typing import Final

REPEAT_STAGE: Final = "(repeat)"
"""The stage around all that `--repeat` calls again."""
FOLDED: Final = "folded"
"""The fact of a stage that is not recorded any more, and counts to the one that calls it: why."""
PASSED_OVER: Final = "passed_over"
"""The fact of a stage inside a call of a model whose layers were not recorded, as they were in other calls: why."""
UNRECORDED_LAYERS: Final = "<layers not recorded>"
"""The name of that stage."""
