"""What `make sample` runs is what the READMEs of the samples say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "samples"
SCRIPTS = sorted(SAMPLES.glob("*/run.sh"))


def commands(text: str) -> list[str]:
    """Return what calls energyprof, in lines of its own or in a sentence, shell and comments taken off."""
    said = [" ".join(quoted.split()) for quoted in re.findall(r"`([^`]+)`", text.replace("```", ""))]
    lines = [line.partition("  #")[0].strip() for line in text.splitlines()]
    return [line.replace("$ ", "") for line in lines + said if re.match(r"(\$ )?energyprof [a-z]", line)]


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.parent.name for script in SCRIPTS])
def test_every_command_of_the_script_stands_in_the_readme(script: Path) -> None:
    name = script.parent.name
    text = script.read_text(encoding="utf-8")
    options = re.search(r'^load="(.*)"$', text, re.MULTILINE)
    text = text.replace(' "$@"', "").replace('"$sample/', f'"samples/{name}/').replace('"', "")
    text = text.replace("$load", options[1] if options else "")

    told = commands((script.parent / "README.md").read_text(encoding="utf-8"))

    wanted = commands(text)
    assert wanted
    assert [command for command in wanted if command not in told] == []


@pytest.mark.parametrize("picture", sorted(SAMPLES.glob("*/*.svg")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pictures_name_no_folder_of_the_machine_that_drew_them(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")

    assert re.findall(r"(?<![\w.<-])/(?:tmp|root|home|work|usr|opt)/[\w./-]*", text) == []
