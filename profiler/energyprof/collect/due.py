"""What is done every so often in a loop that goes round more often than that."""

from __future__ import annotations

import time
from collections.abc import Callable


class Due:
    """When each of several things was last due; at first each is due at once."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._due_s: dict[str, float] = {}

    def is_due(self, what: str, every_s: float) -> bool:
        """Return whether it is time for it again; asked with yes for an answer, it is due in `every_s`."""
        now_s = self._now_s()
        if now_s < self._due_s.get(what, now_s):
            return False
        self._due_s[what] = now_s + every_s
        return True
