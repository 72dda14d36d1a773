"""What many devices have in common is said once, with their names in the order people count."""

from energyprof.model.natural_order import natural_key
from energyprof.report.like_lines import id_ranges, merged_lines

GPUS = [f"gpu:{number}" for number in range(16)]


def test_names_sort_as_people_count():
    assert sorted(sorted(GPUS), key=natural_key) == GPUS
    assert sorted(["psys", "cpu:1:core", "cpu:1", "gpu"], key=natural_key) == ["cpu:1", "cpu:1:core", "gpu", "psys"]


def test_warnings_alike_are_one_with_the_domains_and_the_range_of_their_figures():
    lines = [f"{gpu}: {90 + at} of 2e3 reads of {gpu} failed; as probed 2026-07-01" for at, gpu in enumerate(GPUS)]
    lines.insert(3, "11 polls were late")

    assert merged_lines(sorted(lines), GPUS) == [
        "11 polls were late",
        "gpu:0 to gpu:15: 90 to 105 of 2e3 reads of gpu:0 to gpu:15 failed; as probed 2026-07-01",
    ]


def test_warnings_that_say_different_things_or_of_different_kinds_stay_apart():
    lines = ["gpu:0: hot", "gpu:1: cold", "cpu:0: hot", "stranger:0: hot", "stranger:1: hot"]
    lines += ["gpu:0: 3 lost", "gpu:0: 5 lost"]

    assert merged_lines(lines, ["gpu:0", "gpu:1", "cpu:0"]) == lines


def test_gaps_in_the_numbers_are_seen():
    assert id_ranges(["gpu:9", "gpu:10", "gpu:11", "gpu:2", "psys"]) == "gpu:2, gpu:9 to gpu:11, psys"
