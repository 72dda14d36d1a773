"""`doctor` as a user runs it: who answers, who hangs, who would be read and why; and what a probe leaves for a run."""

from __future__ import annotations

import json
import locale
import time
from pathlib import Path
from typing import Any

import pytest

from energyprof.run import load

pytestmark = pytest.mark.slow

PLUGINS = """
import time
from energyprof.interfaces import Reading, ReadFailure
from energyprof.model.domain import Domain, ReadStatus

class Source:
    measures, rank = "sensor", 30
    domains = ("cpu:0:package",)
    def why_unavailable(self, context): return None
    def open(self, context):
        return [Domain(id, f"{self.name} (test)", "sensor", "energy", 1e-3, "cpu", period_ns=100_000_000,
                       parent="psys" if id != "psys" else None, gain_error=(0.05, 0.05)) for id in self.domains]
    def read(self):
        # A counter that updates every 20 ms, at 50 W.
        return [Reading(id, time.monotonic_ns() // 20_000_000 * 1000) for id in self.domains]
    def close(self): pass

class Good(Source):
    name, rank, domains = "good", 20, ("psys", "cpu:0:package")

class Rival(Source):
    name, rank = "rival", 40

class Absent(Source):
    name = "absent"
    def why_unavailable(self, context): return "no such bus; plug it in"

class Broken(Source):
    name = "broken"
    def open(self, context): raise OSError("driver exploded")

class Failing(Source):
    name, domains = "failing", ("gpu:3",)
    def read(self): return [ReadFailure("gpu:3", ReadStatus.NO_PERMISSION, "ask root")]

class TwoWays(Source):
    # A counter that shows 13 % less than the power of the same device adds up to.
    name = "two_ways"
    def open(self, context):
        gpu = dict(provenance="sensor", driver="device", source="two_ways (test)", period_ns=20_000_000)
        return [Domain("gpu:0", quantity="energy", scale=0.87e-3, **gpu),
                Domain("gpu:0:instant", quantity="power", scale=1e-3, parent="gpu:0", **gpu)]
    def parts(self): return [self]
    @property
    def domains(self): return self.open(None)
    def read(self):
        slot = time.monotonic_ns() // 20_000_000
        return [Reading("gpu:0", slot * 1000), Reading("gpu:0:instant", 49_900 + slot % 3 * 100)]

class Hanging(Source):
    name = "hanging"
    def why_unavailable(self, context): time.sleep(30)
"""
NAMES = {"good": "Good", "rival": "Rival", "absent": "Absent", "broken": "Broken", "failing": "Failing"}


@pytest.fixture
def doctor(place: Any, tmp_path: Path) -> Any:
    """Return what runs the command with a stranger's package of sources of these names installed."""

    def call(*words: str, sources: tuple[str, ...], command: str = "doctor") -> Any:
        folder = tmp_path / "strange"
        about = folder / "odd_sensors-1.0.dist-info"
        about.mkdir(parents=True, exist_ok=True)
        known = {**NAMES, "hanging": "Hanging", "two_ways": "TwoWays"}
        lines = "".join(f"{name} = odd_sensors:{known[name]}\n" for name in sources)
        (folder / "odd_sensors.py").write_text(PLUGINS)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-sensors\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[energyprof.power_sources]\n{lines}")
        environment = {"PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        if locale.getpreferredencoding(False).upper() != "UTF-8":
            environment["PYTHONUTF8"] = "1"
        return place.call(place.command(command, *words), environment=environment)

    return call


def rows(done: Any) -> dict[str, Any]:
    return {row["name"]: row for row in json.loads(done.stdout)["sources"]}


def test_every_source_is_a_row_with_its_state_and_the_chosen_one_says_why(doctor: Any) -> None:
    done = doctor("--json", sources=tuple(NAMES))

    found = json.loads(done.stdout)
    by_name = rows(done)
    assert done.returncode == 0
    assert found["schema"] == "energyprof-doctor/1"
    assert found["has_sensor"] is True
    assert by_name["absent"]["reason"] == "no such bus; plug it in"
    assert by_name["broken"]["reason"].startswith("it failed while being opened (OSError: driver exploded); ")
    assert by_name["failing"]["domains"][0]["failure"] == "NO_PERMISSION ask root"
    assert [by_name[name]["used"] for name in ("good", "rival", "absent", "load_model")] == [True, False, False, False]
    assert 0 < by_name["good"]["call_s"] < 1
    (package,) = (one for one in found["choices"] if one["domain"] == "cpu:0:package")
    assert package == {
        "domain": "cpu:0:package",
        "source": "good",
        "why": "lowest rank (20), before rival (40)",
        "counts": False,
    }
    assert all(found["cache"]["files"])


def test_run_reads_what_doctor_said_it_would(doctor: Any, place: Any) -> None:
    place.write("job.py", "import time; time.sleep(0.3)")

    said = json.loads(doctor("--json", sources=("rival", "good")).stdout)["choices"]
    doctor("-q", "--no-graph", "-o", "job.eprof", "job.py", sources=("rival", "good"), command="run")

    read = {row.domain: row.source for row in load(place.folder / "job.eprof").report().domains}
    assert {one["domain"]: f"{one['source']} (test)" for one in said} == read


def test_hanging_driver_is_a_row_and_delays_nobody(doctor: Any) -> None:
    began_s = time.monotonic()
    done = doctor("--json", sources=("good", "hanging"))

    assert time.monotonic() - began_s < 20
    by_name = rows(done)
    assert by_name["hanging"]["answered"] is False
    assert by_name["hanging"]["reason"].startswith("it did not answer within 2 s while being asked; ")
    assert by_name["good"]["used"] is True


@pytest.mark.parametrize("width", [60, 100, 200])
def test_page_fits_its_width_in_plain_ascii_and_leaves_nothing_out(doctor: Any, width: int) -> None:
    done = doctor("--width", str(width), sources=tuple(NAMES))

    text = done.stdout.decode("ascii")
    assert b"\x1b" not in done.stdout
    too_long = [line for line in text.splitlines() if len(line) > width and "/" not in line]
    assert too_long == []
    for word in (*NAMES, "load_model", "replay", "psys", "cpu:0:package", "plug it in", "100 ms (nominal)", "-5%/+5%"):
        assert word in " ".join(text.split()), word


def test_probe_is_kept_and_used_by_the_next_run(doctor: Any, place: Any) -> None:
    place.write("job.py", "import time; time.sleep(0.5)")

    done = doctor("--probe", "--duration", "2", "--json", "good", sources=("good",))
    doctor("-q", "--no-graph", "-o", "job.eprof", "job.py", sources=("good",), command="run")

    (row, other) = json.loads(done.stdout)["probed"]
    assert (row["source"], row["domain"], other["domain"]) == ("good", "psys", "cpu:0:package")
    assert row["period_s"] == pytest.approx(0.02, rel=0.01)
    assert row["quantum"] == pytest.approx(1.0)
    assert Path(row["kept"]).exists()
    run = load(place.folder / "job.eprof")
    assert run.trace.domains[0].period_ns == pytest.approx(20_000_000, rel=0.01)
    assert run.report().domains[0].timing.startswith("period from the probe of 20")
    assert "window" not in run.report().domains[0].timing
    assert "lag nominal" in run.report().domains[0].timing
    assert "from the probe of" in run.render()


def test_page_shows_all_of_a_probe_that_is_kept(doctor: Any) -> None:
    doctor("--probe", "--duration", "2", "--json", sources=("two_ways",))

    pages = {width: doctor("--width", str(width), sources=("two_ways",)).stdout.decode("utf-8") for width in (60, 80)}
    shown = json.loads(doctor("--json", sources=("two_ways",)).stdout)["sources"]

    texts = [" ".join(page.split()) for page in pages.values()]
    for width, page in pages.items():
        assert [line for line in page.splitlines() if len(line) > width and "/" not in line] == []
    for words in (
        "probe of two_ways gpu:0 updates every 20 ms",
        "smallest step 0.87 J",
        "a call takes",
        "against the power of gpu:0:instant by two_ways",
        "lag, window not known; they show under a load: energyprof doctor --probe --load",
        "made 20",
        "by energyprof",
        "kept in",
    ):
        assert all(words in text for text in texts), words
    (probe,) = (row["probe"] for one in shown if one["name"] == "two_ways" for row in one["domains"][:1])
    assert probe["compared_with"] == "gpu:0:instant by two_ways"
    assert probe["difference"] == pytest.approx(-0.13, abs=0.02)
    assert probe["duration_s"] == 2.0
    assert probe["kept"].endswith(".json")


def test_counter_that_contradicts_the_power_of_its_device_is_flagged_by_probe_and_run(doctor: Any, place: Any) -> None:
    place.write("job.py", "pass")

    done = doctor("--probe", "--duration", "4", "--json", sources=("two_ways",))
    doctor("-q", "--no-graph", "-o", "job.eprof", "job.py", sources=("two_ways",), command="run")

    found = json.loads(done.stdout)
    flagged = "gpu:0: the counter of two_ways shows 13% less than the power of gpu:0:instant by two_ways adds up to"
    assert any(line.startswith(flagged) for line in found["remarks"])
    assert [bool(row["remarks"]) for row in found["probed"]] == [True, False]
    assert any(line.startswith(flagged) for line in load(place.folder / "job.eprof").report().warnings)


def test_probe_under_load_says_what_it_cannot_find_out(doctor: Any) -> None:
    done = doctor("--probe", "--load", "--duration", "3", "--json", "good", sources=("good",))

    found = json.loads(done.stdout)
    assert found["probed"][0]["lag_s"] is None  # its 50 W are constant, whatever the processors do
    assert any("did not follow the load" in line for line in found["probed"][0]["remarks"])


def test_broken_probe_file_is_ignored_and_said_by_run_and_doctor(doctor: Any, place: Any) -> None:
    place.write("job.py", "pass")
    kept = Path(
        json.loads(doctor("--probe", "--duration", "1", "--json", sources=("rival",)).stdout)["probed"][0]["kept"]
    )
    kept.write_text("{")

    doctor("-q", "--no-graph", "-o", "job.eprof", "job.py", sources=("rival",), command="run")
    page = doctor("--width", "200", sources=("rival",))

    report = load(place.folder / "job.eprof").report()
    assert any(line.startswith(f"the probe kept in {kept} is ignored: ") for line in report.warnings)
    assert report.domains[0].timing == "nominal"
    assert kept.name.encode() in page.stdout


@pytest.mark.parametrize(
    "words", [["--load"], ["good"], ["--probe", "--duration", "0.1"], ["--probe", "load_model"], ["--probe", "nobody"]]
)
def test_unusable_arguments_end_with_status_2_in_one_line(doctor: Any, words: list[str]) -> None:
    done = doctor(*words, sources=("good",))

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1


def test_machine_without_a_sensor_is_told_what_it_is_and_ends_with_status_1(doctor: Any) -> None:
    table, machine = doctor("--width", "200", sources=("absent",)), doctor("--json", sources=("absent",))
    found = json.loads(machine.stdout)
    if found["has_sensor"]:
        pytest.skip("this machine has a sensor of its own")

    assert (table.returncode, machine.returncode) == (1, 1)
    assert found["choices"][0]["why"] == "no sensor can be read"
    assert b"no power sensor can be read here" in table.stdout
    assert found["machine"]["meaning"]
    assert all(line.encode()[:40] in table.stdout for line in found["machine"]["meaning"])


def test_probe_without_a_sensor_says_so_and_shows_the_machine(doctor: Any) -> None:
    done = doctor("--probe", sources=("absent",))

    assert done.returncode in {0, 1}
    assert done.returncode == 0 or b"nothing was probed" in done.stdout


def test_chip_whose_file_holds_garbage_is_shown_with_the_reason(place: Any) -> None:
    for number, (name, value) in enumerate((("power_meter", "5000000"), ("amdgpu", "garbage"))):
        chip = place.folder / f"sys/class/hwmon/hwmon{number}"
        chip.mkdir(parents=True)
        (chip / "name").write_text(f"{name}\n")
        (chip / "power1_average").write_text(f"{value}\n")
    bare = {"ENERGYPROF_SYSROOT": str(place.folder)}

    table = place.call(place.command("doctor"), environment=bare)
    machine = place.call(place.command("doctor", "--json"), environment=bare)

    (line,) = rows(machine)["hwmon"]["left_out"]
    assert rows(machine)["hwmon"]["available"] is True
    assert line.startswith("hwmon chip amdgpu (power1_average) gives no value (")
    assert line[:50] in " ".join(table.stdout.decode().split())


def test_domains_of_the_page_are_in_the_order_people_count(place: Any) -> None:
    for number in range(11):
        chip = place.folder / f"sys/class/hwmon/hwmon{number:02}"
        chip.mkdir(parents=True)
        (chip / "name").write_text("amdgpu\n")
        (chip / "power1_average").write_text("5000000\n")

    table = place.call(place.command("doctor"), environment={"ENERGYPROF_SYSROOT": str(place.folder)})

    page = [line.split() for line in table.stdout.decode().splitlines()]
    found = [word for words in page for word in words[:2] if word.startswith("gpu:")]
    assert found[:11] == [f"gpu:{number}" for number in range(11)]
