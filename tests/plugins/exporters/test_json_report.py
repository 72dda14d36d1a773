"""The JSON report against its schema."""

import json
from importlib.resources import files

import jsonschema
import pytest

from energyprof.interfaces import RenderContext
from energyprof_plugins.exporters.json_report import JsonReport

SCHEMA = json.loads((files("energyprof_plugins.exporters") / "json_report.schema.json").read_text(encoding="utf-8"))
RUNS = ["voice_assistant", "digits", "vit_training", "hostile", "one_stage", "empty"]


def rendered(report):
    def no_constant(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(JsonReport().render(report, RenderContext()), parse_constant=no_constant)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("run", RUNS)
def test_a_report_keeps_to_the_schema(sample, run):
    jsonschema.validate(rendered(getattr(sample, run)()), SCHEMA, jsonschema.Draft202012Validator)


def test_a_run_without_power_keeps_to_the_schema(sample):
    report = sample.make_report([sample.Part("a")], (), wall_s=0.0, exit_code=None)

    jsonschema.validate(rendered(report), SCHEMA, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("cpu", [0.0, 0.5])
def test_a_domain_that_was_not_read_is_null_and_not_zero(sample, cpu):
    parts = [sample.Part("a", (1.0, 5.0))]
    report = sample.make_report(parts, (sample.CPU, sample.GPU), covered={sample.CPU.id: cpu, sample.GPU.id: 0.0})

    document = rendered(report)

    jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)
    gap = document["ledger"][1]
    assert {name for name, value in gap.items() if value is None} == {
        "measured_j", "stages_j", "idle_j", "outside_j", "others_j", "unattributed_j",
    }  # fmt: skip
    assert (gap["covered_s"], document["ledger"][0]["covered_share"]) == (0.0, cpu)
    assert (document["measured"]["energy_j"] is None) == (cpu == 0.0)


@pytest.mark.parametrize("run", RUNS)
def test_sums_are_exact_as_printed(sample, run):
    document = rendered(getattr(sample, run)())

    for line in document["ledger"]:
        parts = sum(round(line[f"{part}_j"] * 1e6) for part in ("stages", "idle", "outside", "others", "unattributed"))
        assert parts == round(line["measured_j"] * 1e6)
        own = [e["energy_j"] for s in document["stages"] for e in s["self"] if e["domain"] == line["domain"]]
        joint = [row["energy_j"] for row in document["unsplit"] if row["domain"] == line["domain"]]
        told = sum(round(energy_j * 1e6) for energy_j in [*own, *joint] if energy_j is not None)
        assert told == round(line["stages_j"] * 1e6)


def test_one_stage_is_written_whole(sample):
    inner = sample.Part("in/ner", (1.0,), calls=3, kind="module", how="inferred", error=0.1)
    document = rendered(sample.make_report([sample.Part("outer", (2.0,), (inner,))]))

    energy = {
        "domain": "cpu:0:package", "energy_j": 1.0, "low_j": 0.9, "high_j": 1.1,
        "provenance": "inferred", "data_share": 1.0, "reason": "",
    }  # fmt: skip
    assert document["stages"][1] == {
        "stage": "outer/in%2Fner",
        "name": "in/ner",
        "path": ["outer", "in/ner"],
        "parent": "outer",
        "kind": "module",
        "file": "pipeline.py",
        "line": 10,
        "calls": 3,
        "resumes": 0,
        "wall_s": 0.020003,
        "self_wall_s": 0.020003,
        "cpu_s": 0.020003,
        "self": [energy],
        "total": [{**energy, "low_j": 0.98, "high_j": 1.02}],
        "self_sum": {"energy_j": 1.0, "low_j": 0.9, "high_j": 1.1, "provenance": "inferred", "share": 1 / 3},
        "total_sum": {"energy_j": 1.0, "low_j": 0.98, "high_j": 1.02, "provenance": "inferred", "share": 1 / 3},
        "embodied_j": None,
        "embodied_low_j": None,
        "embodied_high_j": None,
        "embodied_provenance": None,
        "outputs": 0,
        "unused_outputs": 0,
        "repeated_inputs": 0,
        "facts": {},
    }
    assert document["hotspots"] == ["outer", "outer/in%2Fner"]


def test_a_refused_stage_is_null_and_not_zero(sample):
    parts = [sample.Part("outer", (1.0,), tuple(sample.Part(n, (2.0,), refused=True) for n in "ab"))]

    document = rendered(sample.make_report(parts))

    assert [stage["self"][0]["energy_j"] for stage in document["stages"]] == [1.0, None, None]
    assert document["unsplit"][0]["members"] == ["outer/a", "outer/b"]


def test_names_survive_whatever_they_hold(sample):
    document = rendered(sample.hostile())

    assert tuple(stage["name"] for stage in document["stages"][1:17]) == sample.HOSTILE_NAMES
