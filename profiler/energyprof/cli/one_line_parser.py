"""A parser that says what is wrong with the words as everything else here does: one line, fact and remedy."""

from __future__ import annotations

import argparse

from energyprof.errors import InputError

TYPE_CHECKING = False  # typing would delay the program's start by 6 ms
if TYPE_CHECKING:
    from typing import NoReturn


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser without the usage text before each message."""

    hint = ""
    """What to add to every message about wrong words."""

    def error(self, message: str) -> NoReturn:
        """Raise InputError."""
        raise InputError(f"{message}; see: {self.prog} --help{self.hint}")
