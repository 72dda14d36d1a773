"""`energyprof sweep` runs ways in turns, `energyprof compare` sets them beside each other."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import pytest

from energyprof.cli import compare_command, sweep_command, swept_ways
from energyprof.cli.repeated_runs import without
from energyprof.cli.sweep_checks import places_left
from energyprof.cli.sweep_plan import planned, time_left, ways_of
from energyprof.errors import InputError

SERVER = """
import argparse, os, time
import energyprof

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int)
batch = parser.parse_args().batch
done = 0
with energyprof.stage("serve"):
    while done < 32:
        until_s = time.process_time() + 0.01
        while time.process_time() < until_s:
            pass
        done += batch
        energyprof.units("request", batch)
energyprof.metric("accuracy", 1 - 0.01 * batch)
print("threads", os.environ.get("OMP_NUM_THREADS"), flush=True)
raise SystemExit(7 if batch == 2 else 0)
"""


def test_a_sweep_runs_every_way_in_turns_and_shows_which_is_cheapest(place: Any) -> None:
    place.write("serve.py", SERVER)

    done = place.call(
        place.command(
            "sweep",
            "--set",
            "batch=1,16",
            "--env",
            "OMP_NUM_THREADS=3",
            "--repeats",
            "2",
            "--cool-down",
            "0",
            "serve.py",
        )
    )

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().count("threads 3") == 4
    names = sorted(path.name for path in (place.folder / "sweep-serve").glob("*.eprof"))
    assert names == [f"batch={batch},OMP_NUM_THREADS=3-run{number}.eprof" for batch in (1, 16) for number in (1, 2)]
    shown = place.call(place.command("compare", "sweep-serve", "--format", "json"))
    table = json.loads(shown.stdout)
    assert (table["unit"], table["metric"]) == ("request", "accuracy")
    one, many = table["rows"]
    assert (one["runs"], one["units"], many["units"]) == (2, 32, 32)
    assert many["verdict"] in {"cheapest", "lowest so far"}  # two runs on a busy machine may tell nothing apart
    assert one["energy_j"]["value"] > 2 * many["energy_j"]["value"]  # 16 times the work for each request
    assert [row["is_best"] for row in table["rows"]] == [True, True]
    drawn = place.call(place.command("compare", "sweep-serve", "-o", "front.svg"))
    assert (drawn.returncode, drawn.stdout) == (0, b"front.svg\n"), drawn.stderr.decode()
    assert (place.folder / "front.svg").read_text().startswith("<svg")

    again = place.call(place.command("sweep", "--set", "batch=1,16", "serve.py"))

    assert again.returncode == 2
    assert b"--resume" in again.stderr


def test_a_run_that_fails_is_said_and_the_others_are_made(place: Any) -> None:
    place.write("serve.py", SERVER)

    done = place.call(place.command("sweep", "--set", "batch=2,16", "--repeats", "1", "--cool-down", "0", "serve.py"))

    assert done.returncode == 1
    assert b"batch=2 ended with status 7" in done.stderr
    assert b"failed 1 of 1" in done.stdout
    assert b"cheapest" not in done.stdout
    (place.folder / "sweep-serve" / "batch=16-run1.eprof").unlink()

    resumed = place.call(
        place.command(
            *("sweep", "--set", "batch=2,16", "--repeats", "1", "--cool-down", "0", "--resume"),
            *("--format", "json", "--region", "FR", "serve.py"),
        )
    )

    assert resumed.returncode == 0, resumed.stderr.decode()
    assert resumed.stderr.count(b" -> ") == 1  # what is there is not run again
    document = json.loads(resumed.stdout)
    assert document["schema"] == "energyprof-compare/1"
    assert document["footprint"]["assumptions"]["grid"]["country"] == "France"


def test_a_program_is_run_several_times_and_mean_and_spread_are_told(place: Any) -> None:
    place.write("serve.py", SERVER)
    words = ("--runs", "2", "--region", "FR", "--cool-down", "0", "-o", "serve.eprof", "serve.py", "--batch", "16")

    done = place.run(*words)

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.count(b"threads") == 2
    shown = done.stderr.decode()
    assert "run 2/2 -> serve-run2.eprof\n" in shown  # no cooling is told of where there is none
    row, footprint = (line.split() for line in shown.splitlines() if line.startswith("serve "))
    assert len(footprint) > 1
    assert row[1] == "2"
    assert row[3].startswith(("±", "("))
    again = place.run(*words)
    assert again.returncode == 2
    assert b"serve-run1.eprof exists already" in again.stderr


STOPPING = """
import os, signal, sys
print("read", repr(sys.stdin.read()), flush=True)
first = not os.path.exists("been")
open("been", "w").close()
if not first:
    os.killpg(0, signal.SIGINT)
    signal.pause()
"""


def test_ctrl_c_between_repeated_runs_keeps_those_done_and_says_how_many(place: Any) -> None:
    place.write("job.py", STOPPING)

    done = place.run("--runs", "5", "--cool-down", "0.1", "-o", "job.eprof", "job.py", stdin=b"typed")

    said = done.stderr.decode()
    assert done.returncode == 130, said
    assert done.stdout.splitlines() == [b"read ''"] * 2
    assert "run 2/5 -> job-run2.eprof, after 0.1 s to cool down" in said
    assert "interrupted; 1 of 5 runs is done and kept; what follows is of it only" in said
    assert place.recordings() == [place.folder / "job-run1.eprof"]


def test_a_repeated_run_that_fails_is_told_with_its_status(place: Any) -> None:
    place.write("job.py", "raise SystemExit(7)")

    done = place.run("--runs", "2", "--cool-down", "0", "-o", "job.eprof", "job.py")

    assert done.returncode == 7
    assert b"run 1/2 ended with status 7" in done.stderr
    assert b"failed 2 of 2" in done.stderr
    assert b"2 of 2 runs ended with an error (exit status 7)" in done.stderr
    assert len(place.recordings()) == 2


def test_repeated_runs_end_as_the_program_does(place: Any) -> None:
    place.write("serve.py", SERVER)

    done = place.run("-q", "--runs", "2", "--cool-down", "0", "-o", "serve.eprof", "serve.py", "--batch", "2")

    assert done.returncode == 7
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["--runs", "3", "-q", "-o", "x", "job.py", "--runs", "4"], ["-q", "job.py", "--runs", "4"]),
        (["--source", "-o", "-o", "x", "job.py"], ["--source", "-o", "job.py"]),
        (["--runs=3", "-m", "pack", "-o", "y"], ["-m", "pack", "-o", "y"]),
        (["-qo", "x", "-P", "job.py"], ["-q", "-P", "job.py"]),
        (["-ox", "-P", "job.py"], ["-P", "job.py"]),
        (["-X", "dev", "--cool-down", "1", "-c", "pass"], ["-X", "dev", "-c", "pass"]),
    ],
)
def test_what_repeats_a_run_is_taken_from_the_options_and_never_from_the_program(words: Any, left: Any) -> None:
    assert without(words, frozenset({"--runs", "--cool-down"})) == left


@pytest.mark.parametrize(
    ("name", "said"), [("nowhere.py", b"no script nowhere.py"), ("empty", b"empty is a folder without __main__.py")]
)
def test_a_program_that_cannot_be_started_is_refused_before_anything_is_begun(
    place: Any, name: str, said: bytes
) -> None:
    (place.folder / "empty").mkdir()

    done = place.call(place.command("sweep", "--set", "a=1,2", "--cool-down", "0", name))

    assert done.returncode == 2
    assert done.stderr.startswith(b"energyprof: " + said)
    assert done.stderr.count(b"\n") == 1
    assert [path.name for path in place.folder.iterdir()] == ["empty"]


def test_a_module_that_is_not_there_is_refused_before_anything_is_begun(place: Any) -> None:
    done = place.call(place.command("sweep", "--set", "a=1,2", "--cool-down", "0", "-m", "no_such_module"))

    assert done.returncode == 2
    assert b"finds no module no_such_module; install it there, or begin from the folder that has it" in done.stderr
    assert list(place.folder.iterdir()) == []


def test_a_module_whose_name_is_varied_is_looked_for_by_each_of_its_names(place: Any) -> None:
    place.write("first.py", "raise SystemExit(9)")

    done = place.call(place.command("sweep", "--set", "name=first,second", "--dry-run", "-m", "{name}"))

    assert done.returncode == 2
    assert b"finds no module second" in done.stderr


SILENT = """
import sys
import energyprof

energyprof.units("request", 1)
energyprof.metric("loss", 0.1)
"""


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (("--metric", "accuracy"), "told the metric 'accuracy': they told loss; ask for what is told, or tell it with"),
        (("--unit", "token"), "told the unit 'token': they told request; ask for what is told, or tell it with"),
    ],
)
def test_a_sweep_by_what_no_run_tells_ends_after_its_first_round(place: Any, wish: Any, said: str) -> None:
    place.write("silent.py", SILENT)

    done = place.call(place.command("sweep", "--set", "a=1,2", "--cool-down", "0", *wish, "silent.py"))

    told = done.stderr.decode()
    assert done.returncode == 2, told
    assert f"energyprof: no run of the first round {said} energyprof." in told
    assert "2 of 6 runs are done and kept; go on with: energyprof sweep --resume" in told


def test_settings_go_where_the_arguments_say_or_to_their_end() -> None:
    ways = ways_of([("n", ("1", "2")), ("fast", ("yes",))], [("T", ("4",))], ["s.py", "--size={n}"])

    assert [way.command for way in ways] == [
        ("s.py", "--size=1", "--fast", "yes"),
        ("s.py", "--size=2", "--fast", "yes"),
    ]
    assert [way.name for way in ways] == ["n=1,fast=yes,T=4", "n=2,fast=yes,T=4"]
    assert ways[0].environment == {"T": "4"}


@pytest.mark.parametrize(
    ("settings", "command", "said"),
    [
        (["n"], ["s.py", "--size={n}"], []),
        (["n"], ["s.py", "--size={m}", "{m}"], ["{m} is passed on as it is, as there is no --set m=A,B; --set has n"]),
        ([], ["s.py", "{batch}"], ["{batch} is passed on as it is, as there is no --set batch=A,B"]),
        ([], ["s.py", '{"batch": 1}', "{}", "{0}"], []),
        (["n"], ["--", "-c", "print(f'{n} {m}')"], []),
    ],
)
def test_a_place_that_no_setting_fills_is_said(settings: list[str], command: list[str], said: list[str]) -> None:
    assert list(places_left(settings, command)) == said


@pytest.mark.parametrize(
    ("settings", "command", "said"),
    [
        ([], ["s.py"], "nothing is varied"),
        ([("a", ("1",))], [], "no script"),
        ([("a", ("1",)), ("a", ("2",))], ["s.py"], "varied twice"),
    ],
)
def test_a_sweep_of_nothing_is_refused_with_an_example(settings: Any, command: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ways_of(settings, [], command)


def test_a_module_is_told_from_the_options() -> None:
    words = ["--set", "-m=1,2", "-q", "-m", "pack", "-o", "x"]

    assert sweep_command.part(words) == ["--set", "-m=1,2", "-q", "--", "-m", "pack", "-o", "x"]
    assert sweep_command.part(["-q", "s.py", "-m"]) == ["-q", "s.py", "-m"]


def test_every_round_has_every_way_once_in_an_order_of_its_own() -> None:
    ways = ways_of([("n", tuple(map(str, range(6))))], [], ["s.py"])

    plan = planned(ways, 4, seed=0)

    rounds = [[way.name for number, way in plan if number == wanted] for wanted in range(1, 5)]
    assert [sorted(names) for names in rounds] == [[way.name for way in ways]] * 4
    assert len({tuple(names) for names in rounds}) > 1
    assert plan == planned(ways, 4, seed=0)


def test_a_value_may_be_empty_or_have_an_equals_sign_itself() -> None:
    assert sweep_command._values("batch=1,4=2,") == ("batch", ("1", "4=2", ""))


@pytest.mark.parametrize("text", ["batch=1,4,1", "batch=1,,"])
def test_a_value_that_is_named_twice_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="twice; name each value once, and repeat with --repeats"):
        sweep_command._values(text)


@pytest.mark.parametrize("text", ["batch", "=1", "batch="])
def test_what_is_no_list_of_values_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="NAME=A,B"):
        sweep_command._values(text)


def test_runs_are_named_by_the_user_or_by_their_files(tmp_path: Path) -> None:
    for name in ("batch=4-run1.eprof", "batch=4-run2.eprof", "other.eprof"):
        (tmp_path / name).touch()

    assert [name for name, _ in compare_command.runs_of(str(tmp_path))] == ["batch=4", "batch=4", "other"]
    assert compare_command.runs_of(f"mine={tmp_path / 'other.eprof'}") == [("mine", tmp_path / "other.eprof")]
    assert [name for name, _ in compare_command.runs_of(str(tmp_path / "batch=4*.eprof"))] == ["batch=4", "batch=4"]
    assert [name for name, _ in compare_command.runs_of(f"mine={tmp_path / 'batch=4*.eprof'}")] == ["mine", "mine"]
    assert compare_command.runs_of(str(tmp_path / "batch=4-run1.eprof"))[0][0] == "batch=4"
    with pytest.raises(InputError, match="no file"):
        compare_command.runs_of("nowhere.eprof")


def test_a_name_given_to_a_run_may_have_an_equals_sign_as_those_of_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.eprof", "150=b.eprof", "limit=150.eprof"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)

    assert compare_command.runs_of("limit=150=a.eprof") == [("limit=150", Path("a.eprof"))]
    assert compare_command.runs_of(f"limit=150={tmp_path / 'a.eprof'}") == [("limit=150", tmp_path / "a.eprof")]
    assert compare_command.runs_of("limit=150=b.eprof") == [("limit", Path("150=b.eprof"))]
    assert compare_command.runs_of("limit=150.eprof") == [("limit=150", Path("limit=150.eprof"))]
    with pytest.raises(InputError, match="no file 150=nowhere"):
        compare_command.runs_of("limit=150=nowhere.eprof")


def test_values_of_any_letters_reach_the_program_and_stay_on_one_line(place: Any) -> None:
    values = ["a b", "it's", '"q"', "x=y", "", "l1\nl2"]
    place.write("words.py", "import json, sys\nprint(json.dumps(sys.argv[1:]))\n")

    done = place.call(
        place.command("sweep", "--repeats", "1", "--cool-down", "0", "--set", f"word={','.join(values)}", "words.py")
    )

    assert done.returncode == 0, done.stderr.decode()
    given = [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("[")]
    assert sorted(given) == sorted(["--word", value] for value in values)
    assert all(line.startswith("energyprof: ") for line in done.stderr.decode().splitlines())
    assert len(done.stderr.decode().splitlines()) == 1 + len(values)


def test_a_recording_is_no_repeat_of_itself(tmp_path: Path) -> None:
    run = tmp_path / "a.eprof"

    with pytest.raises(InputError, match="no repeat of itself"):
        compare_command.refuse_twice([run, tmp_path / "b.eprof", tmp_path / "." / "a.eprof"])


def test_file_names_of_ways_are_harmless() -> None:
    chance = random.Random(1)
    for _ in range(200):
        name = "".join(chance.choice('ab=,/\\.\n\0 "<>') for _ in range(chance.randint(0, 300)))
        made = swept_ways.file_name(name)
        assert made
        assert len(made) <= 120
        assert "/" not in made
        assert made not in {".", ".."}


@pytest.mark.parametrize(("one", "other"), [("x" * 150 + "1", "x" * 150 + "2"), ("a=b c", "a=b_c"), ("m=a/b", "m=a b")])
def test_ways_that_differ_in_what_no_file_name_has_keep_files_of_their_own(one: str, other: str) -> None:
    assert swept_ways.file_name(one) != swept_ways.file_name(other)


def test_ways_of_a_sweep_are_called_as_they_were_swept_and_counted_as_numbers(tmp_path: Path) -> None:
    swept = [f"batch={batch},model={model}" for batch in ("1", "4", "16") for model in ("a/b 'x'", "n" * 130)]
    swept_ways.write_names(tmp_path, {swept_ways.file_name(name): name for name in swept}, ["s.py"])
    for name in reversed(swept):
        for number in (2, 10, 1):
            (tmp_path / f"{swept_ways.file_name(name)}-run{number}.eprof").touch()

    found = compare_command.runs_of(str(tmp_path))

    assert [name for name, _ in found] == [name for name in swept for _ in range(3)]
    assert [path.stem.rpartition("-")[2] for _, path in found] == ["run1", "run2", "run10"] * len(swept)
    assert compare_command.runs_of(str(found[0][1]))[0][0] == swept[0]


def test_names_of_one_sweep_stay_when_another_is_added(tmp_path: Path) -> None:
    swept_ways.write_names(tmp_path, {"a": "a of old"}, ["s.py"])
    swept_ways.write_names(tmp_path, {"b": "b of new"}, ["s.py"])

    assert swept_ways.names_in(tmp_path) == {"a": "a of old", "b": "b of new"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "energyprof-sweep-1", "ways": 3}', "\ud800"])
def test_a_damaged_list_of_ways_leaves_the_names_of_files(tmp_path: Path, text: str) -> None:
    (tmp_path / swept_ways.LIST).write_text(text, encoding="utf-8", errors="surrogatepass")
    (tmp_path / "batch=4-run1.eprof").touch()

    assert compare_command.runs_of(str(tmp_path)) == [("batch=4", tmp_path / "batch=4-run1.eprof")]


def test_numbers_in_values_are_ordered_by_what_they_are_worth() -> None:
    names = ["rate=0.01", "rate=1e-05", "rate=nan", "rate=-1", "rate=0.001", "rate=x10", "rate=x9"]

    assert sorted(names, key=swept_ways.way_key) == [
        "rate=-1",
        "rate=1e-05",
        "rate=0.001",
        "rate=0.01",
        "rate=nan",
        "rate=x9",
        "rate=x10",
    ]


def test_time_left_is_told_once_a_run_has_shown_how_long_it_takes() -> None:
    assert time_left([], 6) == ""
    assert time_left([10.0, 20.0], 6) == " (about 60 s left)"
    assert time_left([60.0], 6) == " (about 5 min left)"
