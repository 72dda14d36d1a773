"""What can be known to fail before a sweep begins, or before it goes on for hours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from energyprof.cli.sweep_plan import Way
from energyprof.errors import InputError
from energyprof.launch.module_check import refuse_missing_module
from energyprof.launch.program import script_program

_PLACE: Final = re.compile(r"\{([A-Za-z_]\w*)\}")


class UntoldError(InputError):
    """No run tells what the table is to go by."""


def check_start(ways: Sequence[Way]) -> None:
    """Raise InputError where a way could not even be started: before anything is written or said to be begun."""
    command = ways[0].command
    if command[0] not in {"-m", "-c", "-"}:
        script_program(command)
    if command[0] == "-m":  # its name may be a value, and where modules are a variable
        asked = {(way.command[1], way.environment.get("PYTHONPATH")): way for way in ways}
        for (module, _), way in asked.items():
            refuse_missing_module(module, way.environment)


def places_left(settings: Sequence[str], command: Sequence[str]) -> Iterator[str]:
    """Yield a line for each `{name}` in the arguments that no `--set` fills: it may be the program's, or mistyped."""
    words = [word for word in command if word != "--"]
    first = 2 if words[:1] in (["-m"], ["-c"]) else 1  # code has braces of its own
    names = dict.fromkeys(name for word in words[first:] for name in _PLACE.findall(word))
    for name in names:
        if name not in settings:
            known = f"; --set has {', '.join(settings)}" if settings else ""
            yield f"{{{name}}} is passed on as it is, as there is no --set {name}=A,B{known}"


def refuse_untold(recordings: Sequence[Path], metric: str | None, unit: str | None) -> None:
    """Raise UntoldError where none of these runs told what the table is to go by: neither will the others."""
    from energyprof.run import load

    reports = [load(path).report() for path in recordings] if metric or unit else []
    reports = [report for report in reports if not report.run.exit_code]
    for what, asked in (("metric", metric), ("unit", unit)):
        told = {row.name for report in reports for row in (report.metrics if what == "metric" else report.units)}
        if reports and asked and asked not in told:
            have = f"they told {', '.join(sorted(told))}" if told else "they told none"
            call = f"{'metric' if what == 'metric' else 'units'}({asked!r}, ...)"
            raise UntoldError(
                f"no run of the first round told the {what} {asked!r}: {have}; ask for what is told, or tell it with "
                f"energyprof.{call}"
            )
