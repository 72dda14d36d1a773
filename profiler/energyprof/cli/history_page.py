"""What `energyprof history` prints: the runs, what repeated what, and sums; and a document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from energyprof.model.line_breaks import wrapped
from energyprof.model.past import PastRun
from energyprof.model.past_text import cost, date
from energyprof.past.line import line_of
from energyprof.past.recall import Repetition, Total, repetition
from energyprof.past.store import Kept
from energyprof.past.unlike import unlike_before

SCHEMA = "energyprof-history/1"
NOTHING = "no run is remembered; energyprof run --remember SCRIPT remembers one"


def page(kept: Kept, path: str, rows: int, width: int) -> str:
    """Return the newest runs and the sums for people."""
    lines = []
    found = repetition(kept.runs)
    repeats = dict(found.of_run)
    unlike = unlike_before(kept.runs, repeats)
    if not kept.runs:
        lines.append(NOTHING)
    for run in kept.runs[-rows:] if rows else ():
        head = f"{run.id}  {date(run.start)}  {cost(run.energy)}{_ending(run)}"
        if run.id in repeats:
            head += f"  repeats {repeats[run.id]}"
        lines += wrapped(head, width, rest="    ")
        data = f"  (data: {run.work.data_name})" if run.work.data_name else ""
        lines += wrapped(_visible(f"{run.work.command}{data}"), width, "    ", "      ")
        if run.id in unlike:
            was = unlike[run.id]
            lines += wrapped(f"no repeat of {was.run}: {', '.join(was.reasons)}", width, "    ", "      ")
    if len(kept.runs) > rows:
        lines.append(f"and {len(kept.runs) - rows} older: --rows {len(kept.runs)}")
    if kept.runs:
        lines += ["", *(line for text in _sums(found) for line in wrapped(text, width, rest="  "))]
    lines += [line for text in _faults(kept, path) for line in wrapped(text, width, rest="  ")]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def document(kept: Kept, path: str) -> str:
    """Return the same as JSON, schema `energyprof-history/1`; energies in joules."""
    found = repetition(kept.runs)
    repeats = dict(found.of_run)
    unlike = unlike_before(kept.runs, repeats)
    content: dict[str, Any] = {  # JSON
        "schema": SCHEMA,
        "path": path,
        "runs": [
            {
                **json.loads(line_of(run)),
                "repeats": repeats.get(run.id),
                "unlike": unlike[run.id]._asdict() if run.id in unlike else None,
            }
            for run in kept.runs
        ],
        "sums": {
            name: _total_document(getattr(found, name))
            for name in ("all", "repeats", "untold", "otherwise", "trials", "failed")
        },
        "broken_lines": kept.broken,
        "lines_of_newer_versions": kept.newer,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _sums(found: Repetition) -> Iterator[str]:
    yield f"{_count(found.all, 'run')}: {_cost(found.all)}"
    for total, noun, words in (
        (found.repeats, "run", "repeated an earlier one and came out no different"),
        (found.untold, "run", "repeated an earlier one and told no result to compare"),
        (found.otherwise, "run", "repeated an earlier one, but came out otherwise or had other versions"),
        (found.trials, "trial", "of other runs had been done by an earlier run"),
        (found.failed, "run", "failed"),
    ):
        if total.count:
            yield f"{_count(total, noun)} {words}: {_cost(total)}"


def _faults(kept: Kept, path: str) -> Iterator[str]:
    if kept.broken:
        yield f"{kept.broken} lines of {path} are no runs and are passed over; pruning drops them"
    if kept.newer:
        yield f"{kept.newer} lines of {path} are of a newer version of energyprof and are passed over"


def _count(total: Total, noun: str) -> str:
    return f"{total.count} {noun}{'' if total.count == 1 else 's'}"


def _cost(total: Total) -> str:
    unknown = f"; energy unknown of {total.unknown}" if total.unknown and total.energy is not None else ""
    return f"{cost(total.energy)}{unknown}"


def _ending(run: PastRun) -> str:
    if run.is_result:
        return ""
    return "  end unknown" if run.exit_code is None else f"  failed with status {run.exit_code}"


def _visible(text: str) -> str:
    """Return a command on one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _total_document(total: Total) -> dict[str, Any]:
    energy = total.energy
    figures = None
    if energy is not None:
        figures = {name: getattr(energy, name) for name in ("energy_j", "low_j", "high_j", "provenance")}
    return {"count": total.count, "energy": figures, "energy_unknown_of": total.unknown}
