"""The run that goes on in this process: at most one at a time, and none where another process already has one here."""

from __future__ import annotations

import atexit
import os
import threading

from energyprof import bootstrap
from energyprof.errors import InputError
from energyprof.in_process.session import Session, Wish
from energyprof.launch.beside_ranks import refuse_beside_others
from energyprof.record.recorder import PARENT_SPOOL


class _Active:
    """The run that this process records by itself."""

    session: Session | None = None
    lock = threading.RLock()
    is_hooked = False


def current() -> Session | None:
    """Return the run that goes on in this process, or that goes on in the one it was forked from."""
    session = _Active.session
    return session if session is not None and session.is_running else None


def recorded_by_another() -> bool:
    """Return whether this process is recorded in a run that another process has started."""
    session = current()
    return bool(bootstrap.recorded_into()) and (session is None or not session.is_ours)


def start_or_join(wish: Wish) -> tuple[Session | None, bool]:
    """Return the run that goes on here (None: another process's), or a new one, and whether it is new.

    Raises InputError where one goes on that is not what is asked for.
    """
    with _Active.lock:
        _hook()
        if recorded_by_another() and not os.path.isdir(bootstrap.recorded_into()):
            bootstrap.stop()  # the run of the process that made this one is over
        if recorded_by_another():
            if wish.output is not None or wish.sources or wish.shared:
                raise InputError(
                    "this process is being recorded by `energyprof run`, or by the process that started it; leave "
                    "output, sources and shared away to be part of that run, or start the program without it"
                )
            return None, False
        session = current()
        if session is not None and session.is_ours and session.gives_way:
            session.end(None, ("the program began a profile of its own",))
            session.gave_way = True
            session = None
        if session is not None and session.is_ours:
            if not wish.is_met_by(session):
                raise InputError(
                    f"this process is being profiled already, into {session.path}; leave output, sources and shared "
                    "away to be part of that run, or stop it first"
                )
            return session, False
        _refuse_another_copy()
        if not wish.shared:
            refuse_beside_others(os.environ, "; or profile one rank alone, with shared=True")
        _Active.session = Session(wish)
        return _Active.session, True


def _refuse_another_copy() -> None:
    """Two copies of the recorder would patch each other's patches."""
    spool = os.environ.get(PARENT_SPOOL, "")
    if os.path.basename(spool).startswith(f"{os.getpid()}-") and os.path.isdir(os.path.dirname(spool)):
        raise InputError(
            f"another copy of energyprof records this process already, into {os.path.dirname(spool)}; "
            "stop it first, and import energyprof only once"
        )


def _hook() -> None:
    if not _Active.is_hooked:
        _Active.is_hooked = True
        atexit.register(_end_with_the_program)
        os.register_at_fork(after_in_child=_renew_lock)


def _end_with_the_program() -> None:
    session = _Active.session
    if session is not None:
        session.end(None, ("the profile was still running when the program ended",))


def _renew_lock() -> None:
    _Active.lock = threading.RLock()  # a thread that is not here may have held it
