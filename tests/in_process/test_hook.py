"""`energyprof.torch_hook` in programs as people write them: alone, inside profiles, under `energyprof run`."""

from __future__ import annotations

from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

MODEL = """
import torch
from torch import nn
torch.set_num_threads(1)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(32, 32), nn.ReLU(inplace=True))
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        return self.head(self.body(x))

net, x = Net(), torch.ones(64, 32)

def work(model=net, times=30):
    for _ in range(times):
        model(x)

def names(rows):
    return [row["layer"] for row in rows]

def error_of(call, *args, **more):
    try:
        call(*args, **more)
    except (energyprof.errors.EnergyprofError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "none"
"""
LAYERS = ["bert", "bert.body", "bert.body.0", "bert.body.1", "bert.head"]
SHARED = {
    "left by an exception": """
try:
    with energyprof.torch_hook(net, "bert", 1) as hook:
        work()
        net(torch.ones(1, 7))
except RuntimeError as error:
    tell(error=type(error).__name__)
tell(rows={row["layer"]: [row["calls"], row["parameters"]] for row in hook.layers()})
tell(remarks=list(hook.report().warnings), running=hook.running)
""",
    "inside a profile": """
other, around = Net(), nn.Sequential(net, nn.Tanh())
here = set(os.listdir())
with energyprof.profile("one.eprof") as run:
    with energyprof.torch_hook(net, name="bert", depth=0) as hook:
        work(around)
        work(other)
        tell(same=hook.path == run.path)
    tell(still=run.running)
    work()
    tell(after=names(hook.layers()))
tell(hook=[[row["layer"], row["parent"], row["depth"], row["calls"]] for row in hook.layers()])
tell(run=names(run.layers()), loaded=names(energyprof.load(run.path).layers()))
tell(spans=[row.calls for row in run.report().stages if row.name == "bert"])
tell(made=sorted(set(os.listdir()) - here))
""",
    "a second hook": """
first = energyprof.torch_hook(net, name="bert", depth=1)
second = energyprof.torch_hook(net)
tell(name=error_of(energyprof.torch_hook, net, "gpt"), depth=error_of(energyprof.torch_hook, net, depth=2))
work()
second.remove()
work()
tell(one_left=names(second.layers()), running=first.running)
first.remove()
with energyprof.torch_hook(net, name="gpt") as third:
    work()
tell(names=[first.name, second.name, third.name], rows=[row["calls"] for row in first.layers()])
tell(third=len(third.layers()), files=[first.path == second.path, first.path == third.path])
hooks = [energyprof.torch_hook(model, "twin") for model in (Net(), Net())]
tell(twins=[hook.name for hook in hooks])
for hook in hooks:
    hook.remove()
""",
    "after the run and in a fork": """
with energyprof.profile() as first:
    hook = energyprof.torch_hook(net, name="bert", depth=0)
    work()
with energyprof.profile() as second:
    work()
    joined = energyprof.torch_hook(net, name="gpt", depth=0)
    work()
    hook.remove()
    pid = os.fork()
    if not pid:
        work(times=5)
        joined.remove()
        work(times=1)
        os._exit(0)
    os.waitpid(pid, 0)
    work()
    joined.remove()
tell(first=names(hook.layers()), second=[[row["layer"], row["calls"]] for row in second.layers()])
""",
    "without the instrument": """
import warnings
from energyprof_plugins.instruments.torch_modules import TorchModules
def refuse(self, sink):
    raise RuntimeError("no patching here")
install, TorchModules.install = TorchModules.install, refuse
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with energyprof.torch_hook(net, name="bert") as hook:
        work()
TorchModules.install = install
tell(said=[str(one.message) for one in caught], where=os.path.basename(caught[0].filename), rows=hook.layers())
tell(why=[line for line in hook.report().warnings if "no patching here" in line], text=str(hook.report()))
""",
    "in a folder that is gone": """
import tempfile
here = os.getcwd()
gone = tempfile.mkdtemp(dir=".")
os.chdir(gone)
os.rmdir(os.getcwd())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    hook = energyprof.torch_hook(net, name="bert")
    work()
    hook.remove()
os.chdir(here)
tell(where=[[os.path.basename(one.filename), one.category.__name__] for one in caught])
tell(rows=names(hook.layers()))
if hook.path:
    os.unlink(hook.path)
""",
}
"""Programs that need the model and no process of their own, one after another in one."""
EACH_TELLS = """
plainly = tell
def tell(**facts):
    plainly(**{f"{part}: {name}": fact for name, fact in facts.items()})
"""


@pytest.fixture(scope="module")
def told(shared_programs: Any) -> dict[str, dict[str, Any]]:
    """Return what each of SHARED has told."""
    text = "".join(f"part = {part!r}\n{text}" for part, text in SHARED.items())
    outcome = shared_programs.run(MODEL + EACH_TELLS + text)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    facts: dict[str, dict[str, Any]] = {part: {} for part in SHARED}
    for name, fact in outcome.facts.items():
        facts[name.partition(": ")[0]][name.partition(": ")[2]] = fact
    return facts


def test_alone_it_records_the_model_and_answers_while_it_runs_and_afterwards(programs: Any) -> None:
    outcome = programs.run(
        MODEL
        + """
call, before = nn.Module.__call__, dict(os.environ)
hook = energyprof.torch_hook(net, name="bert")
tell(early=str(hook.report()), none=hook.layers())
work()
so_far = hook.report()
tell(running=[hook.running, repr(hook)], so_far=names(hook.layers()), calls={row.calls for row in so_far.rows} == {30})
work()
hook.remove()
hook.remove()
rows = hook.layers()
tell(restored=nn.Module.__call__ is call and dict(os.environ) == before, path=str(hook.path), state=repr(hook))
tell(rows=rows, text=str(hook.report()), typed=repr(hook.report(top=2)), again=str(so_far) != str(hook.report()))
tell(keys=len({tuple(row) for row in rows}), flat=all(isinstance(v, (str, int, float, type(None)))
     for row in rows for v in row.values()), all_phases=[row["phase"] for row in hook.layers(None)][:2])
tell(html=hook.report()._repr_html_(), phase=error_of(hook.layers, "sideways"))
tell(unseen=error_of(hook.report, phase="backward"))
with energyprof.stage("nothing is recorded"):
    work()
tell(reused=error_of(hook.__enter__), later=names(hook.layers()))
"""
    )

    facts = outcome.facts
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert facts["early"] == "bert was not called while it was recorded"
    assert facts["none"] == []
    assert facts["running"] == [True, f"<energyprof.torch_hook 'bert' running, {facts['path']}>"]
    assert facts["state"] == f"<energyprof.torch_hook 'bert' removed, {facts['path']}>"
    assert facts["so_far"] == facts["later"] == LAYERS
    assert [facts[what] for what in ("calls", "restored", "again", "flat")] == [True] * 4
    assert [row["layer"] for row in facts["rows"]] == LAYERS
    assert {row["calls"] for row in facts["rows"]} == {60}
    assert all(row["total_j"] is None or row["total_j"] > 0 for row in facts["rows"])  # None: a starved machine
    assert any(row["total_j"] for row in facts["rows"])
    assert facts["keys"] == 1
    assert facts["all_phases"] == ["forward", "total"]
    assert facts["text"].startswith("5 layers of bert, all phases\n")
    assert "+ 3 smaller" in facts["typed"]
    assert facts["html"].startswith("<style>")
    assert facts["html"].count("<tr>") == 6
    assert facts["phase"].startswith("InputError: phase is 'sideways'; choose forward")
    assert facts["unseen"].startswith("InputError: no layer was seen in phase backward")
    assert (
        facts["reused"] == "InputError: this hook has been removed; make another one with energyprof.torch_hook(model)"
    )
    (recording,) = programs.place.recordings()
    assert str(recording) == facts["path"]
    assert [row["layer"] for row in load(recording).layers()] == LAYERS


def test_a_block_left_by_an_exception_ends_its_run_and_says_so(told: Any) -> None:
    facts = told["left by an exception"]

    assert facts["error"] == "RuntimeError"
    every = 32 * 32 + 32 + 32 * 2 + 2
    assert facts["rows"] == {"bert": [31, every], "bert.body": [31, 32 * 32 + 32], "bert.head": [30, 32 * 2 + 2]}
    assert "the profiled block was left by RuntimeError" in facts["remarks"]
    assert not facts["running"]


def test_inside_a_profile_it_joins_and_shows_its_own_model_only(told: Any) -> None:
    facts = told["inside a profile"]

    assert (facts["same"], facts["still"]) == (True, True)
    assert facts["hook"] == [["bert", None, 0, 30]]
    assert facts["after"] == ["bert"]
    assert facts["spans"] == [30]
    own = [name.replace("bert", "Net") for name in LAYERS]
    inside = [name.replace("bert", "Sequential.0") for name in LAYERS]
    assert facts["run"] == facts["loaded"] == ["Sequential", "bert", "Sequential.1", *own, *inside]
    assert facts["made"] == ["one.eprof"]


def test_under_energyprof_run_it_names_the_model_and_the_figures_come_at_the_end(programs: Any) -> None:
    programs.command(
        MODEL
        + """
import warnings
hook = energyprof.torch_hook(net, name="bert", depth=1)
work()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    tell(rows=hook.layers(), text=str(hook.report()), html=hook.report()._repr_html_(), path=str(hook.path))
tell(warned=[str(one.message) for one in caught], where=[os.path.basename(one.filename) for one in caught])
hook.remove()
work()
"""
    )

    done = programs.place.run("-q", "--no-graph", "job.py")

    facts = programs.outcome(done).facts
    assert done.returncode == 0
    (recording,) = programs.place.recordings()
    remark = "this block is part of the run recorded by `energyprof run`; its report comes at the end"
    assert (facts["rows"], facts["text"], facts["html"]) == ([], remark, f"<pre>{remark}</pre>")
    assert (facts["warned"], facts["where"]) == ([remark], ["job.py"])
    assert facts["path"] == str(recording)
    rows = load(recording).layers()
    named = ["bert", "bert.body", "bert.head"]
    assert [row["layer"] for row in rows] == [*named, *(name.replace("bert", "Net") for name in LAYERS)]
    assert {row["calls"] for row in rows} == {30}


def test_a_second_hook_of_a_model_joins_or_is_refused(told: Any) -> None:
    facts = told["a second hook"]

    refused = "InputError: this model is hooked already, "
    assert facts["name"] == f"{refused}as 'bert'; leave the name away to join, or remove that hook"
    assert facts["depth"] == f"{refused}to depth 1; leave depth away to join, or remove that hook"
    assert facts["one_left"] == ["bert", "bert.body", "bert.head"]
    assert facts["running"]
    assert facts["names"] == ["bert", "bert", "gpt"]
    assert facts["rows"] == [60, 60, 60]
    assert facts["third"] == 5
    assert facts["files"] == [True, False]
    assert facts["twins"] == ["twin", "twin#2"]


def test_what_cannot_be_hooked_is_said_and_starts_nothing(programs: Any) -> None:
    outcome = programs.run("""
def error_of(*args, **more):
    try:
        energyprof.torch_hook(*args, **more)
    except (energyprof.errors.EnergyprofError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
tell(early=error_of("bert"), imported="torch" in sys.modules)
sys.modules["torch"] = None
tell(without=error_of("bert"))
del sys.modules["torch"]
import torch
net = torch.nn.Linear(1, 1)
tell(none=error_of(None), kind=error_of(torch.nn.Linear), function=error_of(net.forward))
tell(name=error_of(net, name=3), empty=error_of(net, name=""), long=error_of(net, name="x" * 201))
tell(depth=error_of(net, depth=-1), part=error_of(net, depth=0.5), truth=error_of(net, depth=True))
""")

    facts = outcome.facts
    assert facts["early"] == "TypeError: torch_hook takes a torch.nn.Module, not str"
    assert facts["imported"] is False
    assert facts["without"].startswith("InputError: torch is not installed here")
    assert facts["without"].endswith("try: pip install torch")
    assert facts["none"] == "TypeError: torch_hook takes a torch.nn.Module, not NoneType"
    assert facts["kind"] == "TypeError: torch_hook takes a model, not the class Linear; hand over an instance of it"
    assert facts["function"] == "TypeError: torch_hook takes a torch.nn.Module, not method"
    assert facts["name"] == "TypeError: name is a text, not 3"
    assert facts["empty"] == "ValueError: name has 0 characters; choose 1 to 200"
    assert facts["long"] == "ValueError: name has 201 characters; choose 1 to 200"
    assert facts["depth"] == "ValueError: depth is -1; 0 records the model only, None all of its modules"
    assert facts["part"] == "TypeError: depth is a whole number or None, not 0.5"
    assert facts["truth"] == "TypeError: depth is a whole number or None, not True"
    assert programs.place.recordings() == []


def test_a_hook_outlives_neither_the_run_nor_a_fork(told: Any) -> None:
    facts = told["after the run and in a fork"]

    assert facts["first"] == ["bert"]
    own = [[name.replace("bert", "Net"), 31] for name in LAYERS]
    assert sorted(facts["second"]) == sorted([*own, ["gpt", 65]])


def test_without_the_instrument_one_warning_says_that_no_layer_is_recorded(told: Any) -> None:
    facts = told["without the instrument"]

    assert len(facts["said"]) == 1
    assert facts["said"][0].startswith("the layers of bert are not recorded")
    assert facts["where"] == "job.py"
    assert facts["rows"] == []
    assert len(facts["why"]) == 1
    assert facts["text"] == "bert was not called while it was recorded"


def test_a_warning_of_the_run_that_it_starts_names_the_programs_own_line(told: Any) -> None:
    facts = told["in a folder that is gone"]

    assert facts["where"] == [["job.py", "EnergyprofWarning"]]
    assert facts["rows"] == LAYERS
