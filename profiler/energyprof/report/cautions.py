"""The warnings of a report: each one line, a fact and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from energyprof.model.attribution import Attribution, DomainAttribution
from energyprof.model.domain import Domain
from energyprof.model.hosts import Host
from energyprof.model.span import Stage
from energyprof.model.trace import RecorderFacts, RunFacts
from energyprof.report.like_lines import merged_lines
from energyprof.report.others import others_cautions
from energyprof.report.sums import mean_power_w

UNATTRIBUTED_SHARE = 0.02
UNCOVERED_SHARE = 0.05
"""Part of the run without readings above which it is said, per sensor."""
LEAST_DEVICE_W, MOST_DEVICE_W = 0.5, 10_000.0
"""Mean power of a device beyond which a unit was mistaken: a thousand times off is mW for W."""
IMPORTED_IDLE = ", or import with --idle-before where nothing ran before the first span"
LATE_SHARE = 0.01
LATE_FROM_POLLS = 100
"""Polls from which a share of them is worth a word."""
COST_SHARE = 0.10
"""Part of the run that recording took, above which it is said."""
EXCEEDED = 1.1
"""Times its bound that recording costs, above which it is said."""
OTHER_NAMES = "<other>"
"""The stage that collects all names above the recorder's limit."""


def cautions(  # noqa: PLR0913, PLR0917 - everything that may need a warning
    run: RunFacts,
    recorder: RecorderFacts,
    domains: tuple[Domain, ...],
    stages: tuple[Stage, ...],
    attribution: Attribution,
    recorded: tuple[str, ...],
    hosts: tuple[Host, ...] = (),
) -> tuple[str, ...]:
    """Return what a reader of the figures must know: of the power data first, then of recording; nothing twice.

    What several domains have in common is one line."""
    by_id = {domain.id: domain for domain in domains}
    runs = {"": run, **{host.name: host.run for host in hosts}}
    found = [
        *_no_domain(attribution),
        *_slept(run),
        *_modelled(domains),
        *_replayed(domains),
        *(line for part in attribution.domains for line in _of_domain(part, by_id[part.domain], runs, recorded)),
        *others_cautions(domains, attribution.domains, (run.end_ns - run.start_ns) * 1e-9, run.shared),
        *attribution.warnings,
        *_of_recording(run, recorder, stages),
        *recorded,
    ]
    return tuple(merged_lines(dict.fromkeys(" ".join(line.split()) for line in found), list(by_id)))


def _no_domain(attribution: Attribution) -> Iterator[str]:
    if not attribution.domains:
        yield "no power was recorded, so there are times but no energies; see what can be read with: energyprof doctor"


def _slept(run: RunFacts) -> Iterator[str]:
    if run.sleeps:
        asleep_s = sum(sleep.asleep_ns for sleep in run.sleeps) * 1e-9
        at_s = ", ".join(f"{(sleep.end_ns - run.start_ns) * 1e-9:.1f} s" for sleep in run.sleeps[:3])
        yield (
            f"the computer slept for {asleep_s:.0f} s during the run, after {at_s}: that time is in no duration and "
            "what it used in no energy; keep it awake for accurate figures"
        )


def _modelled(domains: tuple[Domain, ...]) -> Iterator[str]:
    modelled = [domain for domain in domains if domain.provenance == "model"]
    if modelled:
        measured = [domain for domain in domains if domain.provenance != "model"]
        which = f"of sensors only {_ids(measured)} could be read" if measured else "no power sensor was read"
        sources = ", ".join(dict.fromkeys(domain.source for domain in modelled))
        yield f"{which}: {_ids(modelled)} estimated by {sources}; see what a sensor needs with: energyprof doctor"


def _replayed(domains: tuple[Domain, ...]) -> Iterator[str]:
    replayed = [domain for domain in domains if domain.source.split(maxsplit=1)[:1] == ["replay"]]
    if replayed:
        yield (
            f"{_ids(replayed)}: power was replayed from a file, not read during this run; "
            "leave --source replay away to measure"
        )


def _of_domain(
    found: DomainAttribution, domain: Domain, runs: Mapping[str, RunFacts], recorded: tuple[str, ...]
) -> Iterator[str]:
    line = found.ledger
    yield from (f"{domain.id}: {fault}" for fault in found.faults)
    if line is None:
        yield (
            f"{domain.id}: {_why_unread(found)}, so its energy is not known and in no figure; "
            "check the sensor with: energyprof doctor"
        )
        return
    yield from _uncovered(found, domain, runs[domain.host])
    yield from _implausible(found, domain, runs[domain.host])
    if abs(line.unattributed_j) > UNATTRIBUTED_SHARE * abs(line.measured_j):
        share = f"{line.unattributed_j / line.measured_j:.1%}".replace("%", " %") if line.measured_j else "all"
        yield (
            f"{domain.id}: {share} of its energy could not be attributed; "
            "make stages longer than the sensor's period, or repeat them"
        )
    # The sampler that saw them fail has said why; a run cut short has no such line.
    if found.failures and not any(said.startswith(f"{domain.id}: ") and "reads failed" in said for said in recorded):
        yield (
            f"{domain.id}: {found.failures} of {found.reads} reads failed and are gaps, not zeros; "
            "check the sensor with: energyprof doctor"
        )
    if found.baseline_w is None and domain.provenance == "sensor":
        yield (
            f"{domain.id}: the idle power is unknown (no gap between stages showed it), so stages include it; "
            "leave a second outside stages to learn it" + (IMPORTED_IDLE if runs[domain.host].is_imported() else "")
        )


def _why_unread(found: DomainAttribution) -> str:
    if found.failures and found.failures == found.reads:
        return "all of its reads failed"
    return "no reading covers any of the run"


def _uncovered(found: DomainAttribution, domain: Domain, run: RunFacts) -> Iterator[str]:
    """A model knows what it has missed; a sensor does not."""
    wall_ns = run.end_ns - run.start_ns
    if domain.provenance == "model" or wall_ns <= 0 or found.covered_ns >= (1 - UNCOVERED_SHARE) * wall_ns:
        return
    yield (
        f"{domain.id}: its readings cover {found.covered_ns * 1e-9:.3g} of {wall_ns * 1e-9:.3g} s, and the energy of "
        "the rest is not known; profile a longer run, or leave a CPU core free for the collector"
    )


def _implausible(found: DomainAttribution, domain: Domain, run: RunFacts) -> Iterator[str]:
    """Only what a file says can have a wrong unit."""
    power_w = mean_power_w(found)
    if power_w is None or domain.driver != "device" or not run.is_imported():
        return
    if not LEAST_DEVICE_W <= power_w <= MOST_DEVICE_W:
        than = (
            "less than such a device draws when idle" if power_w < LEAST_DEVICE_W else "more than any such device draws"
        )
        yield f"{domain.id}: its mean power is {power_w:.3g} W, {than}; check the unit of the power file (W, mW; J, mJ)"


def _of_recording(run: RunFacts, recorder: RecorderFacts, stages: tuple[Stage, ...]) -> Iterator[str]:
    because = f" ({recorder.lost_because})" if recorder.lost_because else ""
    if recorder.dropped:
        yield (
            f"{recorder.dropped} events were lost{because}, so some calls and times are missing; "
            "record fewer, longer stages or free space in the temporary folder"
        )
    if recorder.has_lost and not stages:
        yield (
            f"all stages were lost{because}, so the energy stands outside any stage; "
            "let the program write to the temporary folder"
        )
    wall_s = (run.end_ns - run.start_ns) * 1e-9
    if wall_s > 0 and recorder.recorder_s > COST_SHARE * wall_s:
        share = f"{recorder.recorder_s / wall_s:.0%}".replace("%", " %")
        yield (
            f"recording took {share} of the run for {recorder.spans} spans, and its energy is among the stages'; "
            "mark fewer, longer stages"
        )
    if recorder.folded:
        layers = "1 layer is" if recorder.folded == 1 else f"{recorder.folded} layers are"
        yield (
            f"{layers} folded into those that call them, too short to be recorded within "
            f"{_percent(recorder.max_overhead)} of the program's time; what is left costs "
            f"{_percent(recorder.overhead)}; to see more, allow more: --max-overhead"
        )
    if recorder.max_overhead and recorder.overhead > EXCEEDED * recorder.max_overhead:
        yield (
            f"recording costs the program {_percent(recorder.overhead)}, more than {_percent(recorder.max_overhead)}: "
            "what could be folded has been; mark fewer, longer stages"
        )
    if recorder.polls >= LATE_FROM_POLLS and recorder.late_polls > LATE_SHARE * recorder.polls:
        yield (
            f"{recorder.late_polls} of {recorder.polls} polls of the power sources were more than 5 ms late; "
            "leave a CPU core free for accurate figures"
        )
    if any(stage.name == OTHER_NAMES for stage in stages):
        yield (
            f"there were more stage names than are kept apart; the rest is {OTHER_NAMES}: "
            "keep numbers and file names out of stage names"
        )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _ids(domains: list[Domain]) -> str:
    return ", ".join(domain.id for domain in domains)
