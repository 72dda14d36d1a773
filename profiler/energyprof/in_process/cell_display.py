"""What a profile shows in the output of a notebook's cell: a line that changes in place, and at the end the report."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Final

from energyprof.errors import EnergyprofError

FIRST_S: Final = 2.0
"""A cell that is shorter shows its report only."""
EVERY_S: Final = 1.0
_AT_WORK: Final = "energyprof: working out who spent it"


class CellDisplay:
    """The displays of one cell; nothing but the report in a terminal, where a line cannot be replaced."""

    def __init__(self, line: Callable[[], str], is_wanted: bool) -> None:
        """Show `line()` from time to time until `stop`."""
        self._line = line
        self._is_wanted = is_wanted
        self._stopped = threading.Event()
        self._shown: Any = None
        self._thread: threading.Thread | None = None
        if is_wanted:
            # What a thread displays goes to the cell whose context it has.
            self._thread = threading.Thread(target=copy_context().run, args=(self._tell,), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take the line away."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        if self._shown is not None:
            self._shown.update({"text/plain": ""}, raw=True)
            self._shown = None

    def show(self, run: Any) -> None:
        """Show the report of a profile, in the place of a line that says that it is being worked out."""
        if not self._is_wanted:
            _display({"text/plain": str(run)}, raw=True)
            return
        shown = _display({"text/plain": _AT_WORK}, raw=True, display_id=True)
        try:
            content = {"text/plain": str(run), "text/html": run._repr_html_()}
        except EnergyprofError as error:
            content = {"text/plain": f"energyprof: {error}"}
        except BaseException:
            shown.update({"text/plain": ""}, raw=True)
            raise
        shown.update(content, raw=True)

    def _tell(self) -> None:
        pause_s = FIRST_S
        while not self._stopped.wait(pause_s):
            pause_s = EVERY_S
            text = self._line()
            if not text:
                continue
            if self._shown is None:
                self._shown = _display({"text/plain": text}, raw=True, display_id=True)
            else:
                self._shown.update({"text/plain": text}, raw=True)


def _display(content: Any, **options: Any) -> Any:
    from IPython import display

    shows: Callable[..., Any] = display.display
    return shows(content, **options)
