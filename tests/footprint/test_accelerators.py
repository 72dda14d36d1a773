"""The table of accelerators: every row has its source, and names are found as people write them."""

from __future__ import annotations

import json

import pytest

from energyprof.cli.estimate_command import DTYPES as OFFERED
from energyprof.cli.estimate_page import hardware_document, hardware_page
from energyprof.errors import InputError
from energyprof.footprint.accelerators import (
    CARD_OF_BOARD,
    HIGHEST_OF_BOARD,
    MEASURED_OF_BOARD,
    Accelerator,
    find,
    read_table,
    shipped,
)
from energyprof.footprint.dtype_peaks import DTYPES, peak_flops, shipped_peaks


@pytest.mark.parametrize("row", shipped(), ids=lambda row: row.name)
def test_every_row_names_its_source_and_year(row: Accelerator) -> None:
    assert row.source.startswith("https://")
    assert 2010 < row.year < 2030
    assert row.board_w is None or row.board_w > 0
    assert row.peak_flops > 1e12
    assert (row.usd_per_hour is None) == (row.price_year is None)
    assert row.further or (row.machine_w is None and row.system_w is None)


def test_no_machine_of_the_table_is_rated_above_the_bound_of_those_without_one() -> None:
    parts = [row.machine_w / row.board_w for row in shipped() if row.machine_w is not None and row.board_w is not None]

    assert max(parts) == pytest.approx(HIGHEST_OF_BOARD, abs=0.005)


@pytest.mark.parametrize("written", ["H100-SXM", "h100 sxm", "NVIDIA H100 SXM", "h100_s"])
def test_a_name_is_found_as_people_write_it(written: str) -> None:
    assert find(written, shipped()).name == "H100-SXM"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("A10", "A10"),
        ("a40", "A40"),
        ("L4", "L4"),
        ("L40", "L40"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("AMD Instinct MI355X", "MI355X"),
        ("tpu v4", "TPUv4"),
    ],
)
def test_a_name_that_begins_another_is_its_own(written: str, name: str) -> None:
    assert find(written, shipped()).name == name


@pytest.mark.parametrize(
    ("name", "units", "clock_hz", "flops_a_clock"),
    [
        ("RTX-3090", 328, 1.695e9, 128),
        ("RTX-4090", 512, 2.52e9, 128),
        ("RTX-5090", 680, 2.407e9, 128),
        ("A40", 336, 1.74e9, 256),
        ("MI100", 120, 1.502e9, 1024),
        ("MI210", 104, 1.7e9, 1024),
        ("MI250X", 220, 1.7e9, 1024),
        ("MI300X", 304, 2.1e9, 2048),
        ("MI350X", 256, 2.2e9, 4096),
        ("MI355X", 256, 2.4e9, 4096),
    ],
)
def test_a_stated_peak_is_what_its_matrix_units_can_do(
    name: str, units: int, clock_hz: float, flops_a_clock: int
) -> None:
    assert find(name, shipped()).peak_flops == pytest.approx(units * clock_hz * flops_a_clock, rel=0.003)


def test_a_name_that_may_be_two_is_asked_for() -> None:
    with pytest.raises(InputError, match="H100 may be H100-PCIE or H100-SXM; name one of them"):
        find("H100", shipped())


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100-SXM"),
        ("NVIDIA A100-SXM4-40GB", "A100-SXM"),
        ("NVIDIA A100-PCIE-40GB", "A100-PCIE-40GB"),
        ("NVIDIA A100 80GB PCIe", "A100-PCIE-80GB"),
        ("NVIDIA H100 80GB HBM3", "H100-SXM"),
        ("NVIDIA H100 PCIe", "H100-PCIE"),
        ("NVIDIA H200", "H200-SXM"),
        ("NVIDIA B200", "B200"),
        ("Tesla V100-SXM2-16GB", "V100-SXM2"),
        ("Tesla V100-PCIE-32GB", "V100-PCIE"),
        ("Tesla P100-PCIE-16GB", "P100-PCIE"),
        ("Tesla T4", "T4"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA RTX A6000", "RTX-A6000"),
        ("AMD Instinct MI300X OAM", "MI300X"),
    ],
)
def test_a_name_is_found_as_a_driver_tells_it(written: str, name: str) -> None:
    assert find(written, shipped()).name == name


@pytest.mark.parametrize(
    "other", ["NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 3090 Ti", "NVIDIA A10G", "NVIDIA H100 NVL"]
)
def test_a_board_that_only_begins_like_a_known_one_is_not_taken_for_it(other: str) -> None:
    with pytest.raises(InputError, match="no accelerator"):
        find(other, shipped())


def test_an_unknown_name_gets_those_that_are_alike() -> None:
    with pytest.raises(InputError, match=r"no accelerator 'RTX 4080' in the table \(alike: RTX-4090, .*shows all"):
        find("RTX 4080", shipped())
    with pytest.raises(InputError, match=r"no accelerator 'abacus' in the table; --hardware list shows all"):
        find("abacus", shipped())


@pytest.mark.parametrize("name", ["P100-PCIE", "P100-SXM2", "V100-PCIE", "V100-SXM2", "T4"])
def test_a_16_bit_type_without_a_unit_is_refused_with_the_other(name: str) -> None:
    one = find(name, shipped())

    assert peak_flops(one, "fp16") == one.peak_flops
    with pytest.raises(InputError, match=f"{name} has no unit for bf16.*--dtype fp16"):
        peak_flops(one, "bf16")


def test_a_card_draws_less_for_its_board_than_a_module_in_a_machine_for_eight() -> None:
    card, module, older = (find(name, shipped()) for name in ("RTX-4090", "MI300X", "V100-PCIE"))
    measured = find("V100-SXM2", shipped())

    assert card.power_w is not None
    assert module.power_w is not None
    assert older.power_w is not None
    assert measured.power_w is not None
    assert (card.power_w.low, card.power_w.value, card.power_w.high) == pytest.approx((243, 387, 621))
    assert module.power_w.value == pytest.approx(1.38 * 750)
    assert older.power_w.value < measured.power_w.value
    assert "0.86 of its board power, host included, as systems of V100 were measured" in card.power_basis
    assert pytest.approx((188.1 + 330) / 2 / 300, abs=0.005) == CARD_OF_BOARD


def test_what_is_not_known_is_not_zero() -> None:
    head = (
        "name,year,board_w,peak_tflops,machine_w,system_low_w,system_high_w,usd_low,usd_high,price_year,source,further"
    )

    (row,) = read_table(["# said first", head, "X1,2020,100,10,,,,,,,https://example.org,"])

    assert (row.machine_w, row.system_w, row.usd_per_hour) == (None, None, None)
    assert row.power_w is not None
    assert (row.power_w.value, row.power_w.low, row.power_w.high) == pytest.approx((138, 54, 203))


def test_the_middle_of_power_is_of_whole_systems_as_its_bounds_are() -> None:
    h100, v100 = (find(name, shipped()) for name in ("H100-SXM", "V100-SXM2"))
    assert h100.machine_w is not None
    assert v100.system_w is not None

    assert h100.power_w is not None
    assert h100.board_w is not None
    assert v100.power_w is not None
    assert 8 * h100.power_w.value == pytest.approx(0.76 * 10_200)  # arXiv 2506.14551, 8 H100 with their host
    assert pytest.approx(h100.power_w.value / h100.board_w, abs=0.005) == MEASURED_OF_BOARD
    assert v100.power_w.value == pytest.approx(sum(v100.system_w) / 2)
    for row in shipped():
        if row.power_w is None:
            continue
        assert row.power_w.low < row.power_w.value or row.system_w is not None
        assert row.power_w.value < row.power_w.high or row.system_w is not None


def test_figures_that_nobody_else_states_are_marked_as_not_checked() -> None:
    page = {line.split()[0]: line for line in hardware_page(shipped(), 400).splitlines()}

    assert find("L40S", shipped()).seen == ("board", "peak")
    assert page["L40S"].endswith("/l40s/")
    assert page["TPUv3"].endswith(" *")
    assert page["H100-PCIE"].endswith(" ^")
    assert page["A10"].endswith(" *^")


def test_every_peak_of_a_type_is_that_of_a_known_accelerator_in_the_order_of_its_units() -> None:
    table = {row.name: row for row in shipped()}

    for name, peaks in shipped_peaks().items():
        rising = [peaks[one] for one in ("fp32", "tf32") if one in peaks]
        rising += [table[name].peak_flops, *(peaks[one] for one in ("fp8", "int8") if one in peaks)]
        assert rising == sorted(rising), name
    assert OFFERED == DTYPES


def test_the_list_tells_the_peaks_of_other_types() -> None:
    rows = {row["name"]: row["peak_flops_by_dtype"] for row in json.loads(hardware_document(shipped()))["accelerators"]}

    assert rows["H100-SXM"] == {"fp32": 67e12, "tf32": 494.7e12, "fp8": 1979e12, "int8": 1979e12}
    assert rows["TPUv4"] == {"int8": 275e12}
    assert rows["TPUv2"] == {}


def test_where_one_kind_of_16_bits_is_slower_it_has_its_own_peak() -> None:
    mi100, mi210 = (find(name, shipped()) for name in ("MI100", "MI210"))

    assert (peak_flops(mi100, "fp16"), peak_flops(mi100, "bf16")) == (184.6e12, 92.3e12)
    assert peak_flops(mi210, "fp16") == peak_flops(mi210, "bf16") == 181e12


def test_an_accelerator_whose_maker_states_no_power_is_listed_without_one() -> None:
    tpu = find("TPU v5e", shipped())

    assert (tpu.board_w, tpu.power_w, tpu.peak_flops, peak_flops(tpu, "int8")) == (None, None, 197e12, 393e12)
    (line,) = (line for line in hardware_page(shipped(), 400).splitlines() if line.startswith("TPUv5e"))
    assert line.split()[:5] == ["TPUv5e", "2023", "-", "197", "-"]
    rows = {row["name"]: row for row in json.loads(hardware_document(shipped()))["accelerators"]}
    assert (rows["TPUv5e"]["board_w"], rows["TPUv5e"]["power_w"]) == (None, None)


def test_a_type_without_a_known_peak_is_asked_for() -> None:
    assert peak_flops(find("H100-SXM", shipped()), "fp8") == 1979e12
    assert peak_flops(find("A100-SXM", shipped()), "fp16") == 312e12
    with pytest.raises(InputError, match="no peak of A100-SXM for fp8, only for fp32, tf32, bf16, fp16, int8"):
        peak_flops(find("A100-SXM", shipped()), "fp8")
