"""Whether the line that calls a model drops its result: then it is called for what changes inside, as statistics do."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType

PLACES = 1_024
TORCH_CALLS = frozenset({"_call_impl", "_wrapped_call_impl"})
"""Functions of torch's between a module's call and what it does."""
LONGEST_CODE = 20_000
"""Bytes; longer code is not looked into."""


class DroppingCallers:
    """Knows of each place that calls a model whether its result is dropped at once; looked at once a place."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, int], tuple[CodeType, bool]] = {}
        """By the id of the calling code, which is kept so that the id stays its own, and the offset into it."""

    def drops(self, caller: FrameType) -> bool:
        """Return whether what a frame calls now is a statement by itself; 0.2 us but for the first time."""
        while caller.f_code.co_name in TORCH_CALLS and caller.f_back is not None:
            caller = caller.f_back
        code, offset = caller.f_code, caller.f_lasti
        known = self._places.get((id(code), offset))
        if known is None:
            if len(self._places) >= PLACES:
                return False
            known = self._places[id(code), offset] = code, _drops(code, offset)
        return known[1]


def _drops(code: CodeType, offset: int) -> bool:
    import dis

    if len(code.co_code) > LONGEST_CODE:
        return False
    after = next((one for one in dis.get_instructions(code) if one.offset > offset), None)
    return after is not None and after.opname == "POP_TOP"
