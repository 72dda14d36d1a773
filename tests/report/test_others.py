"""Other programs on the machine are said from a tenth of what was used, how much, of what, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from energyprof.model.domain import Domain
from energyprof.model.ids import DomainId
from energyprof.report.others import others_cautions, others_share


@dataclass(frozen=True)
class Found:
    domain: DomainId
    busy_s: float | None
    others_s: float | None
    baseline_w: float | None = 10.0


def domain(name: str, provenance: str = "sensor") -> Domain:
    driver = "device" if name.startswith("gpu") else "cpu"
    return Domain(DomainId(name), "test", provenance, "energy", 1e-3, driver)


def said(*found: Found, provenance: str = "sensor", is_shared: bool = False, wall_s: float = 10.0) -> list[str]:
    domains = [domain(one.domain, provenance) for one in found]
    return list(others_cautions(domains, found, wall_s, is_shared))


def test_processors_shared_with_others_are_one_line_for_all_their_domains():
    assert said(Found("cpu:0:package", 10.0, 3.0), Found("dram:0", 10.0, 3.0)) == [
        (
            "other programs used 30 % of the CPU time spent on this machine during the run (3 of 10 CPU s), and "
            "cpu:0:package, dram:0 includes their energy; profile alone, or tell it apart with --shared"
        )
    ]


def test_shared_device_has_a_line_of_its_own():
    assert said(Found("gpu:0", 8.0, 2.0), Found("gpu:1", 8.0, 0.1)) == [
        (
            "gpu:0: other programs did 25 % of its work during the run, and gpu:0 includes their energy; "
            "profile alone, or tell it apart with --shared"
        )
    ]


def test_what_was_taken_off_is_said_to_be_a_model():
    (line,) = said(Found("cpu:0:package", 10.0, 3.0), is_shared=True)

    assert line.endswith(
        "; their part of cpu:0:package was taken off as `others`, by a model: profile alone for measured figures"
    )


def test_nothing_is_said_to_be_taken_off_where_the_idle_power_is_not_known():
    (line,) = said(Found("cpu:0:package", 10.0, 3.0, baseline_w=None), is_shared=True)

    assert "taken off" not in line
    assert "and cpu:0:package includes their energy; profile alone, or use --lead-in" in line


def test_model_has_nothing_of_others_in_it_and_says_so():
    (line,) = said(Found("cpu", 10.0, 3.0), provenance="model")

    assert "the model counts this program's CPU time only, so that none of theirs is in the figures" in line
    assert "--shared" not in line


@pytest.mark.parametrize(
    "found", [Found("cpu", 10.0, 1.0), Found("cpu", 0.2, 0.1), Found("cpu", None, None), Found("cpu", 0.0, 0.0)]
)
def test_little_or_unknown_use_by_others_is_not_worth_a_line(found):
    assert said(found) == []


def test_share_is_unknown_without_figures_and_0_where_nothing_was_used():
    assert others_share(Found("cpu", None, None)) is None
    assert others_share(Found("cpu", 0.0, 0.0)) == 0.0
    assert others_share(Found("cpu", 4.0, 1.0)) == 0.25


def test_a_run_of_hardly_any_cpu_time_says_nothing_of_others():
    assert said(Found("cpu", 0.19, 0.15), wall_s=0.1) == []
    assert said(Found("cpu", 0.20, 0.15), wall_s=0.1) != []
