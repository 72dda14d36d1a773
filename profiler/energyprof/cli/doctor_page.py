"""The page of `doctor` for people: tables where the terminal is wide enough, else one block for each row."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from energyprof.cli.doctor_probes import duration, probe_facts
from energyprof.model.natural_order import natural_key

_GAP = "  "
_LAST_LEAST = 26
"""Columns that the last cell of a row needs to be readable; with less, rows become blocks."""


def page(found: Mapping[str, Any], width: int, unicode: bool) -> str:
    """Return the whole page, `width` columns at most but for paths."""
    lines = [*_wrapped(f"energyprof {found['energyprof']}, Python {found['python']}, {found['platform']}", width)]
    lines += _wrapped(f"machine: {_machine(found['machine'])}", width)
    lines += ["", *_table(("source", "kind", "rank", "usable", "what it is, or what it needs"), _sources(found), width)]
    domains = _domains(found)
    if domains:
        heads = ("domain", "read by", "period", "call", "error", "inside", "why")
        lines += ["", *_table(heads, domains, width)]
    for row in found.get("probed", ()):
        lines += ["", *_probed("probed", row, width)]
    for row in _kept(found):
        lines += ["", *_probed("probe of", row, width)]
    lines += [""]
    lines += [line for text in _closing(found) for line in _wrapped(text, width)]
    text = "".join(f"{line.rstrip()}\n" for line in lines)
    return text if unicode else text.replace("±", "+/-").encode("ascii", "replace").decode("ascii")


def _machine(machine: Mapping[str, Any]) -> str:
    parts = [f"virtual ({machine['virtual_machine']})" if machine["virtual_machine"] else "bare metal"]
    if machine["container"]:
        parts.append(f"in a container ({machine['container']})")
    return ", ".join(parts)


def _sources(found: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for row in found["sources"]:
        usable = "used" if row["used"] else "yes" if row["available"] else "no"
        if usable == "no" and row["measures"] == "replay":
            usable = "on demand"
        told = row["reason"] or "; ".join(dict.fromkeys(domain["source"] for domain in row["domains"]))
        if row["devices"]:
            told += f" ({row['devices']} devices)"
        yield row["name"], row["measures"], "-" if row["rank"] is None else str(row["rank"]), usable, told


def _domains(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    why = {(one["domain"], one["source"]): one for one in found["choices"]}
    rows = []
    for source in found["sources"]:
        for domain in source["domains"]:
            choice = why.get((domain["id"], source["name"]))
            rival = "a sensor covers it" if source["measures"] == "model" else "another source ranks before it"
            reason = choice["why"] if choice else f"not read: {rival}"
            if domain["failure"]:
                reason = f"cannot be read: {domain['failure']}"
            rows.append(
                (
                    domain["id"],
                    source["name"] if choice else f"({source['name']})",
                    "every read" if source["measures"] == "model" else _period(domain),
                    duration(source["call_s"]),
                    _error(domain["gain_error"]),
                    domain["parent"] or "-",
                    reason,
                )
            )
    return sorted(rows, key=lambda row: (natural_key(row[0]), row[1:]))


def _period(domain: Mapping[str, Any]) -> str:
    if domain["period_s"] is None:
        return "unknown"
    is_probed = domain["timing"].startswith("period") and "probe of" in domain["timing"]
    return f"{duration(domain['period_s'])} ({'probed' if is_probed else domain['timing'].rpartition('; ')[2]})"


def _error(gain_error: Sequence[float]) -> str:
    below, above = gain_error
    return f"-{below:.0%}/+{above:.0%}" if below or above else "not stated"


def _kept(found: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Yield what is kept of domains that were not probed just now."""
    fresh = {(row["source"], row["domain"]) for row in found.get("probed", ())}
    for source in found["sources"]:
        for domain in source["domains"]:
            if domain["probe"] is not None and (source["name"], domain["id"]) not in fresh:
                yield {**domain, **domain["probe"], "source": source["name"], "domain": domain["id"]}


def _probed(title: str, row: Mapping[str, Any], width: int) -> Iterable[str]:
    yield f"{title} {row['source']} {row['domain']}"
    for name, text in probe_facts(row):
        yield from _wrapped(f"  {name:<15}{text}", width, 17)


def _closing(found: Mapping[str, Any]) -> Iterable[str]:
    uses = [f"{one['domain']} by {one['source']}" for one in found["choices"]]
    nested = [one["domain"] for one in found["choices"] if not one["counts"]]
    yield f"a run here would read: {', '.join(uses) or 'nothing'}"
    if nested:
        yield f"shown and never added, being part of another: {', '.join(nested)}"
    if not found["has_sensor"]:
        yield "no power sensor can be read here: figures are estimates of a model, and labelled so"
    else:
        models = {source["name"] for source in found["sources"] if source["measures"] == "model"}
        modelled = [one["domain"] for one in found["choices"] if one["source"] in models]
        if modelled:
            yield f"no sensor here covers {', '.join(modelled)}: its figures are estimates of a model, and labelled so"
    yield from (line for source in found["sources"] for line in source["left_out"])
    yield from found["machine"]["meaning"]
    yield from found.get("remarks", ())
    yield f"diagrams: {found['renderer'] or found['renderer_missing']}"
    files = found["cache"]["files"]
    probes = [file for file in files if file["kind"] == "probe"]
    yield f"cache: {found['cache']['folder'] or 'none (set XDG_CACHE_HOME)'}, {len(files)} files, {len(probes)} probes"
    shown = {row["kept"] for row in (*found.get("probed", ()), *_kept(found))}
    for file in probes:
        if file["path"] not in shown:
            yield f"  {file['path']}: {file['fault'] or '{} of {}'.format(file['about'], file['date'])}"


def _table(heads: Sequence[str], rows: Iterable[tuple[str, ...]], width: int) -> Iterable[str]:
    rows = list(rows)
    sizes = [max(len(row[at]) for row in (tuple(heads), *rows)) for at in range(len(heads) - 1)]
    left = width - sum(sizes) - len(_GAP) * len(sizes)
    if left < _LAST_LEAST:
        return [line for row in rows for line in _block(heads, row, width)]
    lines = []
    for row in (tuple(heads), *rows):
        start = _GAP.join(cell.ljust(size) for cell, size in zip(row, sizes, strict=False))
        told = textwrap.wrap(row[-1], left, break_on_hyphens=False) or [""]
        lines += [f"{start}{_GAP}{told[0]}", *(f"{'':{width - left}}{line}" for line in told[1:])]
    return lines


def _block(heads: Sequence[str], row: Sequence[str], width: int) -> Iterable[str]:
    """Return a row on lines of its own: its name, then what is known of it."""
    yield f"{heads[0]} {row[0]}"
    short = ", ".join(f"{head} {cell}" for head, cell in zip(heads[1:-1], row[1:-1], strict=True) if cell != "-")
    yield from _wrapped(f"  {short}", width, 4)
    yield from _wrapped(f"  {row[-1]}", width, 4)


def _wrapped(text: str, width: int, indent: int = 2) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False)
