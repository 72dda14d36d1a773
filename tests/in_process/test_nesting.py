"""Profiles inside profiles, one after the other, in children, and beside another profiler."""

from __future__ import annotations

from typing import Any

from energyprof.run import load


def test_one_inside_another_is_a_view_of_the_same_run(programs: Any) -> None:
    outcome = programs.run("""
with energyprof.profile() as outer:
    with stage("first"):
        time.sleep(0.02)
    with energyprof.profile() as inner:
        with stage("second"):
            time.sleep(0.02)
    tell(same=inner.path == outer.path, so_far=[row["stage"] for row in inner.stages()],
         running=[outer.running, inner.running])
    tell(early=len(inner.stages()))
    with energyprof.profile(outer.path), stage("third"):
        time.sleep(0.02)
    for name, wish in {"output": {"output": "other.eprof"}, "sources": {"sources": "load_model"}}.items():
        try:
            with energyprof.profile(**wish):
                tell(**{name: "ran"})
        except energyprof.errors.InputError as error:
            tell(**{name: str(error)})
tell(path=str(outer.path), all=[row["stage"] for row in inner.stages()], equal=inner.energy_j == outer.energy_j)
""")

    facts = outcome.facts
    refused = f"this process is being profiled already, into {facts['path']}; leave output, sources and shared away to"
    assert facts["same"]
    assert facts["running"] == [True, False]
    assert sorted(facts["so_far"]) == ["first", "second"]
    assert sorted(facts["all"]) == ["first", "second", "third"]
    assert facts["equal"]
    assert facts["output"].startswith(refused)
    assert facts["sources"].startswith(refused)
    assert len(programs.place.recordings()) == 1


def test_one_after_the_other_are_runs_of_their_own(programs: Any) -> None:
    outcome = programs.run("""
before = dict(os.environ)
again = energyprof.profile()
with again:
    held = stage("held open")
    held.__enter__()
    with stage("one"):
        time.sleep(0.02)
paths = [again.path]
held.__exit__(None, None, None)
with again, stage("two"):
    time.sleep(0.02)
    tell(inside=sorted(os.environ.keys() - before.keys()))
paths.append(again.path)
tell(second=spans_of(again), warnings=trace_of(again).warnings)
tell(files=len(set(paths)), restored=dict(os.environ) == before)
again.start()
again.path.unlink()
os.environ["PYTHONPATH"] = "/mine"
again.stop()
tell(kept=os.environ["PYTHONPATH"])
""")

    facts = outcome.facts
    assert facts["second"] == ["two"]
    assert facts["warnings"] == []
    assert facts["files"] == 2
    assert facts["inside"][:5] == [
        "ENERGYPROF_INSTRUMENTS",
        "ENERGYPROF_MAX_OVERHEAD",
        "ENERGYPROF_PACKAGE",
        "ENERGYPROF_PARENT_SPOOL",
        "ENERGYPROF_RUN_DIR",
    ]
    assert facts["restored"]
    assert facts["kept"] == "/mine"


def test_under_energyprof_run_a_block_is_part_of_that_run(programs: Any) -> None:
    programs.command("""
with energyprof.profile() as run:
    with stage("inner"):
        time.sleep(0.05)
    early = run.report()
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with energyprof.profile() as run:
        str(run)
    tell(stages=run.stages(), energy_j=run.energy_j, json=json.loads(run.render("json"))["stages"], warned=len(caught))
    from energyprof.run import formats
    again = {one.name: type(run.render(one.name, options=None)).__name__ for one in formats()}
    tell(warned=len(caught), again=again, remarks=list(run.warnings), category=caught[0].category.__name__,
         where=os.path.basename(caught[0].filename), rows=[len(early.stages), list(early.warnings)])
tell(text=str(run), html=run._repr_html_(), path=str(run.path), state=repr(run))
try:
    energyprof.profile("own.eprof").start()
except energyprof.errors.InputError as error:
    tell(own=str(error))
""")

    done = programs.place.run("-q", "--no-graph", "job.py")

    facts = programs.outcome(done).facts
    assert done.returncode == 0
    (recording,) = programs.place.recordings()
    remark = "this block is part of the run recorded by `energyprof run`; its report comes at the end"
    assert (facts["stages"], facts["energy_j"], facts["json"]) == ([], None, [])
    assert facts["rows"] == [0, [remark]]
    assert (facts["warned"], facts["category"], facts["where"]) == (1, "EnergyprofWarning", "job.py")
    assert facts["remarks"] == [remark]
    assert {"terminal", "json"} < set(facts["again"])
    assert set(facts["again"].values()) <= {"str", "bytes"}
    assert facts["text"] == remark
    assert facts["html"] == f"<pre>{remark}</pre>"
    assert facts["path"] == str(recording)
    assert facts["state"] == f"<energyprof.profile part of another process's run, {recording}>"
    assert facts["own"].startswith("this process is being recorded by `energyprof run`, or by the process that started")
    assert [row.stage for row in load(recording).report().stages] == ["inner"]


def test_a_program_started_inside_a_profile_that_asks_for_figures_goes_on_without(programs: Any) -> None:
    child = """
import energyprof
with energyprof.profile(quiet=True) as run, energyprof.stage("inside"):
    pass
print(run, run.energy_j, run.stages(), run.path, sep="|")
"""
    outcome = programs.run(f"""
import subprocess
with energyprof.profile() as run:
    done = subprocess.run([sys.executable, "-c", {child!r}], capture_output=True, text=True)
tell(said=done.stdout, errors=done.stderr, path=str(run.path))
""")

    remark = "this block is part of the run of the process that started this one; ask for the figures there"
    assert outcome.facts["said"] == f"{remark}|None|[]|{outcome.facts['path']}\n"
    assert outcome.facts["errors"] == ""


def test_children_are_recorded_below_the_stage_that_made_them(programs: Any) -> None:
    outcome = programs.run("""
import multiprocessing, subprocess
def forked():
    with stage("forked"):
        burn(0.05)

with energyprof.profile() as run:
    with stage("make"):
        pid = os.fork()
        if not pid:
            with stage("child"):
                burn(0.05)
            try:
                run.report()
            except energyprof.errors.InputError as error:
                refused = str(error).partition(";")[0]
            run.stop()
            with energyprof.profile("own.eprof") as own, stage("own"):
                time.sleep(0.02)
            tell(refused=refused, own=spans_of(own))
            sys.exit(4)  # leaves the block of the parent as well
        tell(status=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        process = multiprocessing.get_context("fork").Process(target=forked)
        process.start()
        process.join()
        code = "import energyprof, time\\nwith energyprof.stage('spawned'): time.sleep(0.05)"
        subprocess.run([sys.executable, "-c", code], check=True)
tell(spans=spans_of(run), warnings=trace_of(run).warnings)
subprocess.run([sys.executable, "-c", code], check=True)
""")

    facts = outcome.facts
    assert facts["status"] == 4
    assert facts["refused"] == "this run belongs to the process that this one was forked from"
    assert facts["spans"] == ["make", "make/child", "make/forked", "make/spawned"]
    assert facts["own"] == ["own"]
    assert facts["warnings"] == []


def test_another_copy_of_the_recorder_is_an_error(programs: Any) -> None:
    outcome = programs.run("""
with energyprof.profile() as run:
    for name in [name for name in sys.modules if name.partition(".")[0] == "energyprof"]:
        del sys.modules[name]
    import energyprof as copy
    try:
        with copy.profile():
            tell(begun=True)
    except Exception as error:
        tell(error=str(error), kind=type(error).__name__)
with copy.profile() as own:  # now there is nothing in its way
    with copy.stage("own"):
        time.sleep(0.01)
tell(spans=spans_of(own))
""")

    assert outcome.facts["kind"] == "InputError"
    assert outcome.facts["error"].startswith("another copy of energyprof records this process already, into ")
    assert outcome.facts["spans"] == ["own"]


def test_torch_layers_are_seen_whether_torch_came_before_or_comes_inside(programs: Any) -> None:
    outcome = programs.run("""
with energyprof.profile() as first:
    import torch
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
    call = torch.nn.Module.__call__
    with torch.no_grad():
        net(torch.ones(1, 4))
bare = torch.nn.Module.__call__
net(torch.ones(1, 4))
with energyprof.profile() as second:
    net(torch.ones(1, 4))
tell(first=spans_of(first), second=spans_of(second), patched=call is not bare, undone=torch.nn.Module.__call__ is bare)
""")

    layers = ["Sequential", "Sequential.0", "Sequential.1"]
    assert outcome.facts == {"first": layers, "second": layers, "patched": True, "undone": True}


def test_under_energyprof_run_figures_asked_for_raise_nothing_where_warnings_are_errors(programs: Any) -> None:
    programs.command(
        """
with energyprof.profile() as run, stage("a"):
    pass
tell(energy_j=run.energy_j, text=str(run), warned=len(run.warnings))
"""
    )

    done = programs.place.run("-q", "--no-graph", "-o", "a.eprof", "-W", "error", "job.py")

    assert (done.returncode, done.stderr) == (0, b"")
    facts = programs.outcome(done).facts
    assert (facts["energy_j"], facts["warned"]) == (None, 1)
    assert "its report comes at the end" in facts["text"]


def test_one_of_several_ranks_on_a_host_is_told_where_energyprof_belongs(programs: Any) -> None:
    outcome = programs.run("""
import os

os.environ.update(LOCAL_RANK="0", LOCAL_WORLD_SIZE="2")
try:
    with energyprof.profile():
        tell(refused="ran")
except energyprof.errors.InputError as error:
    tell(refused=str(error))
with energyprof.profile(shared=True) as alone, stage("alone"):
    time.sleep(0.02)
tell(alone=[row["stage"] for row in alone.stages()])
""")

    assert "this is one of 2 ranks that torchrun started on this host" in outcome.facts["refused"]
    assert "energyprof run -m torch.distributed.run" in outcome.facts["refused"]
    assert outcome.facts["refused"].endswith("or profile one rank alone, with shared=True")
    assert outcome.facts["alone"] == ["alone"]
