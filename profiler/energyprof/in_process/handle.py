"""`energyprof.profile`: what a program holds in its hand while a part of it is profiled, and afterwards."""

from __future__ import annotations

import html
import os
import sys
import warnings
import weakref
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from energyprof.errors import EnergyprofError, EnergyprofWarning, InputError
from energyprof.in_process.active import start_or_join
from energyprof.in_process.figures import run_of, stage_rows
from energyprof.in_process.part import Part
from energyprof.in_process.session import Session, Wish
from energyprof.launch.file_size import DEFAULT_BYTES, size_bytes
from energyprof.launch.live_text import live_text
from energyprof.model.overhead_bound import DEFAULT, bound_of
from energyprof.sources import parsed_source

if TYPE_CHECKING:
    from energyprof.model.footprint_rows import Assumptions
    from energyprof.model.report import LayerPhase, Report
    from energyprof.run import Run

Function = TypeVar("Function", bound=Callable[..., Any])
_HERTZ = (0.1, 1000.0)
_LONGEST_LEAD_IN_S = 3600.0


def checked_overhead(max_overhead: str | float) -> str:
    """Return a bound for the overhead as a recorder takes it; raises InputError."""
    try:
        bound_of(str(max_overhead))
    except ValueError as error:
        raise InputError(f"max_overhead: {error}") from None
    return str(max_overhead)


class Profile:
    """A part of the program that is profiled: a `with` block, a decorated function, or from `start` to `stop`.

    It may be used again: each use is a run with a file of its own. Inside another one it is a view of that run.
    """

    def __init__(self, wish: Wish, quiet: bool) -> None:
        self._wish = wish
        self._quiet = quiet
        self._uses: list[tuple[Session | None, bool]] = []
        """What goes on, the innermost last: the run (None: another process's), and whether it is ours to end."""
        self._session: Session | None = None
        self._part: Part | None = None
        """Set while, and after, it is a part of another process's run."""
        self._finished: Run | None = None
        self.warnings: tuple[str, ...] = ()
        """What is to be said of the recording itself: it lies elsewhere, or is not complete."""

    @property
    def path(self) -> Path | None:
        """The recording, that of the whole run where it is a part of one; None: not started yet, or not known."""
        if self._part is not None:
            return self._part.path
        return Path(self._session.path) if self._session is not None and self._session.path else None

    @property
    def is_part(self) -> bool:
        """Whether it is a part of another process's run, which alone has the figures."""
        return self._part is not None

    @property
    def gave_way(self) -> bool:
        """Whether it ended when the program began a profile of its own."""
        return self._session is not None and self._session.gave_way

    def live(self) -> str:
        """Return one line on how it goes on, `energyprof 0:12 · 45.6 W · 547.2 J · train`; empty: nothing is known."""
        event = None if self._session is None else self._session.live()
        return "" if event is None else live_text(event)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return bool(self._uses)

    def start(self) -> Profile:
        """Profile from here until `stop`; raises InputError where another run goes on that is not the one asked for."""
        return self._start()

    def _start(self) -> Profile:
        session, is_new = start_or_join(self._wish)
        if session is not None and session.owner() is None:
            session.owner = weakref.ref(self)
        self._uses.append((session, is_new))
        self._session, self._finished = session, None
        self._part = Part() if session is None else None
        if is_new:
            try:
                self._say()
            except EnergyprofWarning:  # where warnings are errors
                self._end(0, ())
                raise
        return self

    def stop(self) -> Profile:
        """Stop profiling and finish the file; does nothing if it does not go on."""
        self._end(0, ())
        return self

    def __enter__(self) -> Profile:  # noqa: PYI034 - Self is no part of Python 3.10's typing
        return self._start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._end(0, ())
            return
        try:
            self._end(*_ending(error))
        except EnergyprofWarning:  # where warnings are errors; the block's own error says more
            return

    def _end(self, exit_code: int | None, remarks: Sequence[str]) -> None:
        if not self._uses:
            return
        session, is_outermost = self._uses.pop()
        if session is None or not session.is_running:
            return
        # Who started it may be gone without a word: a notebook's cell that is run again loses its first handle.
        if is_outermost or (session.owner() in {None, self} and not self._uses):
            session.end(exit_code, remarks)
            self._say()

    def _say(self) -> None:
        """Give the warnings that are new."""
        said, session = self.warnings, self._session
        self.warnings = () if session is None else tuple(session.warnings)
        for line in self.warnings if not self._quiet else ():
            if line not in said:
                warnings.warn(line, EnergyprofWarning, stacklevel=callers_level())

    def _warn_of(self, part: Part) -> None:
        """Say once that the figures are elsewhere."""
        if part.remark not in self.warnings:
            self.warnings = (*self.warnings, part.remark)
            if not self._quiet:
                # Where warnings are errors, too, a program goes on under `energyprof run` as it does without.
                with suppress(EnergyprofWarning):
                    warnings.warn(part.remark, EnergyprofWarning, stacklevel=callers_level())

    @overload
    def __call__(
        self, function: Callable[..., Coroutine[Any, Any, Any]]
    ) -> Callable[..., Coroutine[Any, Any, Any]]: ...
    @overload
    def __call__(self, function: Function) -> Function: ...
    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` profiled each time it is called, into a file of its own."""
        from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

        if isinstance(function, type) or not callable(function):
            raise TypeError(f"`profile` takes a function, not {function!r}")
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            raise TypeError(
                "a generator is left and entered many times; profile what consumes it, mark it with `stage`"
            )
        if iscoroutinefunction(function):

            @wraps(function)
            async def profiled_coroutine(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return profiled_coroutine

        @wraps(function)
        def profiled(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return profiled

    # --- what it found ---------------------------------------------------------------------------------------------

    def report(self) -> Report:
        """Return every row and figure: those so far while it goes on, else those of the whole run.

        Working them out takes about a second, in this process. Raises EnergyprofError where there are none; as a part
        of another process's run it is a report without rows, whose warning says who has them.
        """
        return self._run().report()

    def render(self, name: str = "terminal", **options: Any) -> str | bytes:
        """Return the report in a format, as `energyprof report --format NAME` does."""
        run = self._run()
        if not isinstance(run, Part):
            run.assumptions = self._assumptions()
        return run.render(name, **options)

    def stages(self) -> list[dict[str, Any]]:
        """Return one row for each stage, ready for a table: `pandas.DataFrame(run.stages())`."""
        return stage_rows(self.report())

    def layers(self, phase: LayerPhase | None = "total") -> list[dict[str, Any]]:
        """Return one row for each layer of the models called, ready for a table: `pandas.DataFrame(run.layers())`.

        `phase` is `forward`, `backward`, `recompute`, `total` (all of them together), or None: a row for each phase.
        """
        from energyprof.model.layer_record import flat_layers

        return flat_layers(self.report().layers, phase)

    @property
    def energy_j(self) -> float | None:
        """The energy of all power domains together in joules, stages or not; None: no power was recorded."""
        report = self.report()
        return report.measured.energy_j if report.domains else None

    def __str__(self) -> str:
        try:
            return str(self.render()).rstrip("\n")
        except EnergyprofError as error:
            return f"{self!r}: {error}"

    def __repr__(self) -> str:
        if self._part is not None:
            state = "part of another process's run"
        elif self._session is None:
            state = "not started"
        else:
            state = "running" if self._session.is_running else "finished"
        return f"<energyprof.profile {state}{f', {os.fspath(self.path)}' if self.path else ''}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows of a cell's value."""
        if self._part is None and (self.running or self._session is None):
            return f"<pre>{html.escape(repr(self))}</pre>"
        try:
            run = self._run()
            if not isinstance(run, Part):
                run.assumptions = self._assumptions()
                return run._repr_html_()
            text = str(self)
        except EnergyprofError as error:
            text = f"{self!r}: {error}"
        return f"<pre>{html.escape(text)}</pre>"

    @staticmethod
    def _assumptions() -> Assumptions:
        """Return what the environment and pyproject.toml say of carbon and cost; a mistake there costs no report."""
        from energyprof.assumptions import assumptions_said
        from energyprof.model.footprint_rows import Assumptions

        try:
            return assumptions_said()
        except EnergyprofError as error:
            warnings.warn(f"no carbon and cost in the report: {error}", EnergyprofWarning, stacklevel=3)
            return Assumptions()

    def _run(self) -> Run | Part:
        if self._part is not None:
            self._warn_of(self._part)
            return self._part
        if self._finished is not None:
            return self._finished
        run = run_of(self._session)
        if self._session is not None and not self._session.is_running:
            self._finished = run
        return run


def callers_level() -> int:
    """Return the `stacklevel` that names the program's own line to whoever called this."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(f"{__package__}."):
        level, frame = level + 1, frame.f_back
    return level


def _ending(error: BaseException) -> tuple[int | None, tuple[str, ...]]:
    """Return the exit status and the remark for a block that an exception has left."""
    if isinstance(error, SystemExit):
        code = error.code
        return (0 if code is None else code & 0xFF if isinstance(code, int) else 1), ()
    return None, (f"the profiled block was left by {type(error).__name__}",)


@overload
def profile(output: Function) -> Function: ...
@overload
def profile(
    output: str | os.PathLike[str] | None = None,
    *,
    sources: str | Sequence[str] = (),
    max_hz: float = 100.0,
    shared: bool = False,
    lead_in: float = 0.0,
    max_size: str | int = DEFAULT_BYTES,
    flow: bool = True,
    quiet: bool = False,
) -> Profile: ...
def profile(  # noqa: PLR0913 - options, by keyword
    output: str | os.PathLike[str] | Callable[..., Any] | None = None,
    *,
    sources: str | Sequence[str] = (),
    max_hz: float = 100.0,
    shared: bool = False,
    lead_in: float = 0.0,
    max_size: str | int = DEFAULT_BYTES,
    flow: bool = True,
    max_overhead: str | float = DEFAULT,
    quiet: bool = False,
) -> Profile | Callable[..., Any]:
    """Profile a part of this program: `with energyprof.profile() as run: ...`, then `print(run)` or `run.report()`.

    Also a decorator, and `run = energyprof.profile().start(); ...; run.stop()` over several cells of a notebook. The
    recording goes into `output`, which must not exist, or a new file in the current folder (`run.path`). `sources` are
    those of `energyprof run --source`; `shared` is its `--shared`, `max_size` (bytes, or a text like "500M") its
    `--max-size`, `max_overhead` ("3%", 0.03, "off") its `--max-overhead`, `flow=False` its `--no-flow`; `lead_in`
    seconds are waited for first, to learn the idle power; `quiet` keeps in `run.warnings` what else would be an
    EnergyprofWarning. Children that are started inside are recorded too. `os._exit` inside writes what is recorded
    first; one that the program took out of `os` before (`from os import _exit`) does not, and costs up to 0.25 s of
    stages. Inside another profile it is a view of that run. The block begins when all sensors have been read once,
    about 0.2 s after the call (2 s at most, where a driver hangs).
    """
    if callable(output):
        return Profile(Wish(), quiet)(output)
    if not _HERTZ[0] <= max_hz <= _HERTZ[1]:
        raise InputError(f"max_hz is {max_hz}; choose {_HERTZ[0]:g} to {_HERTZ[1]:g}")
    if not 0.0 <= lead_in <= _LONGEST_LEAD_IN_S:
        raise InputError(f"lead_in is {lead_in}; choose 0 to {_LONGEST_LEAD_IN_S:g} seconds")
    named = (sources,) if isinstance(sources, str) else tuple(sources)
    path = None if output is None else os.fspath(output)
    try:
        limit_bytes = size_bytes(str(max_size))
    except ValueError as error:
        raise InputError(f"max_size: {error}") from None
    wish = Wish(
        path,
        tuple(parsed_source(name) for name in named),
        max_hz,
        shared,
        lead_in,
        limit_bytes,
        flow,
        checked_overhead(max_overhead),
    )
    return Profile(wish, quiet)
