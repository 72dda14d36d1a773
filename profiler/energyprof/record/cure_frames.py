"""What was done so that stages can be told apart, on its way into the spool: delays, and layers that were repeated."""

from __future__ import annotations

from energyprof.model.frame import CURES, pack_frame
from energyprof.model.json_text import to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CureFrames:
    """Contents of CURES frames until the flusher takes them; the order in which they were told is kept."""

    def __init__(self, delayed: Callable[[], dict[str, int]] | None = None) -> None:
        """`delayed` says what was delayed so far."""
        self._delayed = delayed
        self._delays_told = 0
        self._contents: list[dict[str, object]] = []

    def tell(self, **content: object) -> None:
        """Have this written with the next flush."""
        self._contents.append(content)

    def forget(self) -> None:
        """In a forked child: what was told so far is the parent's."""
        self._contents.clear()

    def __bool__(self) -> bool:
        return bool(self._contents)

    def frames(self) -> Iterator[bytes]:
        """Yield what is new; it is not told again."""
        delayed = None if self._delayed is None else self._delayed()
        if delayed is not None and delayed["delays"] != self._delays_told:
            self._delays_told = delayed["delays"]
            self._contents.append({"dephase": delayed})
        while self._contents:
            yield pack_frame(CURES, 0, to_json(self._contents.pop(0)))
