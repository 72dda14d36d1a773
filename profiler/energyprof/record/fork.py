"""What happens around `fork`, and how children that end by `os._exit` still hand over their last events."""

from __future__ import annotations

import os
import sys
from _thread import get_ident

from energyprof.record.faults import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from energyprof.record.recorder import Recorder
    from energyprof.record.spool_file import Parent


class Forking:
    """What is known from before a fork, in the thread that forks."""

    __slots__ = ("is_held", "parent", "recorder", "was_flushing")

    def __init__(self, recorder: Recorder, parent: Parent, was_flushing: bool, is_held: bool) -> None:
        self.recorder = recorder
        self.parent = parent
        """What the child will say of us."""
        self.was_flushing = was_flushing
        self.is_held = is_held


class _Forks:
    """The recorder that follows forks; the hooks themselves can never be taken back."""

    recorder: Recorder | None = None
    pending: dict[int, Forking] = {}  # noqa: RUF012 - one per process, by thread: several may fork at once
    is_hooked = False
    has_multiprocessing = False


def follow(recorder: Recorder) -> None:
    """Have forked children of this process record as well."""
    _Forks.recorder = recorder
    if not _Forks.is_hooked:
        _Forks.is_hooked = True
        os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def unfollow(recorder: Recorder) -> None:
    """Forget `recorder`."""
    if _Forks.recorder is recorder:
        _Forks.recorder = None


def followed() -> Recorder | None:
    """Return the recorder of this process."""
    return _Forks.recorder


def is_pending() -> bool:
    """Tell whether a thread is about to fork, or has just done so."""
    return bool(_Forks.pending)


def _before() -> None:
    recorder = _Forks.recorder
    if recorder is not None:
        try:
            # The fork server knows nothing of the stage that asked it for a child; who asked says so by pid.
            is_asked_for = sys._getframe(1).f_globals.get("__name__") == "multiprocessing.forkserver"
            _Forks.pending[get_ident()] = recorder.before_fork(is_asked_for)
        except Exception:  # an error of ours must not show in the program: hooks print theirs
            note(recorder.run_dir, "before a fork")


def _after_in_parent() -> None:
    forking = _Forks.pending.pop(get_ident(), None)
    if forking is not None:
        try:
            forking.recorder.after_fork_in_parent(forking)
        except Exception:  # as above
            note(forking.recorder.run_dir, "after a fork, in the parent")


def _after_in_child() -> None:
    forking = _Forks.pending.pop(get_ident(), None)
    _Forks.pending.clear()
    if forking is not None:
        try:
            forking.recorder.after_fork_in_child(forking)
            _finish_with_multiprocessing(forking.recorder)
        except Exception:  # as above
            note(forking.recorder.run_dir, "after a fork, in the child")


def _finish_with_multiprocessing(recorder: Recorder) -> None:
    """Close the recorder where a multiprocessing child ends: that is by `os._exit`, which runs no `atexit`."""
    util = sys.modules.get("multiprocessing.util")
    if util is None or _Forks.has_multiprocessing:
        return
    _Forks.has_multiprocessing = True  # inherited by further forks, as is the registration
    # Finalizers of the parent are dropped in the child before this is called; -100: after those of the program.
    util.register_after_fork(recorder, lambda it: util.Finalize(None, it.close, exitpriority=-100))
