"""Other programs on the machine: how much of it they used, and when that must be said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from energyprof.model.attribution import DomainAttribution
from energyprof.model.domain import Domain

WARNED_FROM = 0.10
"""Others' part of all that was used, from which it is said."""
NEGLIGIBLE = 0.02
"""Others used less of one core, or of the device, than this: the system's own programs, no energy to speak of."""

LEAST_CPU_S = 0.2
"""CPU time in all from which parts of it are worth a word: runs shorter than that say nothing of the machine."""


def others_share(found: DomainAttribution) -> float | None:
    """Return others' part of what was used, 0..1; None: not known."""
    if found.busy_s is None or found.others_s is None:
        return None
    return found.others_s / found.busy_s if found.busy_s > 0 else 0.0


def others_cautions(
    domains: Sequence[Domain], found: Sequence[DomainAttribution], wall_s: float, is_shared: bool
) -> Iterator[str]:
    """Yield what must be said of others: one line for the processors, one for each device."""
    by_id = {domain.id: domain for domain in domains}
    told = [one for one in found if _is_much(one, wall_s)]
    on_cpu = [one for one in told if by_id[one.domain].driver == "cpu" and (one.busy_s or 0.0) >= LEAST_CPU_S]
    if on_cpu:
        used = f"other programs used {_part(on_cpu[0])} of the CPU time spent on this machine during the run"
        amounts = f"({on_cpu[0].others_s:.3g} of {on_cpu[0].busy_s:.3g} CPU s)"
        measured = [one for one in on_cpu if by_id[one.domain].provenance == "sensor"]
        yield f"{used} {amounts}{_consequence(measured, is_shared)}"
    for one in told:
        if by_id[one.domain].driver == "device":
            used = f"{one.domain}: other programs did {_part(one)} of its work during the run"
            yield f"{used}{_consequence([one], is_shared)}"


def _is_much(one: DomainAttribution, wall_s: float) -> bool:
    share = others_share(one)
    return share is not None and share > WARNED_FROM and (one.others_s or 0.0) > NEGLIGIBLE * wall_s


def _part(one: DomainAttribution) -> str:
    return f"{others_share(one) or 0.0:.0%}".replace("%", " %")


def _consequence(measured: Sequence[DomainAttribution], is_shared: bool) -> str:
    """Return what it means for sensors that measured them too, or for a model that did not."""
    if not measured:
        return (
            "; the model counts this program's CPU time only, so that none of theirs is in the figures, but they may "
            "have slowed it down: profile on a quiet machine"
        )
    whole = ", ".join(one.domain for one in measured if not is_shared or one.baseline_w is None)
    parted = ", ".join(one.domain for one in measured if is_shared and one.baseline_w is not None)
    words = ""
    if whole:
        remedy = "use --lead-in, for its idle power is not known" if is_shared else "tell it apart with --shared"
        words += f", and {whole} includes their energy; profile alone, or {remedy}"
    if parted:
        words += f"; their part of {parted} was taken off as `others`, by a model: profile alone for measured figures"
    return words
