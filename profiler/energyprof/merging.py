"""Join recordings that several hosts made at the same time to one run.

Each host keeps its own sensors, processes and ledger: what is joined is the tree of stages (equal ids are one stage),
the ranks and the clock. So how well the clocks match shows in the order of things between hosts, in no energy.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

from energyprof.capture.parts import Base, Move, PartFacts, copy_part, moved_domain, part_facts
from energyprof.capture.writer import CaptureWriter
from energyprof.errors import InputError
from energyprof.model.hosts import HOST_LIMIT, HOST_SHIFT, Host
from energyprof.model.sampling import Sleep
from energyprof.model.shell import in_shell
from energyprof.model.told import Told, joined
from energyprof.model.trace import RecorderFacts, RunFacts

START_NS = 10**15
"""Where the first host's beginning lies on the clock of the whole; leaves room for what was read before it."""
SAME_CLOCK_NS = 1_000_000_000
"""Recordings of one host have one clock, unless it was set or the host started anew meanwhile."""
BY_WALL_CLOCK = "matched by wall clock, as exact as that is kept (about 10 ms with NTP, not checked)"

Progress: TypeAlias = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """What is to be merged."""

    parts: tuple[tuple[str, Path], ...]
    """Host name (empty: the one in the recording) and recording."""
    output: Path
    offsets_ns: Mapping[str, int]
    """By host, what is added to its wall clock."""


class Merged(NamedTuple):
    """What came of it."""

    path: Path
    hosts: tuple[str, ...]
    ranks: int
    counts: tuple[int, int]
    """How many spans, and how many domains."""
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Place:
    """One host of one recording."""

    part: PartFacts
    number: int
    """Within the recording."""
    name: str
    run: RunFacts
    clock: str
    wall_ns: int
    """What makes wall time of its recording's time."""


def merge(request: MergeRequest, progress: Progress = lambda _what, _part: None) -> Merged:
    """Write one run of all parts; raises InputError where they are none, CaptureError where one cannot be read."""
    if request.output.exists():
        raise InputError(f"{request.output} exists already and is never overwritten; choose another name with -o")
    parts = [(name, part_facts(path)) for name, path in request.parts]
    _refuse_alike([part for _, part in parts])
    for _, part in parts:
        _refuse_unfit(part)
    places = [place for name, part in parts for place in _places(name, part, request.offsets_ns)]
    _refuse_unknown(request.offsets_ns, places)
    _refuse_overlapping(places)
    _refuse_apart(places)
    hosts, moves = _plan(places)
    if len(hosts) > HOST_LIMIT:
        raise InputError(f"{len(hosts)} hosts are more than the {HOST_LIMIT} that one recording can hold; merge fewer")
    ordered = sorted({id(part): part for _, part in parts}.values(), key=lambda part: _rank_of(part, moves, hosts))
    warnings = tuple(_warnings(ordered, hosts, moves))
    folder = request.output.absolute().parent
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".energyprof-merge-", dir=folder))
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}); choose another place with -o") from error
    written = scratch / "merged.eprof"
    try:
        domains = _write(written, ordered, hosts, moves, warnings, progress)
        _put_in_place(written, request.output)
    finally:
        for left in scratch.iterdir():
            left.unlink()
        with suppress(OSError):
            scratch.rmdir()
    ranks = {process.rank for part in ordered for process in part.ranks}
    spans = sum(part.recorder.spans for part in ordered)
    names = tuple(host.name for host in hosts)
    return Merged(request.output, names, len(ranks), (spans, domains), warnings)


# --- what cannot be merged ----------------------------------------------------------------------------------------


def _refuse_alike(parts: Sequence[PartFacts]) -> None:
    for at, one in enumerate(parts):
        for other in parts[:at]:
            is_same = one.run == other.run and one.hosts == other.hosts and one.domains == other.domains
            if os.path.samefile(one.path, other.path) or is_same:
                raise InputError(f"{other.path} and {one.path} are the same run; name each recording once")


def _refuse_unfit(part: PartFacts) -> None:
    if not part.is_finished:
        raise InputError(
            f"{part.path} is not finished; finish it first with: energyprof recover {in_shell(str(part.path))}"
        )
    if part.is_counted:
        raise InputError(
            f"{part.path} came near its bound, and a part of it was counted and not stored, which cannot be merged; "
            "record it again with a larger --max-size"
        )
    if part.has_cures:
        raise InputError(
            f"{part.path} was recorded with --dephase or --repeat, whose results belong to one host and cannot be "
            "merged; record it without"
        )


def _refuse_unknown(offsets_ns: Mapping[str, int], places: Sequence[_Place]) -> None:
    names = sorted({place.name for place in places})
    for name in offsets_ns:
        if name not in names:
            raise InputError(f"--offset names the host {name!r}, but the recordings are of {', '.join(names)}")


def _refuse_overlapping(places: Sequence[_Place]) -> None:
    """Raise where two recordings say that they read the same sensor: one of them is of another host."""
    held: dict[tuple[str, str], Path] = {}
    for place in places:
        for domain in place.part.domains:
            if domain.host and domain.host != place.name:
                continue
            key = (place.name, domain.local_id)
            if held.setdefault(key, place.part.path) != place.part.path:
                raise InputError(
                    f"{held[key]} and {place.part.path} are both of the host {place.name!r} and both have the domain "
                    f"{domain.local_id}, whose energy would count twice; if they are of two hosts, name these: "
                    f"energyprof merge A={in_shell(str(held[key]))} B={in_shell(str(place.part.path))}"
                )


def _refuse_apart(places: Sequence[_Place]) -> None:
    """Raise where the recordings did not go on at one time."""
    last = max(places, key=lambda place: place.run.start_ns + place.wall_ns)
    first = min(places, key=lambda place: place.run.end_ns + place.wall_ns)
    gap_ns = (last.run.start_ns + last.wall_ns) - (first.run.end_ns + first.wall_ns)
    if gap_ns > 0:
        raise InputError(
            f"{first.part.path} ended {gap_ns * 1e-9:.3f} s before {last.part.path} began, by the clocks of their "
            f"hosts; only what ran at the same time can be merged. Is a clock wrong, say: --offset "
            f"{in_shell(last.name)}=-SECONDS"
        )


# --- where everything goes ----------------------------------------------------------------------------------------


def _places(name: str, part: PartFacts, offsets_ns: Mapping[str, int]) -> list[_Place]:
    if name and part.hosts:
        raise InputError(f"{part.path} was merged of several hosts, so it cannot be named {name!r}; leave the name out")
    own = part.hosts or (Host(name or part.run.host or part.path.stem, part.run, BY_WALL_CLOCK),)
    places = []
    for number, host in enumerate(own):
        if not host.run.start_unix_ns:
            raise InputError(f"{part.path} does not say at what time of day it was recorded, so it cannot be merged")
        clock, added_ns = host.clock, offsets_ns.get(host.name, 0)
        if host.name in offsets_ns:
            clock = f"{BY_WALL_CLOCK.partition(',')[0]} and an offset of {added_ns * 1e-9:+.9g} s, as was said"
        run = replace(host.run, start_unix_ns=host.run.start_unix_ns + added_ns)
        places.append(_Place(part, number, host.name, run, clock, run.start_unix_ns - run.start_ns))
    return places


def _plan(places: Sequence[_Place]) -> tuple[tuple[Host, ...], dict[tuple[int, int], tuple[int, int]]]:
    """Return the hosts of the whole and, by recording and host in it, the number there and what is added to times."""
    by_name: dict[str, list[_Place]] = {}
    for place in places:
        by_name.setdefault(place.name, []).append(place)
    first_unix_ns = min(place.run.start_unix_ns for place in places)
    order = sorted(by_name, key=lambda name: (min(map(_first_rank, by_name[name])), name))
    hosts, moves = [], {}
    for number, name in enumerate(order):
        group = sorted(by_name[name], key=lambda place: (place.run.start_unix_ns, str(place.run.command)))
        runs = []
        for place in group:
            wall_ns = group[0].wall_ns if abs(place.wall_ns - group[0].wall_ns) < SAME_CLOCK_NS else place.wall_ns
            shift_ns = wall_ns - first_unix_ns + START_NS
            moves[id(place.part), place.number] = (number, shift_ns)
            runs.append(_later(place.run, shift_ns))
        hosts.append(Host(name, _joined(runs, name), group[0].clock))
    return tuple(hosts), moves


def _first_rank(place: _Place) -> int:
    ranks = [process.rank for process in place.part.ranks if process.pid >> HOST_SHIFT == place.number]
    return min(ranks, default=1 << 31)


def _rank_of(
    part: PartFacts, moves: Mapping[tuple[int, int], tuple[int, int]], hosts: Sequence[Host]
) -> tuple[int, int, str]:
    """Return what orders recordings, whatever the order in which they were named."""
    number = min(moves[id(part), at][0] for at in range(len(part.hosts) or 1))
    return number, part.run.start_unix_ns, " ".join((hosts[number].name, *part.run.command))


def _later(run: RunFacts, by_ns: int) -> RunFacts:
    sleeps = tuple(Sleep(sleep.start_ns + by_ns, sleep.end_ns + by_ns, sleep.asleep_ns) for sleep in run.sleeps)
    return replace(run, start_ns=run.start_ns + by_ns, end_ns=run.end_ns + by_ns, sleeps=sleeps)


def _joined(runs: Sequence[RunFacts], host: str) -> RunFacts:
    """Return what several runs at one time are as one."""
    first = min(runs, key=lambda run: run.start_ns)
    codes = [run.exit_code for run in runs]
    failed = next((code for code in codes if code), 0)
    versions: dict[str, str] = {}
    for name in dict.fromkeys(name for run in runs for name in run.versions):
        versions[name] = ", ".join(dict.fromkeys(run.versions[name] for run in runs if name in run.versions))
    return replace(
        first,
        command=runs[0].command,
        end_ns=max(run.end_ns for run in runs),
        exit_code=failed or (None if None in codes else 0),
        host=host,
        cpu_count=max(run.cpu_count for run in runs),
        versions=versions,
        shared=any(run.shared for run in runs),
        sleeps=tuple(dict.fromkeys(sleep for run in runs for sleep in run.sleeps)),
        lead_in_s=min(run.lead_in_s for run in runs),
        program=first.program if all(run.program == first.program for run in runs) else None,
    )


def _warnings(
    parts: Sequence[PartFacts], hosts: Sequence[Host], moves: Mapping[tuple[int, int], tuple[int, int]]
) -> Iterable[str]:
    for part in parts:
        name = hosts[moves[id(part), 0][0]].name
        yield from (line if part.hosts else f"{name}: {line}" for line in part.warnings)
    seen: dict[int, set[int]] = {}
    for part in parts:
        for process in part.ranks:
            seen.setdefault(process.rank, set()).add(moves[id(part), process.pid >> HOST_SHIFT][0])
    twice = sorted(rank for rank, where in seen.items() if len(where) > 1)
    if twice:
        which = ", ".join(map(str, twice[:5])) + (", ..." if len(twice) > 5 else "")
        yield (
            f"rank {which} is on more than one host: the recordings are of different programs, and how evenly their "
            "ranks work together means nothing; merge recordings of one program to compare ranks"
        )


# --- writing ------------------------------------------------------------------------------------------------------


def _write(  # noqa: PLR0913, PLR0917 - all that a merged run is
    path: Path,
    parts: Sequence[PartFacts],
    hosts: tuple[Host, ...],
    moves: Mapping[tuple[int, int], tuple[int, int]],
    warnings: Sequence[str],
    progress: Progress,
) -> int:
    writer = CaptureWriter(path)
    whole = _joined([host.run for host in hosts], ", ".join(host.name for host in hosts))
    writer.set_run(replace(whole, cpu_count=sum(host.run.cpu_count for host in hosts)))
    writer.set_hosts(hosts)
    writer.set_recorder(_costs([part.recorder for part in parts]))
    modes = {part.stacks for part in parts}
    writer.set_told(joined(_moved_told(part.told, moves[id(part), 0][1]) for part in parts))
    writer.set_stacks(next((mode for mode in ("on", "auto", "whole") if mode in modes), "off"))
    for line in warnings:
        writer.warn(line)
    names = {}
    for part in parts:
        for domain in part.domains:
            names[id(part), domain.id] = moved_domain(domain, hosts[moves[id(part), 0][0]].name)
    writer.add_domains(sorted(names.values(), key=lambda domain: [host.name for host in hosts].index(domain.host)))
    writer.set_sampling(
        {
            names[id(part), id_].id: facts
            for part in parts
            for id_, facts in part.sampling.items()
            if (id(part), id_) in names
        }
    )
    base = Base()
    for at, part in enumerate(parts):
        numbers = range(len(part.hosts) or 1)
        move = Move(
            shift_ns={number: moves[id(part), number][1] for number in numbers},
            number={number: moves[id(part), number][0] for number in numbers},
            names={domain.id: names[id(part), domain.id].id for domain in part.domains},
        )

        def tell(done: float, before: int = at, what: str = part.path.name) -> None:
            progress(what, (before + done) / len(parts))

        copy_part(writer, part.path, move, base, tell)
    writer.finish()
    return len(names)


def _moved_told(told: Told, by_ns: int) -> Told:
    def moved(t_ns: int | None) -> int | None:
        return None if t_ns is None else t_ns + by_ns

    metrics = tuple(replace(metric, t_ns=metric.t_ns + by_ns) for metric in told.metrics)
    units = tuple(replace(unit, first_ns=moved(unit.first_ns), last_ns=moved(unit.last_ns)) for unit in told.units)
    return Told(metrics, units)


def _costs(recorders: Sequence[RecorderFacts]) -> RecorderFacts:
    return RecorderFacts(
        recorder_s=sum(one.recorder_s for one in recorders),
        collector_s=sum(one.collector_s for one in recorders),
        sampler_s=sum(one.sampler_s for one in recorders),
        polls=sum(one.polls for one in recorders),
        late_polls=sum(one.late_polls for one in recorders),
        spans=sum(one.spans for one in recorders),
        dropped=sum(one.dropped for one in recorders),
        lost_because=next((one.lost_because for one in recorders if one.lost_because), ""),
    )


def _put_in_place(scratch: Path, output: Path) -> None:
    """Give the finished file its name, never over another one."""
    try:
        os.link(scratch, output)
    except FileExistsError:
        raise InputError(f"{output} exists already and is never overwritten; choose another name with -o") from None
    except OSError:  # a file system without hard links
        os.rename(scratch, output)
