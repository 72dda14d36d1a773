"""The line of attribution: spans to segments once, then for each domain windows, cells, shares, split and verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from energyprof.attribute.baseline import baseline_w
from energyprof.attribute.cpu_shares import CpuShares
from energyprof.attribute.device_lanes import HOST, device_lanes
from energyprof.attribute.edges import covered_ns, high_w, margins
from energyprof.attribute.from_bursts import inferred
from energyprof.attribute.functions import function_energy
from energyprof.attribute.ground import DomainLanes, Ground
from energyprof.attribute.hosts import by_host, seen_on
from energyprof.attribute.identify import Case, Ran, self_columns, total_columns, unsplit_rows
from energyprof.attribute.inference.columns import Columns
from energyprof.attribute.inference.problem import SensorProblem
from energyprof.attribute.inference.separable import FittedSplit, refusal_of, scale, sensor_fit
from energyprof.attribute.inference.told import said_of, said_of_window
from energyprof.attribute.ledger import MICRO, ledger_line, whole_microjoules
from energyprof.attribute.order import calls, follows
from energyprof.attribute.others import NO_IDLE_POWER, Used, as_model, in_total, split_shared, used_in
from energyprof.attribute.ranks import Ranks, is_distributed, rank_energies, rank_times
from energyprof.attribute.said_of_bursts import said_of_bursts
from energyprof.attribute.sampled import Sampled, sampled
from energyprof.attribute.shape import recover_shaped, said_of_counted, shape_in
from energyprof.attribute.split import SPREAD, Divided, Margins, Problem, Split, split
from energyprof.attribute.steps import step_energy
from energyprof.attribute.updates import Recovered, recover
from energyprof.attribute.waiting import kept_waiting
from energyprof.attribute.weights import Cells, as_shares, presence
from energyprof.attribute.windows import Windows
from energyprof.model.attribution import (
    ATTRIBUTION_VERSION,
    PROVENANCES,
    Attribution,
    DomainAttribution,
    EnergyColumns,
    FunctionEnergy,
    RankEnergy,
    RankTimes,
    counted_domains,
)
from energyprof.model.domain import Domain, ReadStatus
from energyprof.model.power import Readings, Use
from energyprof.model.span import Flags, Floats, Ints
from energyprof.model.trace import Trace

if TYPE_CHECKING:
    from energyprof.attribute.inference.sensor import Fitted
    from energyprof.attribute.inference.window import FoundWindow

_NO_READINGS = Readings(*(np.zeros(0, np.int64),) * 3, status=np.zeros(0, np.uint8))


def attribute(trace: Trace, progress: Callable[[float], None] | None = None) -> Attribution:
    """Divide the energy of every domain over the stages; `progress` is told the part done, rising from 0 to 1."""
    tell = progress or (lambda _part: None)
    tell(0.0)
    grounds = {host: Ground.of(part) for host, part in by_host(trace).items()}
    whole = grounds.get("") or Ground.of(trace)
    if is_distributed(trace.ranks):
        apart = {host: Ranks.of(ground.trace.ranks, trace.lanes) for host, ground in grounds.items()}
        grounds = {host: replace(ground, ranks=apart[host]) for host, ground in grounds.items()}
    domains, lanes = [], {(host, HOST): ground.lanes(HOST) for host, ground in grounds.items()}
    seen: Sampled | None = None
    if len(trace.stacks.samples):
        segments = (lanes.get(("", HOST)) or whole.lanes(HOST)).segments
        seen = sampled(trace.stacks, segments, trace.lanes, len(trace.stages), trace.run.start_ns, whole.cpu)
        seen_by = {host: seen_on(seen, trace, ground.trace) for host, ground in grounds.items()}
        grounds = {host: replace(ground, seen=seen_by[host]) for host, ground in grounds.items()}
    tell(0.3)
    for index, domain in enumerate(trace.domains):
        ground = grounds[domain.host]
        device = device_lanes(domain, ground.trace.lanes)
        if (domain.host, device) not in lanes:
            lanes[domain.host, device] = ground.lanes(device)
        if domain.shape_of is None:
            domains.append(_attribute_domain(ground, lanes[domain.host, device], domain, device != HOST))
        tell(0.3 + 0.65 * (index + 1) / len(trace.domains))
    result = Attribution(
        version=ATTRIBUTION_VERSION,
        domains=tuple(domains),
        times=whole.times,
        follows=follows(trace.spans, len(trace.stages), trace.counted),
        calls=calls(trace.spans, trace.lanes, len(trace.stages), trace.counted),
        warnings=said_of_bursts(trace, whole.between),
        functions=None if seen is None else seen.table,
        ranks=_ranks(grounds, lanes),
    )
    result = replace(result, steps=step_energy(trace, counted_domains(trace.domains, result)))
    tell(1.0)
    return result


def _ranks(grounds: Mapping[str, Ground], lanes: Mapping[tuple[str, int], DomainLanes]) -> tuple[RankTimes, ...]:
    """Return how the ranks of all hosts spent their time."""
    found: list[RankTimes] = []
    for host, ground in grounds.items():
        if ground.ranks is not None:
            name = host or ground.trace.run.host
            found += rank_times(ground.ranks, ground.trace, lanes[host, HOST].shares, ground.cpu, name)
    return tuple(sorted(found, key=lambda one: one.rank))


def _read(
    ground: Ground, lanes: DomainLanes, domain: Domain, readings: Readings
) -> tuple[Domain, Recovered, FoundWindow | None]:
    """Return the windows of known energy, and the domain with the averaging window that was found, if one was."""
    run, shape = ground.trace.run, shape_in(ground.trace, domain)

    def recovered_as(domain: Domain, shape: Domain | None) -> tuple[Domain, Recovered]:
        if shape is None:
            return domain, recover(domain, readings, run.start_ns, run.end_ns, run.sleeps)
        return recover_shaped(domain, shape, ground.trace.readings, run)

    own = domain
    domain, recovered = recovered_as(own, shape)
    if ground.between is not None:
        between = ground.between.windows(recovered.run, domain, run.start_ns)
        recovered = replace(recovered, run=between)
    window = _found_window(ground, lanes, domain, recovered)
    if window is None or not window.is_new:
        return domain, recovered, window
    domain = window.of(domain)
    if shape is None:
        return domain, recovered_as(domain, None)[1], window
    shape = replace(shape, window_ns=domain.window_ns, lag_ns=domain.lag_ns)
    return *recovered_as(own, shape), window


@dataclass(frozen=True, slots=True, eq=False)
class _Division:
    """How a domain's energy was divided."""

    found: Divided
    whole: Split | FittedSplit
    problem: Problem
    statistical: _Fit | None = None
    others_j: float = 0.0
    touched: Flags | None = None
    """Stages whose part was told apart from that of other programs; None: of none it was."""


def _divided(problem: Problem, used: Used | None, fit: Callable[[], _Fit | None]) -> _Division:
    """Divide by the use of the host where others had a part, else by a statistical fit where there can be one."""
    if used is not None:
        shared, problem = split_shared(problem, used)
        return _Division(shared, shared.found, problem, None, shared.others_j, shared.touched)
    plain = split(problem)
    statistical = fit()
    if statistical is None:
        return _Division(plain, plain, problem)
    fitted = FittedSplit.of(plain, *statistical)
    return _Division(fitted, fitted, problem, statistical)


def _attribute_domain(ground: Ground, lanes: DomainLanes, domain: Domain, on_device: bool) -> DomainAttribution:
    trace = ground.trace
    readings = trace.readings.get(domain.id, _NO_READINGS)
    domain, recovered, window = _read(ground, lanes, domain, readings)
    windows = recovered.run
    used = _used(ground, domain, windows)
    problem, baseline, notes = _pose(ground, lanes, domain, recovered, used)
    faults = (*windows.faults, *said_of_window(window, domain))
    if used is not None and baseline is None:
        faults = (*faults, NO_IDLE_POWER) if used.others_ns.any() else faults
        used = None
    division = _divided(problem, used, lambda: _fitted(ground, lanes, domain, recovered, (baseline, window)))
    found, whole, statistical = division.found, division.whole, division.statistical

    total_uj = round(float(windows.energy_j.sum()) * MICRO)
    parts = np.append(found.stages.energy_j, (whole.idle_j, whole.outside_j, division.others_j, whole.unattributed_j))
    parts_uj = whole_microjoules(parts, total_uj)
    energy_uj, rest_uj = parts_uj[:-4], parts_uj[-4:].tolist()
    case = _case(ground, lanes, domain, windows, on_device)
    if statistical is not None:
        case = replace(case, refusal=statistical[2])
        notes = (*notes, said_of(statistical[0], domain, window))
    own, total = self_columns(case, found, energy_uj), total_columns(case, found, energy_uj)
    touched = division.touched
    if touched is not None and touched.any():
        by = "CPU time" if domain.driver == "cpu" else "what the device's processes used"
        below = ground.tree.sums(touched.astype(np.int64)) > 0
        own, total = as_model(own, touched, by), as_model(total, below, by)
    ranks = _rank_energies(ground, lanes, domain, recovered, energy_uj) if len(windows) else ()
    functions = _functions(ground, domain, division.problem, own, found, is_idle_known=baseline is not None)
    if functions is not None and used is not None and used.others_ns.any():
        functions = replace(functions, provenance=PROVENANCES.index("estimated (model)"))
    total_s = in_total(_use_of(trace, domain))
    start, end = (windows.start_ns[0], windows.end_ns[-1]) if len(windows) else (0.0, 0.0)
    return DomainAttribution(
        domain=domain.id,
        self_energy=own,
        total_energy=total,
        unsplit=unsplit_rows(case, found, own, energy_uj),
        ledger=ledger_line(domain.id, energy_uj, rest_uj) if len(windows) else None,
        baseline_w=baseline,
        period_ns=windows.period_ns,
        updates=windows.updates,
        reads=len(readings),
        read_ns=int(np.ptp(readings.t_after_ns)) if len(readings) else 0,
        failures=int(np.count_nonzero(readings.status != ReadStatus.OK)),
        measured_start_ns=trace.run.start_ns + round(start),
        measured_end_ns=trace.run.start_ns + round(end),
        notes=(*windows.notes, *said_of_counted(trace, domain), *notes),
        functions=functions,
        busy_s=None if total_s is None else total_s[0],
        others_s=None if total_s is None else total_s[1],
        covered_ns=round(windows.covered_ns()),
        gaps=windows.gaps(),
        faults=faults,
        fit=None if statistical is None else sensor_fit(domain, window, *statistical),
        ranks=ranks,
        waiting_j=kept_waiting(trace, ground.segments, lanes.line.idle, (start, end), rest_uj[0])
        if on_device
        else None,
    )


def _rank_energies(
    ground: Ground, lanes: DomainLanes, domain: Domain, recovered: Recovered, energy_uj: Ints
) -> tuple[RankEnergy, ...]:
    """Return what each rank had of the domain's energy: the same problem once more, with the ranks' stages apart."""
    if ground.ranks is None:
        return ()
    segments = ground.ranks.apart(lanes.segments)
    shares = CpuShares.of(segments, ground.trace.lanes, ground.cpu, lanes.line)
    apart = replace(lanes, segments=segments, shares=shares, stages=lanes.stages * ground.ranks.columns)
    return rank_energies(ground.ranks, domain, _pose(ground, apart, domain, recovered, None)[0], energy_uj)


def _functions(  # noqa: PLR0913 - what is divided, and how
    ground: Ground, domain: Domain, problem: Problem, own: EnergyColumns, found: Divided, *, is_idle_known: bool
) -> FunctionEnergy | None:
    """Return the energy of sampled functions; None: no stacks were sampled, or nothing was read."""
    if ground.seen is None or not len(problem.windows):
        return None
    by_cpu = domain.driver == "cpu" and bool(ground.cpu.processes)
    cpu = ground.cpu if by_cpu else None
    return function_energy(ground.seen, domain, problem, own, cpu, scale(found), is_idle_known=is_idle_known)


_Fit: TypeAlias = "tuple[Fitted, Columns, str]"


def _fitted(
    ground: Ground,
    lanes: DomainLanes,
    domain: Domain,
    recovered: Recovered,
    known: tuple[float | None, FoundWindow | None],
) -> _Fit | None:
    """Return the statistical fit, its columns, and why it may name no stage; None where there can be none."""
    baseline, window = known
    posed = _posed(ground, lanes, domain, recovered, baseline)
    if posed is None:
        return None
    from energyprof.attribute.inference.sensor import fit_sensor

    problem = posed if window is None else replace(posed, window_sd_ns=window.sd_ns)
    fitted = fit_sensor(problem)
    return (
        None
        if fitted is None
        else (fitted, problem.workload.columns, refusal_of(fitted, ground.trace.run.is_imported()))
    )


def _found_window(ground: Ground, lanes: DomainLanes, domain: Domain, recovered: Recovered) -> FoundWindow | None:
    """Return the averaging window that readings show where nobody has told it; None: it is known, or they do not."""
    if domain.quantity != "power" or domain.provenance == "model":
        return None
    from energyprof.attribute.inference.window import find_window

    posed = _posed(ground, lanes, domain, recovered, None)
    return None if posed is None else find_window(posed)


def _posed(
    ground: Ground, lanes: DomainLanes, domain: Domain, recovered: Recovered, baseline: float | None
) -> SensorProblem | None:
    """Return the problem of the statistical fit; None where there can be none."""
    trace, windows = ground.trace, recovered.run
    if recovered.rows is None or ground.between is not None or not len(windows) or not len(lanes.segments):
        return None
    # This needs scipy, which loads longer than all else here: reports of stored fits and of models do without it.
    from energyprof.attribute.inference.workload import Workload

    by_cpu = domain.driver == "cpu" and bool(ground.cpu.processes)
    columns = Columns.of(trace.stages, lanes.own_ns)
    workload = Workload.of(
        lanes.segments, lanes.line, lanes.shares if by_cpu else None, columns, lanes.parts(by_cpu=by_cpu)
    )
    run_ns = float(trace.run.end_ns - trace.run.start_ns)
    host_clock = domain.driver == "device" and not lanes.on_device
    return SensorProblem(domain, recovered.rows, workload, windows, baseline, run_ns, host_clock)


def _case(ground: Ground, lanes: DomainLanes, domain: Domain, windows: Windows, on_device: bool) -> Case:
    """Return what the verdict on the domain's figures rests on."""
    stages = ground.trace.stages
    return Case(
        domain=domain,
        period_ns=windows.period_ns,
        host_clock=domain.driver == "device" and not on_device,
        stages=stages,
        tree=ground.tree,
        pieces=ground.times.calls + ground.times.resumes,
        ran=Ran(
            lanes.own_ns,
            covered_ns(lanes.segments, windows, len(stages)),
            is_read=len(windows) > 0,
            high_w=high_w(windows),
        ),
        is_imported=ground.trace.run.is_imported(),
        # Of a sensor that sees part of the time, what was read is a sample, and no bound.
        most_j=np.inf if windows.sd_j is not None else _most_j(windows),
    )


def _most_j(windows: Windows) -> float:
    """Return what all windows hold at most."""
    common_j = 0.0 if windows.common_j is None else abs(float(windows.common_j.sum()))
    return max(float(windows.energy_j.sum()) + SPREAD * common_j, 0.0)


def _use_of(trace: Trace, domain: Domain) -> Use:
    """Return who used what a domain feeds, as far as it is known."""
    return trace.host_use if domain.driver == "cpu" else trace.device_use.get(domain.id, Use.none())


def _used(ground: Ground, domain: Domain, windows: Windows) -> Used | None:
    """Return who used the machine in each window where others' part is to be told apart; None: it is not.

    A model counts the program's own CPU time only: nothing of others is in it.
    """
    trace, use = ground.trace, _use_of(ground.trace, domain)
    if not trace.run.shared or domain.provenance == "model" or len(use) < 2:
        return None
    by_cpu = domain.driver == "cpu" and bool(ground.cpu.processes)
    return used_in(use, windows, trace.run.start_ns, ground.cpu.of_all if by_cpu else None)


def _pose(
    ground: Ground, lanes: DomainLanes, domain: Domain, recovered: Recovered, shared: Used | None
) -> tuple[Problem, float | None, tuple[str, ...]]:
    """Return the domain's problem for the estimator, the baseline and notes."""
    windows, count = recovered.run, lanes.stages
    at_rest = recovered.before if ground.trace.run.lead_in_s > 0 else None
    by_cpu = domain.driver == "cpu" and bool(ground.cpu.processes)
    parts = lanes.parts(by_cpu=by_cpu)
    cells = presence(parts, windows.start_ns, windows.end_ns, count)
    outside = cells.per_window(np.where(cells.stage == count, cells.time_ns, 0.0))
    used = ground.cpu.of_all(windows.start_ns, windows.end_ns) if by_cpu else None
    if shared is not None:  # where others work, the machine is not at rest
        used = shared.own_ns + shared.others_ns
    baseline, notes = baseline_w(domain, windows, outside, used, at_rest)
    if domain.driver == "cpu" and not by_cpu:
        notes = (*notes, "no CPU times were read: stages open at once share by time")

    def shares(cells: Cells, start_ns: Floats, end_ns: Floats) -> Floats:
        return as_shares(cells, lanes.shares.weights(cells, start_ns, end_ns) if by_cpu else cells.time_ns)

    beside = None
    if windows.edge_ns > 0 and domain.provenance == "sensor" and len(windows):
        start, end, left, right = margins(windows)
        around = presence(parts, start, end, count)
        beside = Margins(around, shares(around, start, end), left, right)
    share = shares(cells, windows.start_ns, windows.end_ns)
    problem = Problem(windows, cells, share, beside, baseline or 0.0)
    return (problem if ground.between is None else inferred(problem, ground.between)), baseline, notes
