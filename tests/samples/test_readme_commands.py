"""What the READMEs of the samples tell to type is there to be typed: files, options, commands and extras."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SAMPLES = ("voice_assistant", "perception_stream")


def typed_lines(sample: str) -> list[list[str]]:
    """Return the words of each command in the blocks of a README."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", (TOP / "samples" / sample / "README.md").read_text(), re.M | re.S)
    lines = [line.removeprefix("$ ").split(" | ")[0] for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if re.match(r"(energyprof [a-z]|python |pip )", line)]


def option_names(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def helped(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command, "--help"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("sample", SAMPLES)
def test_options_that_a_readme_gives_to_its_pipeline_exist(sample: str) -> None:
    pipeline = f"samples/{sample}/pipeline.py"
    lines = [line for line in typed_lines(sample) if pipeline in line]

    given = {word for line in lines for word in line[line.index(pipeline) + 1 :] if word.startswith("--")}

    assert len(lines) >= 3
    assert given <= option_names(helped(str(TOP / pipeline)))


@pytest.mark.parametrize("sample", SAMPLES)
def test_commands_and_options_that_a_readme_gives_to_energyprof_exist(sample: str) -> None:
    for line in typed_lines(sample):
        if line[0] == "energyprof":
            own = line[: next((place for place, word in enumerate(line) if word.endswith(".py")), len(line))]

            assert {word for word in own if word.startswith("--")} <= option_names(helped("-m", "energyprof", own[1]))


@pytest.mark.parametrize("sample", SAMPLES)
def test_extra_that_a_readme_installs_is_declared(sample: str) -> None:
    declared = set(re.findall(r"^([a-z-]+) = \[", (TOP / "pyproject.toml").read_text(), re.M))

    installed = {
        extra for line in typed_lines(sample) if line[0] == "pip" for extra in re.findall(r"\[(.+)\]", line[-1])
    }

    assert installed
    assert installed <= declared
