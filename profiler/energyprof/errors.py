"""Every error a user can meet: one line with the fact and the remedy, and the exit status it ends with."""

from __future__ import annotations

USAGE = 2
INTERNAL = 70


class EnergyprofError(Exception):
    """Say what is wrong and what to do about it, in one line; `cli` alone prints it and ends with `exit_code`."""

    exit_code = USAGE


class EnergyprofWarning(UserWarning):
    """Said inside a program that profiles itself: the recording lies elsewhere, or is not complete."""


class InputError(EnergyprofError):
    """Something the user handed over cannot be used: a missing script, a foreign or damaged file, a wrong option."""


class CaptureError(InputError):
    """A `.eprof` file cannot be read: damaged, truncated, foreign or written by a newer version."""


class PluginError(EnergyprofError):
    """A plugin is unknown, cannot be imported or broke its contract; names the plugin, its group and the remedy."""


class SourceError(EnergyprofError):
    """A power source was asked for by name and cannot serve; names the source and the remedy."""


class InternalError(EnergyprofError):
    """A fault of energyprof itself; it never changes the result of the profiled program."""

    exit_code = INTERNAL
