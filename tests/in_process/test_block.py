"""One block: what its report says, while it goes on and afterwards, and of what it says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow


def test_a_block_is_a_run_with_a_file_and_a_report(programs: Any) -> None:
    outcome = programs.run("""
with energyprof.profile() as run:
    with stage("work"):
        burn(0.4)
    with stage("wait"):
        time.sleep(0.04)
rows = {row["stage"]: row for row in run.stages()}
tell(path=str(run.path), energy=run.energy_j, stages=sorted(rows), calls=rows["work"]["calls"],
     parts=[row["energy_j"] for row in rows.values()], ranked=rows["work"]["energy_j"] > rows["wait"]["energy_j"],
     text=str(run), json=json.loads(run.render("json"))["schema"], kept=run.report() is run.report(),
     state=repr(run), html=run._repr_html_()[:6], warnings=run.warnings, exit_code=run.report().run.exit_code)
""")

    facts = outcome.facts
    (recording,) = programs.place.recordings()
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert facts["path"] == str(recording)
    assert recording.name.startswith("job-")
    assert (facts["stages"], facts["calls"], facts["ranked"]) == (["wait", "work"], 1, True)
    assert 0 < sum(facts["parts"]) <= facts["energy"] + 1e-6
    assert "job.py" in facts["text"]
    assert (facts["json"], facts["kept"], facts["html"]) == ("energyprof-report/1", True, "<style")
    assert facts["state"] == f"<energyprof.profile finished, {recording}>"
    assert (facts["warnings"], facts["exit_code"]) == ([], 0)
    report = load(recording).report()
    assert report.measured.energy_j == facts["energy"]
    assert report.run.program is not None  # which version of itself the program was, of what it has loaded
    assert ([name for name, _ in report.run.program.files], report.run.program.scope) == ([""], "loaded")


def test_a_report_while_the_block_runs_shows_what_is_open_and_stores_nothing(programs: Any) -> None:
    outcome = programs.run("""
from energyprof.in_process.session import Session
plain, ready = Session.commit, []
def commit(session):
    ready.append("energyprof.run" in sys.modules)  # else its imports might outlast what the commit says is open
    return plain(session)
Session.commit = commit
with energyprof.profile() as run:
    with stage("train"):
        for number in range(3):
            with stage("step"):
                burn(0.05)
        report = run.report()
        burn(0.2)
    from energyprof.capture import read_attribution
    tell(stored=read_attribution(run.path) is not None, html=run._repr_html_())
rows = {row.stage: row for row in report.stages}
tell(calls={name: row.calls for name, row in rows.items()}, warnings=report.warnings, ready=ready,
     inside=rows["train"].wall_s > rows["train/step"].wall_s,
     live=report.measured.energy_j, whole=run.energy_j, spans=spans_of(run))
""")

    facts = outcome.facts
    assert facts["calls"] == {"train": 1, "train/step": 3}
    assert facts["ready"]
    assert all(facts["ready"])
    assert facts["inside"]
    assert "the run is still going on: figures so far" in facts["warnings"]
    assert not facts["stored"]
    assert facts["html"].startswith("<pre>&lt;energyprof.profile running, ")
    assert 0 < facts["live"] < facts["whole"]
    assert facts["spans"] == ["train", "train/step", "train/step", "train/step"]


def test_the_first_reading_is_older_than_the_block(programs: Any) -> None:
    outcome = programs.run("""
from energyprof.launch import own_collector
own_collector.SAMPLING_PATIENCE_S = 20.0  # on a busy machine the collector takes longer to load than a block waits
with energyprof.profile() as run:
    with stage("first"):
        burn(0.1)
trace = trace_of(run)
(readings,) = trace.readings.values()
(start_ns,) = trace.spans.start_ns
tell(early_ns=trace.run.start_ns - int(readings.t_after_ns[1]), before_ns=int(start_ns) - trace.run.start_ns)
""")

    facts = outcome.facts
    assert facts["early_ns"] >= 0  # the row before it says that a model had used nothing at the start
    assert facts["before_ns"] >= 0


def test_a_replay_begins_with_the_block(programs: Any) -> None:
    programs.place.write("power.csv", "domain,t_ns,value,unit\ncpu,0,0,J\ncpu,100000000,5,J\ncpu,200000000,5,J\n")

    outcome = programs.run("""
with energyprof.profile(sources="replay:power.csv") as run:
    time.sleep(0.3)
trace = trace_of(run)
tell(first_ns=[int(readings.t_before_ns[0]) - trace.run.start_ns for readings in trace.readings.values()])
""")

    assert outcome.facts == {"first_ns": [0]}


def test_what_the_program_did_before_is_not_billed(programs: Any) -> None:
    outcome = programs.run("""
def other():
    burn(0.5)
    ready.set()
    with stage("not yet"):
        over.wait()

ready, over = threading.Event(), threading.Event()
thread = threading.Thread(target=other)
thread.start()
burn(0.5)
ready.wait()
with energyprof.profile() as run:
    with stage("wait"):
        time.sleep(0.6)
over.set()
thread.join()
cpu = trace_of(run).cpu
own = cpu.pid == os.getpid()
tell(used={int(tid): int(cpu.cpu_ns[own & (cpu.tid == tid)].max()) / 1e9 for tid in set(cpu.tid[own].tolist())},
     pids=len(set(cpu.pid.tolist())), process=time.process_time(), spans=spans_of(run))
report = run.report()
(domain,), (ledger,) = report.domains, report.ledger
tell(most=domain.baseline_w * report.run.wall_s * 1.3, measured=ledger.measured_j)
""")

    facts = outcome.facts
    assert facts["process"] > 1.0
    assert max(facts["used"].values()) < 0.25
    assert facts["pids"] == 1  # the collector is no part of the program
    assert facts["measured"] < facts["most"]
    assert facts["spans"] == ["wait"]


def test_a_running_thread_is_recorded_from_its_first_event_on(programs: Any) -> None:
    outcome = programs.run("""
def other():
    while not over.is_set():
        with stage("other"):
            time.sleep(0.01)

over = threading.Event()
thread = threading.Thread(target=other)
thread.start()
for number in range(2):
    with energyprof.profile() as run:
        with stage("main"):
            time.sleep(0.2)
    trace = trace_of(run)
    tell(**{f"spans{number}": sorted(set(spans_of(run))), f"warnings{number}": trace.warnings})
over.set()
thread.join()
""")

    assert outcome.facts == {
        "spans0": ["main", "other"],
        "warnings0": [],
        "spans1": ["main", "other"],
        "warnings1": [],
    }


def test_functions_are_profiled_each_time_they_are_called(programs: Any) -> None:
    outcome = programs.run("""
import asyncio
here = energyprof.profile("one.eprof", quiet=True)

@here
def one(value, *, more=0):
    "Says so."
    with stage("one"):
        if value < 0:
            raise KeyError(value)
        return value + more

@energyprof.profile
def each(count):
    with stage("each"):
        return each(count - 1) if count else energyprof.profile().start().path

@energyprof.profile()
async def later():
    with stage("later"):
        await asyncio.sleep(0.01)
    return "done"

tell(value=one(1, more=2), name=one.__name__, doc=one.__doc__, spans=spans_of(here))
try:
    one(-1)
except energyprof.errors.InputError as error:
    tell(again=str(error))
tell(inner=str(each(2)), later=asyncio.run(later()))
for wrong in (lambda: (yield), int, 3):
    try:
        energyprof.profile()(wrong)
    except TypeError as error:
        tell(**{type(wrong).__name__: str(error)})
""")

    facts = outcome.facts
    assert (facts["value"], facts["name"], facts["doc"], facts["spans"]) == (3, "one", "Says so.", ["one"])
    assert facts["again"] == "one.eprof exists already and is never overwritten; choose another name or remove it"
    assert facts["later"] == "done"
    names = [path.name for path in programs.place.recordings()]
    assert len(names) == 3
    assert facts["inner"] in [str(path) for path in programs.place.recordings()]
    assert facts["function"].startswith("a generator is left and entered many times")
    assert facts["type"] == "`profile` takes a function, not <class 'int'>"
    assert facts["int"] == "`profile` takes a function, not 3"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("'/no/such/folder/x.eprof'", "cannot write /no/such/folder/x.eprof: No such file or directory; "),
        ("sources='replay:none.csv'", "power source replay cannot be used: there is no file 'none.csv' to replay; "),
        ("sources=['telepathy']", "no plugin 'telepathy' in energyprof.power_sources; installed: "),
        ("max_hz=0", "max_hz is 0; choose 0.1 to 1000"),
    ],
)
def test_a_wish_that_cannot_be_met_is_an_error_before_anything_starts(programs: Any, wish: str, message: str) -> None:
    outcome = programs.run(f"""
try:
    with energyprof.profile({wish}):
        tell(begun=True)
except energyprof.errors.EnergyprofError as error:
    tell(error=str(error), running=bool(os.environ.get("ENERGYPROF_RUN_DIR")))
""")

    assert list(outcome.facts) == ["error", "running"]
    assert outcome.facts["error"].startswith(message)
    assert not outcome.facts["running"]
    assert programs.place.recordings() == []


def test_sources_and_output_are_those_asked_for(programs: Any) -> None:
    rows = "".join(f"cpu,{at},{at // 50_000_000},J\n" for at in range(0, 5_000_000_000, 50_000_000))
    programs.place.write("power.csv", f"domain,t_ns,value,unit\n{rows}")

    outcome = programs.run("""
with energyprof.profile("mine.eprof", sources="replay:power.csv", max_hz=200) as run:
    with stage("work"):
        burn(0.8)
(domain,) = run.report().domains
tell(path=str(run.path), source=domain.source, hz=domain.achieved_hz, energy=run.energy_j, wall=run.report().run.wall_s)
""")

    facts = outcome.facts
    assert facts["path"] == str(programs.place.folder / "mine.eprof")
    assert facts["source"].startswith("replay ")
    assert 4 < facts["energy"] < 20 * (facts["wall"] + 2)  # 20 W, from the collector's first read on


def test_a_block_beyond_its_bound_reports_every_call_while_it_runs_and_after(programs: Any) -> None:
    done = programs.run(
        """
calls, live = 0, []
def counted(report):
    return sum(row.calls for row in report.stages if row.stage == "loop")
with energyprof.profile("a.eprof", max_size="256K") as run:
    deadline_s = time.monotonic() + 40
    while time.monotonic() < deadline_s and len(live) < 2:
        for _ in range(400):
            with stage("loop"):
                with stage("tiny"): pass
            calls += 1
        time.sleep(0.004)
        if calls % 8_000 == 0:
            report = run.report()
            if report.overhead.counted:
                (one,) = report.ledger
                parts_j = one.stages_j + one.idle_j + one.outside_j + one.others_j + one.unattributed_j
                live.append([counted(report), calls, abs(one.measured_j - parts_j) < 1e-6])
report = run.report()
tell(calls=calls, live=live, told=counted(report), counted=report.overhead.counted, size=os.path.getsize("a.eprof"))
"""
    )

    facts = done.facts
    assert done.stderr == ""
    assert len(facts["live"]) == 2
    for told, calls, is_closed in facts["live"]:
        assert is_closed
        assert 0.5 * calls < told <= calls  # what has settled: what is younger than two seconds is told later
    assert facts["told"] == facts["calls"]
    assert facts["counted"] > 0
    assert facts["size"] <= 256 << 10
