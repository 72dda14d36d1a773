"""What a sweep runs: all combinations of the values, each as often as asked, in turns."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from energyprof.cli.held_limits import NAME as POWER_LIMIT
from energyprof.errors import InputError
from energyprof.model.shell import in_shell


@dataclass(frozen=True, slots=True)
class Way:
    """One combination of values."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    limit_w: float | None = None
    """What the devices are held at; None: nobody touches their limits."""

    @property
    def varied(self) -> str:
        """What differs beside the arguments."""
        limit = {} if self.limit_w is None else {POWER_LIMIT: f"{self.limit_w:g}"}
        return ",".join(f"{name}={value}" for name, value in {**self.environment, **limit}.items())


def ways_of(
    settings: Sequence[tuple[str, Sequence[str]]],
    variables: Sequence[tuple[str, Sequence[str]]],
    command: Sequence[str],
    limits_w: Sequence[float] = (),
) -> list[Way]:
    """Return all combinations; a setting replaces `{name}` in the arguments, else it is added as `--name value`."""
    words = list(command[1:]) if command[:1] == ["--"] else list(command)
    if not words or words == ["-m"]:
        raise InputError("no script to run; try: energyprof sweep --set batch=1,4 serve.py")
    limits = {f"{limit_w:g}": limit_w for limit_w in limits_w}
    varied = [*settings, *variables, *([(POWER_LIMIT, tuple(limits))] if limits else [])]
    if not varied:
        raise InputError("nothing is varied; say what is, with --set batch=1,4,16 or --env OMP_NUM_THREADS=1,2")
    names = [name for name, _ in varied]
    if len(set(names)) < len(names):
        raise InputError("a name is varied twice; give all of its values at once: --set batch=1,4,16")
    ways = []
    for values in itertools.product(*(values for _, values in varied)):
        chosen = dict(zip(names, values, strict=True))
        own = {name: chosen[name] for name, _ in settings}
        ways.append(
            Way(
                name=",".join(f"{name}={value}" for name, value in chosen.items()),
                command=tuple(_filled(words, own)),
                environment={name: chosen[name] for name, _ in variables},
                limit_w=limits[chosen[POWER_LIMIT]] if limits else None,
            )
        )
    return ways


def _filled(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    text = list(words)
    for name, value in values.items():
        place = f"{{{name}}}"
        if any(place in word for word in text[1:]):
            text = [text[0], *(word.replace(place, value) for word in text[1:])]
        else:
            text += [f"-{name}" if len(name) == 1 else f"--{name}", value]
    return text


def planned(ways: Sequence[Way], repeats: int, seed: int) -> list[tuple[int, Way]]:
    """Return the number of the repeat and the way of every run: each way once in every round, in another order."""
    chance = random.Random(seed)
    return [(number, way) for number in range(1, repeats + 1) for way in chance.sample(list(ways), len(ways))]


def is_done(path: Path) -> bool:
    """Return whether a run has been recorded to its end: a mark is beside one that goes on, or was cut off."""
    return path.exists() and not mark_of(path).exists()


def mark_of(path: Path) -> Path:
    """Return the file that is beside a recording while its program runs."""
    return path.with_suffix(".running")


def counted(plan: Sequence[tuple[Way, Path]], folder: Path, pause_s: float) -> str:
    """Return how much there is to do, before anything is done."""
    ways, there = len({way.name for way, _ in plan}), sum(is_done(path) for _, path in plan)
    kept = f", of which {there} {'is' if there == 1 else 'are'} there" if there else ""
    what = f"{_of(ways, 'way')} by {_of(len(plan) // ways, 'run')}: {_of(len(plan), 'run')}{kept}"
    return f"{what}, into {visible(str(folder))}" + (f"; a pause of {pause_s:g} s before each" if pause_s else "")


def _of(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def listed(plan: Sequence[tuple[Way, Path]]) -> list[str]:
    """Return a line for each run, in their order: what of it differs, and what is called."""
    lines = []
    for at, (way, path) in enumerate(plan, 1):
        variables = [f"{name}={in_shell(value)}" for name, value in way.environment.items()]
        called = " ".join([*variables, *map(in_shell, way.command)])
        held = "" if way.limit_w is None else f"at {way.limit_w:g} W: "
        lines.append(f"{at:{len(str(len(plan)))}d}  {held}{called}{'  (is there)' if is_done(path) else ''}")
    return lines


def time_left(took_s: Sequence[float], runs: int) -> str:
    """Return how long the rest of `runs` takes if it goes on as so far, pauses included; nothing before the first."""
    if not took_s:
        return ""
    left_s = (runs - len(took_s)) * sum(took_s) / len(took_s)
    return f" (about {left_s:.0f} s left)" if left_s < 90 else f" (about {left_s / 60:.0f} min left)"


def visible(name: str) -> str:
    """Return a name on one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)
