"""The sample as its README runs it: one network in four forms, joules and accuracy of each."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).parents[2] / "samples/compression"
ENERGYPROF = (sys.executable, "-m", "energyprof")
MODELS = ("fp32", "int8", "pruned", "narrow")
COMPARED = ("int8", "pruned")
HAS_RUNTIME = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))
needs_runtime = pytest.mark.skipif(not HAS_RUNTIME, reason="onnx and onnxruntime come with [sample-compression]")


def ran(folder: Path, *command: str) -> str:
    """Return what a command printed that has to succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_sample(folder: Path, code: str) -> None:
    """Run code that has `made`, the module make_models, and a network `net` of full width with weights by chance."""
    begin = f"""
import sys
sys.path.insert(0, {str(SAMPLE)!r})
import make_models as made
import torch
torch.manual_seed(7)
torch.set_num_threads(1)
net = made.DigitNet(made.WIDTHS)
"""
    ran(folder, sys.executable, "-c", begin + code)


def test_pruning_leaves_a_fifth_of_the_weights_also_when_trained_on(tmp_path: Path) -> None:
    with_sample(
        tmp_path,
        """
digits = made.load()
sparse = made.pruned(net, digits, 1)
assert abs(made.zeros(sparse) - made.ZEROS) < 0.001, made.zeros(sparse)
assert made.zeros(net) < 0.001
largest = net.hidden.weight.abs().max()
assert (sparse.hidden.weight[net.hidden.weight.abs() == largest] != 0).all()
""",
    )


def test_narrow_network_of_channels_that_do_all_the_work_answers_like_the_wide_one(tmp_path: Path) -> None:
    with_sample(
        tmp_path,
        """
with torch.no_grad():
    for layer in net.layers()[:-1]:  # every second output does nothing
        layer.weight[::2] = 0.0
        layer.bias[::2] = 0.0
made.fit = lambda *_args, **_options: None
slim = made.narrowed(net, None, 0)
images = torch.rand(5, 1, made.SIDE, made.SIDE)
assert sum(map(torch.numel, slim.parameters())) < sum(map(torch.numel, net.parameters())) / 3
torch.testing.assert_close(slim(images), net(images))
""",
    )


@needs_runtime
def test_each_model_is_compared_by_joules_for_an_image_and_accuracy(tmp_path: Path) -> None:
    run = [*ENERGYPROF, "run", "--no-graph", "--source", "load_model"]
    ran(tmp_path, *run, "-o", "make.eprof", str(SAMPLE / "make_models.py"), "--quick")
    for model in COMPARED:
        options = ["-q", "-o", f"{model}.eprof", str(SAMPLE / "classify.py"), "--model", model, "--quick"]
        ran(tmp_path, *run, *options)

    files = [f"{model}.eprof" for model in COMPARED]
    found = json.loads(ran(tmp_path, *ENERGYPROF, "compare", *files, "--format", "json"))

    assert (found["unit"], found["metric"]) == ("image", "accuracy")
    rows = {row["name"]: row for row in found["rows"]}
    assert set(rows) == set(COMPARED)
    assert {row["units"] for row in rows.values()} == {720.0}
    assert all(row["energy_j"]["value"] > 0 for row in rows.values())
    # Two epochs are little; guessing reads a tenth.
    assert all(row["metric"]["value"] > 0.5 for row in rows.values())
    size = {model: (tmp_path / "models" / f"{model}.onnx").stat().st_size for model in MODELS}
    assert size["pruned"] == size["fp32"]
    assert max(size["int8"], size["narrow"]) < 0.4 * size["fp32"]


@needs_runtime
def test_missing_model_is_named_with_what_writes_it(tmp_path: Path) -> None:
    classify = [sys.executable, str(SAMPLE / "classify.py"), "--model", "int8"]

    done = subprocess.run(classify, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (
        1,
        "models/int8.onnx is missing; write it with: python samples/compression/make_models.py\n",
    )


@pytest.mark.parametrize("script", ["make_models.py", "classify.py"])
def test_missing_package_is_named_with_the_extra_that_has_it(tmp_path: Path, script: str) -> None:
    place = str(SAMPLE / script)
    code = f"import sys, runpy; sys.modules['onnxruntime'] = None; sys.argv = [{place!r}]"
    code += f"\nif {script == 'make_models.py'}: sys.modules['onnx'] = sys"
    code += f"\nrunpy.run_path({place!r}, run_name='__main__')"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert done.stderr == "onnxruntime is missing; try: pip install 'energyprof[sample-compression]'\n"
