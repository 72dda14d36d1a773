"""`%load_ext energyprof`: `%%energyprof` profiles a cell, `%energyprof` a statement, and the report is shown below.

A cell is not run by us: an input transformation puts one call in the place of its first line, and it ends with the
cell. So its errors, its `await` and its value are those of any cell.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from energyprof.errors import EnergyprofError, InputError
from energyprof.in_process.active import current, recorded_by_another
from energyprof.in_process.cell_display import CellDisplay
from energyprof.in_process.cells_folder import make_cells_folder
from energyprof.in_process.handle import Profile
from energyprof.in_process.magic_words import Words, cell_words, line_words
from energyprof.in_process.session import Wish
from energyprof.sources import parsed_source

_FIRST_LINE: Final = re.compile(r"%%energyprof(?![\w?])(.*)")
_BEGIN: Final = "__import__('energyprof').begin_cell({!r})\n"
"""Tracebacks show it."""


class _Loaded:
    """The magics of the shell of this process: there is one."""

    magics: Magics | None = None


class Magics:
    """What has been registered with one shell, and the profiles of cells that run."""

    def __init__(self, shell: Any) -> None:  # an InteractiveShell: IPython is no dependency of ours
        self.shell = shell
        self._folder = ""
        """Of recordings that nobody asked to keep: a notebook that is run for hours would fill the current one."""
        self._numbers = count(1)
        self._cells: list[Any] = []
        """What IPython calls the info of a cell, of those that run: one runs inside another by `get_ipython()`."""
        self._begun: list[tuple[Any, Profile, Words, CellDisplay]] = []
        self._hooks: tuple[tuple[str, Callable[[Any], None]], ...] = (
            ("pre_run_cell", self._enter),
            ("post_run_cell", self._leave),
        )

    def register(self) -> None:
        """Make both magics known."""
        self.shell.input_transformers_cleanup.append(_of_cell)
        for event, hook in self._hooks:
            self.shell.events.register(event, hook)
        self.shell.register_magic_function(self._line, "line", "energyprof")
        self.shell.register_magic_function(self._cell, "cell", "energyprof")

    def unregister(self) -> None:
        """Undo that."""
        self.shell.input_transformers_cleanup.remove(_of_cell)
        for event, hook in self._hooks:
            self.shell.events.unregister(event, hook)
        for kind in ("line", "cell"):
            self.shell.magics_manager.magics[kind].pop("energyprof", None)

    def begin(self, line: str) -> None:
        """Profile the cell that runs, to its end; raises IPython's UsageError, which is shown as one line."""
        try:
            words = cell_words(line)
            run = self._started(words)
        except EnergyprofError as error:
            raise _usage(error) from None
        self._begun.append((self._cells[-1] if self._cells else None, run, words, self._display(run, words)))

    def _line(self, line: str) -> Any:
        """Profile a statement and show what it took: %energyprof [-o FILE] [-s NAME] [--source NAME]... [-q] STATEMENT

        Its value is that of the statement. Options are those of %%energyprof.
        """
        try:
            words, statement = line_words(line)
            code = self._compiled(statement)
            run = self._started(words)
        except EnergyprofError as error:
            raise _usage(error) from None
        display = self._display(run, words)
        try:
            value = code()
        except BaseException as error:
            self._finish(run, words, display, error)
            raise
        self._finish(run, words, display, None)
        return value

    def _cell(self, line: str, cell: str) -> None:
        """Profile this cell: %%energyprof [-o FILE] [-s NAME] [--source NAME]... [-q]

        -o FILE keeps the recording there (default: in a temporary place, until the session ends), -s NAME binds the
        profile to that variable, for NAME.report(), NAME.stages() and NAME.layers(); -q shows nothing.
        """
        # A cell of its own never comes here (see `_of_cell`): one that another magic hands on does.
        self.shell.run_cell(f"%%energyprof {line}\n{cell}").raise_error()

    def _compiled(self, statement: str) -> Callable[[], Any]:
        """Return what runs it in the notebook's variables; a value comes from an expression only."""
        text, names = self.shell.transform_cell(statement), self.shell.user_ns
        try:
            kind = "eval" if isinstance(ast.parse(text).body[-1:][0], ast.Expr) and "\n" not in text.strip() else "exec"
        except (SyntaxError, IndexError):
            kind = "exec"
        code = compile(text.strip(), "<%energyprof>", kind)
        return lambda: eval(code, names)

    def _started(self, words: Words) -> Profile:
        sources = tuple(map(parsed_source, words.sources))
        output = words.output or self._passing_place()
        run = Profile(Wish(output, sources, is_live=not words.is_quiet), quiet=True).start()
        if words.store:
            self.shell.user_ns[words.store] = run
        return run

    def _passing_place(self) -> str | None:
        """Return a file that goes with the session; None where the cell is a part of a run that has its own."""
        if recorded_by_another() or current() is not None:
            return None
        if not os.path.isdir(self._folder):
            self._folder = make_cells_folder()
        return os.path.join(self._folder, f"cell-{next(self._numbers)}.eprof")

    def _display(self, run: Profile, words: Words) -> CellDisplay:
        return CellDisplay(run.live, is_wanted=hasattr(self.shell, "kernel") and not words.is_quiet)

    def _enter(self, info: Any) -> None:
        self._cells.append(info)

    def _leave(self, result: Any) -> None:
        """End the profiles that began in the cell that ends; without a result, all of them: it was given up."""
        info = getattr(result, "info", None)
        if any(cell is info for cell in self._cells):
            while self._cells and self._cells.pop() is not info:
                pass
        elif info is not None:
            if not str(info.raw_cell).strip():
                return  # of an empty cell nobody has said that it begins
            info = self._cells.pop() if self._cells else None  # one that could not be run to its end has another
        ended = [one for one in self._begun if info is None or one[0] is None or one[0] is info]
        self._begun = [one for one in self._begun if one not in ended]
        error = getattr(result, "error_in_exec", None) or getattr(result, "error_before_exec", None)
        for _, run, words, display in reversed(ended):
            self._finish(run, words, display, error)

    @staticmethod
    def _finish(run: Profile, words: Words, display: CellDisplay, error: BaseException | None) -> None:
        """Stop, and show the report; of a cell that failed only where it lies."""
        display.stop()
        try:
            run.__exit__(None if error is None else type(error), error, None)
            for remark in run.warnings:
                _said(remark)
            if error is not None:
                if run.path is not None and not run.is_part:
                    _said(f"recorded until the error: energyprof report {run.path}")
            elif not words.is_quiet:
                display.show(run)
        except KeyboardInterrupt:
            _said(f"interrupted; the figures: energyprof report {run.path}")


def load_ipython_extension(shell: Any) -> None:
    """Make `%%energyprof` and `%energyprof` known to a shell; a second time it begins anew."""
    if not hasattr(shell, "register_magic_function"):
        raise InputError(
            "this is for IPython and notebooks, where one writes: %load_ext energyprof; in a program use "
            "with energyprof.profile() as run:"
        )
    unload_ipython_extension(shell)
    _Loaded.magics = Magics(shell)
    _Loaded.magics.register()


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again."""
    if _Loaded.magics is not None and _Loaded.magics.shell is shell:
        _Loaded.magics.unregister()
        _Loaded.magics = None


def begin_cell(line: str) -> None:
    """Stand in the place of the first line of a cell that is profiled."""
    if _Loaded.magics is not None:
        _Loaded.magics.begin(line)


def _of_cell(lines: list[str]) -> list[str]:
    """Return the lines of a cell that begins with `%%energyprof` as those of an ordinary one, each in its own place.

    Another magic below it keeps the rest of the cell.
    """
    first = _FIRST_LINE.match(lines[0]) if lines else None
    if first is None:
        return lines
    from IPython.core import inputtransformer2

    other_magic: Callable[[list[str]], list[str]] = inputtransformer2.cell_magic
    return [_BEGIN.format(first[1].strip()), *other_magic(_of_cell(lines[1:]))]


def _usage(error: EnergyprofError) -> Exception:
    from IPython.core.error import UsageError

    return UsageError(f"energyprof: {error}")


def _said(text: str) -> None:
    sys.stderr.write(f"energyprof: {text}\n")
