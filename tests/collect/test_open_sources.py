"""Which sources a run ends up with: one that fails is said and left out, and never ends the run."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from typing import Literal

from energyprof.collect.devices import open_source
from energyprof.collect.open_sources import Opened, Opening, lead_out_ns, said_of
from energyprof.errors import PluginError
from energyprof.interfaces import PowerSource, Reading, SourceContext
from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId


class Source:
    """A source that behaves as it is told to."""

    def __init__(
        self, name: str, measures: Literal["sensor", "model", "replay"], *domains: Domain, fault: str = ""
    ) -> None:
        self.name = name
        self.measures = measures
        self.rank = 50
        self.fault = fault
        self.domains = domains
        self.closed = 0

    def why_unavailable(self, context: SourceContext) -> str | None:
        return f"{self.fault} {context.argument}".strip() if self.fault.startswith("no ") else None

    def open(self, context: SourceContext) -> Sequence[Domain]:
        if self.fault:
            raise OSError(self.fault)
        return self.domains

    def read(self) -> Iterable[Reading]:
        return []

    def close(self) -> None:
        self.closed += 1
        if self.fault:
            raise OSError("cannot close")


def domain(name: str, provenance: Literal["sensor", "model"] = "sensor", lag_ns: int = 0, period_ns: int = 0) -> Domain:
    return Domain(
        DomainId(name), name, provenance, "energy", 1.0, "device", period_ns=period_ns or None, lag_ns=(0, lag_ns)
    )


GPU, CPU, PACKAGE = domain("gpu:0"), domain("cpu", "model"), domain("cpu:0:package")


def opened(sources: list[Source], wanted: Sequence[tuple[str, str]] = ()) -> tuple[list[str], list[str]]:
    """Return the names of the sources that were opened, and the warnings."""
    by_name = {source.name: source for source in sources}

    def load(name: str) -> PowerSource:
        if name not in by_name:
            raise PluginError(f"no plugin {name!r}")
        return by_name[name]

    opening = Opening(wanted, [*by_name, "broken"], load, SourceContext())
    found = opening.wait(20.0)
    return names(found), opening.news()


def test_the_model_serves_what_no_sensor_covers_and_a_plugin_that_cannot_be_loaded_is_said() -> None:
    sources = [Source("nvml", "sensor", GPU), Source("model", "model", CPU), Source("replay", "replay", GPU)]

    assert opened(sources) == (["model", "nvml"], ["no plugin 'broken'"])


def test_a_sensor_of_the_cpu_goes_before_the_model_which_is_closed_at_the_end() -> None:
    model = Source("model", "model", CPU)
    by_name: dict[str, PowerSource] = {"rapl": Source("rapl", "sensor", PACKAGE), "model": model}
    opening = Opening([], list(by_name), by_name.__getitem__, SourceContext())

    at_first, at_last = opening.wait(20.0), opening.give_up()

    assert (names(at_first), names(at_last), opening.news()) == (["rapl"], [], [])
    assert model.closed == 1


def test_what_a_source_remarks_on_is_said_if_it_is_read() -> None:
    remarking, twice = Source("nvml", "sensor", GPU), Source("other", "sensor", GPU)
    remarking.remarks = ["gpu:0 is divided by MIG"]  # type: ignore[attr-defined]
    twice.remarks = ["never said"]  # type: ignore[attr-defined]

    _, said = opened([remarking, twice])

    assert len({"gpu:0 is divided by MIG", "never said"} & set(said)) == 1, "of two for one domain one is read"


def test_where_no_sensor_can_be_opened_the_model_serves() -> None:
    broken = Source("nvml", "sensor", GPU, fault="driver trouble")

    names, warnings = opened([broken, Source("model", "model", CPU)])

    assert names == ["model"]
    assert warnings == ["no plugin 'broken'", "power source nvml could not be opened: OSError: driver trouble"]
    assert broken.closed == 1


def test_a_source_asked_for_that_cannot_serve_is_said_and_the_others_serve() -> None:
    sources = [Source("nvml", "sensor", GPU), Source("replay", "replay", GPU, fault="no file")]

    names, warnings = opened(sources, [("replay", "a.csv"), ("sun", ""), ("nvml", "")])

    assert names == ["nvml"]
    assert warnings == ["power source replay cannot be used: no file a.csv", "no plugin 'sun'"]


def test_a_domain_offered_twice_is_read_once() -> None:
    second = Source("other", "sensor", GPU)

    names, warnings = opened([Source("nvml", "sensor", GPU), second], [("nvml", ""), ("other", "")])

    assert names == ["nvml"]
    assert warnings == ["power source other is left out: another one reads gpu:0; choose with --source"]
    assert second.closed == 1


class Slow(Source):
    """A source whose driver takes until `released`."""

    def __init__(self, name: str, measures: Literal["sensor", "model", "replay"], *domains: Domain) -> None:
        super().__init__(name, measures, *domains)
        self.released = threading.Event()

    def open(self, context: SourceContext) -> Sequence[Domain]:
        self.released.wait(20.0)
        return super().open(context)


def names(opened: Opened) -> list[str]:
    return [one.source.name for one in opened]


def test_a_source_that_takes_its_time_joins_the_others() -> None:
    slow, quick = Slow("slow", "sensor", CPU), Source("quick", "sensor", GPU)
    by_name: dict[str, PowerSource] = {"slow": slow, "quick": quick}
    opening = Opening([("slow", ""), ("quick", "")], [], by_name.__getitem__, SourceContext())

    at_first = opening.wait(0.05)
    slow.released.set()
    later = opening.wait(20.0)

    assert (names(at_first), names(later), opening.late(), opening.news()) == (["quick"], ["slow"], [], [])


def test_a_source_that_never_opens_is_said_at_the_end_and_the_model_serves() -> None:
    slow, model = Slow("slow", "sensor", GPU), Source("model", "model", CPU)
    by_name: dict[str, PowerSource] = {"slow": slow, "model": model}
    opening = Opening([], list(by_name), by_name.__getitem__, SourceContext())

    at_first, at_last = opening.wait(0.05), opening.give_up()
    (line,) = opening.news()
    slow.released.set()

    assert (names(at_first), names(at_last)) == ([], ["model"])
    assert re.fullmatch(
        r"power source slow could not be opened within \d\.\d s and is left out; mend its driver.*", line
    )


def test_the_model_waits_for_sensors_that_have_not_answered_and_not_for_ever() -> None:
    slow, model = Slow("slow", "sensor", PACKAGE), Source("model", "model", CPU)
    by_name: dict[str, PowerSource] = {"slow": slow, "model": model, "nvml": Source("nvml", "sensor", GPU)}
    opening = Opening([], list(by_name), by_name.__getitem__, SourceContext())

    at_first = opening.wait(0.05)
    later = wait_for(opening)
    slow.released.set()

    assert (names(at_first), names(later)) == (["nvml"], ["model"])


def test_a_sensor_later_than_the_models_patience_is_left_out_where_the_model_serves() -> None:
    slow, model = Slow("slow", "sensor", PACKAGE), Source("model", "model", CPU)
    by_name: dict[str, PowerSource] = {"slow": slow, "model": model}
    opening = Opening([], list(by_name), by_name.__getitem__, SourceContext())
    opening.give_up()
    opening.news()

    slow.released.set()
    later = opening.wait(20.0)

    assert (later, slow.closed) == ([], 1)
    (line,) = opening.news()
    assert re.fullmatch(
        r"power source slow answered \d+\.\d s into the run, too late for cpu:0:package: a model serves cpu already; "
        "wait for it with: --source slow",
        line,
    )


def test_a_late_sensor_of_what_no_model_serves_joins_it() -> None:
    slow, model = Slow("slow", "sensor", GPU, PACKAGE), Source("model", "model", CPU)
    by_name: dict[str, PowerSource] = {"slow": slow, "model": model}
    opening = Opening([], list(by_name), by_name.__getitem__, SourceContext())
    modelled = read_for(wait_for(opening))

    slow.released.set()
    later = read_for(opening.wait(20.0))

    assert (modelled, later) == ({"model": ["cpu"]}, {"slow": ["gpu:0"]})
    assert any("too late for cpu:0:package" in line for line in opening.news())


def ranked(source: Source, rank: int) -> Source:
    source.rank = rank
    return source


def read_for(found: Opened) -> dict[str, list[str]]:
    return {one.source.name: [domain.id for domain in one.domains] for one in found}


DRAM = domain("dram:0")


def test_the_lower_rank_is_read_whichever_opens_first_and_the_others_keep_what_only_they_have() -> None:
    better, worse = ranked(Slow("better", "sensor", GPU), 10), ranked(Source("worse", "sensor", GPU, DRAM), 60)
    by_name: dict[str, PowerSource] = {"worse": worse, "better": better}
    opening = Opening([], list(by_name), by_name.__getitem__, SourceContext())
    threading.Timer(0.05, better.released.set).start()

    found = opening.wait(20.0)

    assert read_for(found) == {"better": ["gpu:0"], "worse": ["dram:0"]}
    assert (opening.news(), worse.closed) == ([], 0)


def test_a_better_source_that_is_late_changes_no_sensor_under_way_but_is_read_for_what_is_left() -> None:
    better, worse = ranked(Slow("better", "sensor", GPU, DRAM), 10), ranked(Source("worse", "sensor", GPU), 60)
    by_name: dict[str, PowerSource] = {"worse": worse, "better": better}
    opening = Opening([], list(by_name), by_name.__getitem__, SourceContext())

    at_first = read_for(opening.wait(0.05))
    better.released.set()
    later = read_for(opening.wait(20.0))

    assert (at_first, later) == ({"worse": ["gpu:0"]}, {"better": ["dram:0"]})
    assert opening.news() == [
        "power source better is not read for all its domains: another one reads gpu:0; choose with --source"
    ]


def test_among_equal_ranks_the_names_decide_unless_the_user_gave_an_order() -> None:
    by_name: dict[str, PowerSource] = {"b": Source("b", "sensor", GPU), "a": Source("a", "sensor", GPU)}

    by_themselves = Opening([], list(by_name), by_name.__getitem__, SourceContext()).wait(20.0)
    by_order = Opening([("b", ""), ("a", "")], [], by_name.__getitem__, SourceContext()).wait(20.0)

    assert (names(by_themselves), names(by_order)) == (["a"], ["b"])


class Appearing(Source):
    """A sensor that is not there at first."""

    asked = 0

    def why_unavailable(self, context: SourceContext) -> str | None:
        self.asked += 1
        return "not plugged in; plug it in" if self.asked == 1 else None


def test_a_sensor_that_appears_during_the_run_is_read_from_then_on() -> None:
    late, there = Appearing("late", "sensor", GPU), Source("there", "sensor", DRAM)
    by_name: dict[str, PowerSource] = {"late": late, "there": there}
    opening = Opening([], list(by_name), by_name.__getitem__, SourceContext())

    at_first = read_for(opening.wait(20.0))
    later = read_for(wait_for(opening))

    assert (at_first, later) == ({"there": ["dram:0"]}, {"late": ["gpu:0"]})
    (line,) = opening.news()
    said = r"power source late answered \d+\.\d s into the run; what gpu:0 spent before that is not known"
    assert re.fullmatch(said, line)


def test_a_sensor_asked_for_that_appears_later_is_said_twice_and_read() -> None:
    late = Appearing("late", "sensor", GPU)
    opening = Opening([("late", "")], [], {"late": late}.__getitem__, SourceContext())

    at_first = opening.wait(20.0)
    (refused,) = opening.news()
    later = read_for(wait_for(opening))

    assert (at_first, later) == ([], {"late": ["gpu:0"]})
    assert refused == "power source late cannot be used: not plugged in; plug it in"
    assert opening.news()[0].startswith("power source late answered")


def wait_for(opening: Opening) -> Opened:
    """Return the first that comes late."""
    for _ in range(400):
        found = opening.late()
        if found:
            return found
        threading.Event().wait(0.05)
    return []


def test_the_lead_out_is_the_slowest_sensors_lag_and_period_up_to_a_bound() -> None:
    quick, slow = domain("a", lag_ns=50_000_000, period_ns=100_000_000), domain("b", lag_ns=9_000_000_000)
    model = Source("model", "model", domain("cpu", "model", lag_ns=700_000_000))

    def lead_out(*sources: Source) -> int:
        return lead_out_ns([open_source(source, source.domains) for source in sources])

    assert lead_out(model) == 0
    assert lead_out(Source("s", "sensor", quick), model) == 150_000_000
    assert lead_out(Source("s", "sensor", quick, slow)) == 1_200_000_000


def test_the_foreground_is_told_when_only_models_are_read() -> None:
    def reads_sensors(*sources: Source) -> bool:
        return bool(said_of([open_source(source, source.domains) for source in sources])["reads_sensors"])

    assert not reads_sensors(Source("model", "model", CPU))
    assert reads_sensors(Source("model", "model", CPU), Source("nvml", "sensor", GPU))
    assert reads_sensors()  # nothing has answered so far
