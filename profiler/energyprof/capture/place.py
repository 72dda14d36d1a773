"""The place of a capture: where it was asked for, or the run folder once, or because, that place takes no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from energyprof.capture.writer import CaptureWriter
from energyprof.errors import CaptureError


class CapturePlace:
    """Where one capture is being written; its writer stays the same when it moves."""

    def __init__(self, asked: Path, shelter: Path, limit_bytes: int, say: Callable[[str], None]) -> None:
        """Begin at `asked`, where there is no file or the empty one that claims the name, else at `shelter`.

        `say` is called with why it is not where it was asked for, or takes nothing at present. Raises CaptureError if
        neither can be written.
        """
        self._shelter = shelter
        self._say = say
        self.refused: CaptureError | None = None
        """Why the capture is in the shelter; None: it is not."""
        self.is_blocked = False
        """Whether the disk took nothing the last time."""
        try:
            self.writer = CaptureWriter.over_claim(asked, limit_bytes)
        except CaptureError as error:
            self.refused = error
            try:
                self.writer = CaptureWriter(shelter, limit_bytes=limit_bytes)
            except CaptureError:
                raise error from None
            say(str(error))

    def store(self) -> bool:
        """Commit what is due; True: all that came out of spools is stored. A disk that is full may have room later."""
        try:
            is_all_stored = self.writer.commit()
        except CaptureError as error:
            self._say(str(error))
            self.is_blocked = True  # until there is room, spans are better kept in the spools than in memory
            return False
        self.is_blocked = False
        return is_all_stored

    def finish(self) -> None:
        """Finish the capture, in the shelter if need be; raises CaptureError if neither place takes it."""
        try:
            self.writer.finish()
        except CaptureError:
            self.move()
            self.writer.finish()

    def move(self) -> None:
        """Go on in the shelter if there is no room yet where the capture should be; raises where neither has."""
        self.is_blocked = False
        try:
            self.writer.commit(force=True)
        except CaptureError as error:
            if self.refused is not None:
                raise
            try:
                self.writer.move(self._shelter)
            except CaptureError:
                raise error from None
            self.refused = error
