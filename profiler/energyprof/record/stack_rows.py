"""The samples of stacks on their way to the spool: every stack once, a row of four integers for each sample."""

from __future__ import annotations

import struct
import sys
from itertools import count, repeat

from energyprof.model.frame import CODES, SAMPLES, STACKS, pack_frame
from energyprof.model.json_text import to_json
from energyprof.record.asking_names import may_ask
from energyprof.record.while_loops import has_while

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

KNOWN_STACKS = 20_000
"""More than that, and all are forgotten and told anew: a program that makes its functions as it goes never ends."""
DEEPEST = 1_000
"""Innermost frames kept of a stack."""
ROWS_PER_FRAME = 8_192
NAME_LENGTH_LIMIT = 500
_INT64S = "%dq" if sys.byteorder == "little" else "<%dq"


class StackRows:
    """Filled by the signal handler, emptied by the recorder's flusher. Takes no lock: each step is one C call."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, ...], int] = {}
        """Stack numbers by the ids of their code objects, innermost first. Always this dict."""
        self.busy_ns = 0
        """What taking samples has cost so far."""
        self._rows: list[tuple[int, int, int, int]] = []
        self.add: Callable[[tuple[int, int, int, int]], None] = self._rows.append
        """Take (t_ns, tid or 0 for the main thread, stack, offset into the code of its innermost function)."""
        self._fresh: list[tuple[int, list[CodeType]]] = []
        self._next_stack = count(1).__next__
        self._next_code = count(1).__next__
        self._pid = 0
        self._numbers: dict[int, int] = {}
        self._innermost: dict[int, CodeType] = {}
        self._held: list[CodeType] = []
        """Keeps code objects alive, for an id is one's own no longer."""
        self._lines: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def begin(self, t_ns: int, pid: int) -> None:
        """Note that the process is being looked at from now on."""
        self._pid = pid
        self.add((t_ns, 0, 0, 0))

    def walk(self, frame: FrameType | None) -> tuple[int, int]:
        """Return the stack that a frame stands in and the offset into its code."""
        offset = 0 if frame is None else frame.f_lasti
        codes: list[CodeType] = []
        add = codes.append
        for _ in repeat(None, DEEPEST):
            if frame is None:
                break
            add(frame.f_code)
            frame = frame.f_back
        key = tuple(map(id, codes))
        return self.known.get(key) or self._enter(key, codes), offset

    def _enter(self, key: tuple[int, ...], codes: list[CodeType]) -> int:
        """Make a stack known."""
        number = self._next_stack()
        self._fresh.append((number, codes))  # before any row can name it
        return self.known.setdefault(key, number)

    def renew(self) -> None:
        """In a forked child: forget what the parent's spool holds."""
        self._rows.clear()
        self._fresh.clear()
        self.busy_ns = 0
        self._forget()

    def forget_announcements(self) -> None:
        """Tell every known stack again, by its number: rows that name it are waiting, or will come."""
        codes = {id(code): code for code in self._held}
        known = [(number, [codes[key] for key in keys if key in codes]) for keys, number in list(self.known.items())]
        waiting = {number for number, _ in self._fresh}
        self._fresh[:0] = [(number, stack) for number, stack in known if stack and number not in waiting]
        self._numbers.clear()
        self._held.clear()  # the waiting stacks keep them

    def drop(self) -> int:
        """Throw the waiting rows away, return how many."""
        dropped = len(self._rows)
        del self._rows[:dropped]
        return dropped

    def frames(self) -> list[bytes]:
        """Return the frames for what has been sampled since the last call."""
        rows = self._rows[:]
        del self._rows[: len(rows)]
        fresh = self._fresh[:]
        del self._fresh[: len(fresh)]
        frames = []
        codes, stacks = self._described(fresh)
        if codes:
            frames.append(pack_frame(CODES, 0, to_json(codes)))
        if stacks:
            frames.append(pack_frame(STACKS, 0, _packed(stacks)))
        for at in range(0, len(rows), ROWS_PER_FRAME):
            values: list[int] = []
            for t_ns, tid, stack, offset in rows[at : at + ROWS_PER_FRAME]:
                values.extend((t_ns, tid or self._pid, stack, self._line(stack, offset)))
            frames.append(pack_frame(SAMPLES, 0, _packed(values)))
        if len(self.known) > KNOWN_STACKS:
            self._forget()
        return frames

    def _described(self, fresh: list[tuple[int, list[CodeType]]]) -> tuple[list[dict[str, object]], list[int]]:
        codes: list[dict[str, object]] = []
        stacks: list[int] = []
        for number, stack in fresh:
            self._innermost[number] = stack[0]
            stacks.extend((number, len(stack)))
            for code in stack:
                known = self._numbers.get(id(code))
                if known is None:
                    known = self._numbers[id(code)] = self._next_code()
                    self._held.append(code)
                    codes.append(_row(known, code))
                stacks.append(known)
        return codes, stacks

    def _line(self, stack: int, offset: int) -> int:
        code = self._innermost.get(stack)
        if code is None:
            return 0
        line = self._lines.get((id(code), offset))
        if line is None:
            lines = [line for start, end, line in code.co_lines() if start <= offset < end]
            line = self._lines[id(code), offset] = (lines[0] if lines else None) or 0
        return line

    def _forget(self) -> None:
        self.known.clear()  # first: an id must not be looked up once its code may be gone
        self._numbers.clear()
        self._innermost.clear()
        self._lines.clear()
        self._held.clear()


def _row(number: int, code: CodeType) -> dict[str, object]:
    name = getattr(code, "co_qualname", code.co_name)  # 3.10 knows the plain name only
    row = {"code": number, "name": name[:NAME_LENGTH_LIMIT], "file": code.co_filename, "line": code.co_firstlineno}
    if not has_while(code) or not may_ask(code):
        return row
    from energyprof.record.asking_loops import asking_lines  # with `dis`: 4 ms that few programs pay

    asking = asking_lines(code)
    return {**row, "asking": asking} if asking else row


def _packed(values: list[int]) -> bytes:
    return struct.pack(_INT64S % len(values), *values)
