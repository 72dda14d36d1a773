"""Logs of nvidia-smi: columns, units, several GPUs, time zones, values that are none, and how each GPU averages."""

from __future__ import annotations

import pytest

from energyprof.errors import InputError
from energyprof.model.domain import ReadStatus
from energyprof.model.imported import ImportWishes
from energyprof_plugins.recordings.nvidia_names import architecture_of
from energyprof_plugins.recordings.nvidia_smi import ANSWER_NS, NvidiaSmi

A100 = "NVIDIA A100-SXM4-40GB"
HEADER = "timestamp, index, name, power.draw [W]\n"
NOON_NS = 1_782_907_200_000_000_000
"""2026-07-01 12:00:00 UTC."""


def read(tmp_path, text, **wishes):
    path = tmp_path / "smi.csv"
    path.write_text(text)
    importer = NvidiaSmi()
    assert importer.knows(text[:4096])
    return importer.read(str(path), ImportWishes(**{"timezone": "UTC", **wishes}), lambda _part: None)


def refused(tmp_path, text, **wishes):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, **wishes)
    return str(caught.value).replace(str(tmp_path), "DIR")


def row(second, index=0, power="60.00 W", name=A100):
    return f"2026/07/01 12:00:{second:06.3f}, {index}, {name}, {power}\n"


def test_readings_are_milliwatts_since_1970_answered_within_bounds(tmp_path):
    found = read(tmp_path, HEADER + row(0, power="60.25 W") + row(0.123, power="61.5 W"))

    (domain,) = found.domains
    rows = found.readings[domain.id]
    assert (domain.id, domain.quantity, domain.scale, domain.driver) == ("gpu:0", "power", 1e-3, "device")
    assert rows.raw.tolist() == [60_250, 61_500]
    assert rows.t_before_ns.tolist() == [NOON_NS, NOON_NS + 123_000_000]
    assert (rows.t_after_ns - rows.t_before_ns).tolist() == [ANSWER_NS, ANSWER_NS]
    assert found.clock.unix_offset_ns == 0


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), ("+02:00", -2), ("-0530", 5.5), ("Europe/Berlin", -2)])
def test_time_stamps_are_of_the_time_zone_that_is_said(tmp_path, zone, hours):
    found = read(tmp_path, HEADER + row(0) + row(1), timezone=zone)

    assert found.readings[found.domains[0].id].t_before_ns[0] == NOON_NS + hours * 3600 * 10**9
    assert "if not, say --timezone" in found.clock.assumption


def test_unknown_time_zone_is_refused(tmp_path):
    assert "--timezone Nowhere/Land is no time zone" in refused(tmp_path, HEADER + row(0), timezone="Nowhere/Land")


def test_gpus_are_told_apart_by_index(tmp_path):
    found = read(tmp_path, HEADER + row(0, 3) + row(0.002, 5, "70 W") + row(1, 3) + row(1.002, 5, "71 W"))

    assert [domain.id for domain in found.domains] == ["gpu:3", "gpu:5"]
    assert found.readings[found.domains[1].id].raw.tolist() == [70_000, 71_000]


def test_gpus_are_told_apart_by_uuid_where_there_is_no_index(tmp_path):
    text = "timestamp, uuid, power.draw [W]\n" + "".join(
        f"2026/07/01 12:00:0{at}.000, GPU-{uuid}, 60 W\n" for at in range(2) for uuid in ("aa", "bb")
    )

    found = read(tmp_path, text)

    assert [domain.id for domain in found.domains] == ["gpu:0", "gpu:1"]


def test_values_that_are_none_are_gaps_and_never_0_w(tmp_path):
    powers = ["60 W", "[N/A]", "[Not Supported]", "[Unknown Error]", "[GPU is lost]", "61 W"]

    found = read(tmp_path, HEADER + "".join(row(at, power=power) for at, power in enumerate(powers)))

    status = found.readings[found.domains[0].id].status.tolist()
    none, unknown, lost = ReadStatus.NOT_SUPPORTED, ReadStatus.UNKNOWN, ReadStatus.LOST
    assert status == [ReadStatus.OK, none, none, unknown, lost, ReadStatus.OK]


def test_values_without_units_have_that_of_the_header(tmp_path):
    found = read(tmp_path, HEADER + row(0, power="60.5") + row(1, power="61"))

    assert found.readings[found.domains[0].id].raw.tolist() == [60_500, 61_000]


def test_instant_power_serves_before_the_average(tmp_path):
    text = "timestamp, index, name, power.draw.average [W], power.draw.instant [W]\n"
    text += (
        "2026/07/01 12:00:00.000, 0, NVIDIA GeForce RTX 4090, 50 W, 70 W\n2026/07/01 12:00:01.000, 0, x, 50 W, 71 W\n"
    )

    found = read(tmp_path, text)

    assert found.readings[found.domains[0].id].raw.tolist() == [70_000, 71_000]
    assert found.domains[0].window_ns == 100_000_000


@pytest.mark.parametrize(
    ("name", "window_ns"),
    [
        ("NVIDIA GeForce RTX 3090", 1_000_000_000),
        ("NVIDIA A10", 1_000_000_000),
        (A100, 25_000_000),
        ("Tesla V100-SXM2-32GB", 10_000_000),
        ("Tesla T4", 100_000_000),
        ("NVIDIA H100 80GB HBM3", 1_000_000_000),
        ("Some GPU of 2040", 1_000_000_000),
    ],
)
def test_name_tells_how_power_draw_averages(tmp_path, name, window_ns):
    found = read(tmp_path, HEADER + row(0, name=name) + row(1, name=name))

    assert found.domains[0].window_ns == window_ns


def test_compute_capability_tells_it_without_a_name():
    assert architecture_of("", "8.0").name == "Ampere GA100"
    assert architecture_of("NVIDIA A100", "8.6").name == "Ampere"


def test_log_without_names_says_that_the_average_is_assumed(tmp_path):
    found = read(tmp_path, "timestamp, power.draw [W]\n2026/07/01 12:00:00.000, 60 W\n2026/07/01 12:00:01.000, 61 W\n")

    assert any("no column name" in line and "--query-gpu" in line for line in found.warnings)
    assert any("no column index" in line for line in found.warnings)


def test_options_tell_period_and_window(tmp_path):
    found = read(tmp_path, HEADER + row(0) + row(1), described={"period": "20ms", "window": "20ms"})

    assert (found.domains[0].period_ns, found.domains[0].window_ns) == (20_000_000, 20_000_000)


def test_missing_header_is_refused(tmp_path):
    said = refused(tmp_path, row(0) + row(1))

    assert said.startswith(
        "DIR/smi.csv has no header line, so its columns are not known; log without noheader; log with"
    )


def test_missing_columns_are_named_with_what_was_found(tmp_path):
    said = refused(tmp_path, "timestamp, index, utilization.gpu [%]\n")

    assert "line 1: no column power.draw among timestamp, index, utilization.gpu [%]" in said


def test_unknown_unit_is_refused(tmp_path):
    assert "unit 'BTU' of 'power.draw [BTU]' is none" in refused(tmp_path, "timestamp, power.draw [BTU]\n")


def test_times_that_go_back_and_rows_cut_off_are_bad_rows(tmp_path):
    said = refused(tmp_path, HEADER + row(5) + row(4) + "2026/07/01 12:0")

    assert "has 2 bad rows: line 3: timestamp '2026/07/01 12:00:04.000' is before the one above it" in said
    assert "line 4: 1 cells" in said


def test_same_time_twice_without_an_index_cannot_be_one_gpu(tmp_path):
    line = "2026/07/01 12:00:00.000, 60 W\n"

    assert "no column index that tells GPUs apart" in refused(tmp_path, "timestamp, power.draw [W]\n" + line * 2)
