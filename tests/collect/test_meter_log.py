"""Logs of power meters as they come: columns by name, units, separators; bad rows by their lines."""

from __future__ import annotations

import pytest

from energyprof.collect.meter_log import HOW, MeterLog, read_meter_log
from energyprof.errors import InputError

S = 1_000_000_000


def read(tmp_path, text):
    path = tmp_path / "plug.csv"
    path.write_text(text)
    return read_meter_log(path)


def refused(tmp_path, text):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("text", "t_ns", "value", "is_energy", "is_monotonic"),
    [
        ("time,watts\n10,5\n11,7\n", (10 * S, 11 * S), (5.0, 7.0), False, False),
        (
            "epoch,power_kW\n1.5e12,0.5\n1500000001000,1\n",
            (15 * 10**17, 15 * 10**17 + S),
            (500.0, 1000.0),
            False,
            False,
        ),
        ("t_ns\tmW\n5\t1500\n9\t2000\n", (5, 9), (1.5, 2.0), False, True),
        ("# a plug\nname,time,Energy (kWh)\nx,20,1.5\nx,10,1.0\n", (10 * S, 20 * S), (3.6e6, 5.4e6), True, False),
        (
            "time,power\n1970-01-01T00:00:01+00:00,5 W\n1970-01-01T00:00:02Z,6.5W\n",
            (S, 2 * S),
            (5.0, 6.5),
            False,
            False,
        ),
    ],
)
def test_logs_are_read_by_the_names_of_their_columns(tmp_path, text, t_ns, value, is_energy, is_monotonic):
    assert read(tmp_path, text) == MeterLog(t_ns, value, is_energy, is_monotonic)


def test_semicolons_allow_a_decimal_comma(tmp_path):
    assert read(tmp_path, "time;power\n10;5,5\n11;7\n").value == (5.5, 7.0)


def test_power_between_two_readings_is_their_mean_and_energy_their_difference(tmp_path):
    power = read(tmp_path, "time,w\n10,5\n12,7\n13,7\n")
    energy = read(tmp_path, "time,joules\n10,5\n12,7\n13,1\n14,4\n")

    assert power.windows() == [(10 * S, 12 * S, 12.0), (12 * S, 13 * S, 7.0)]
    assert energy.windows() == [(10 * S, 12 * S, 2.0), (13 * S, 14 * S, 3.0)], "a counter that fell is a gap"


def test_first_five_bad_rows_are_named(tmp_path):
    text = "time,watts\n1,5\nyesterday,5\n2,x\n3,-1\n4\n5,inf\n6,nan\n7,5\n"

    assert refused(tmp_path, text) == (
        "plug.csv has bad rows: line 3: 'yesterday' is no time; line 4: 'x' is no power or energy; "
        "line 5: '-1' is no power or energy; line 6: a cell is missing; line 7: 'inf' is no power or energy; " + HOW
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", f"plug.csv holds no rows; {HOW}"),
        ("time,watts\n", f"plug.csv holds no rows; {HOW}"),
        ("a,b\n1,2\n", f"plug.csv has the columns a, b, and a time or a power is not among them; {HOW}"),
        (
            "time,w\n1,2\n1,3\n",
            "plug.csv has two readings of the same time (1000000000 ns); let times have a finer resolution",
        ),
    ],
)
def test_what_is_no_log_is_refused_with_what_to_do(tmp_path, text, said):
    assert refused(tmp_path, text) == said


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv cannot be read"):
        read_meter_log(tmp_path / "none.csv")
