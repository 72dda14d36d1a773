"""What a battery gives is what the machine draws, while nothing charges it; everything else is a gap."""

from __future__ import annotations

import pytest

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus
from energyprof_plugins.power.battery import NO_BATTERY, PERIOD_NS, UNPLUG, Battery

SUPPLIES = "sys/class/power_supply"
POWER = {"type": "Battery", "status": "Discharging", "power_now": 9_500_000}
CURRENT = {"type": "Battery", "status": "Discharging", "current_now": 1_000_000, "voltage_now": 12_000_000}
MAINS = {"type": "Mains", "online": 0}


def laptop(tree, root, **supplies):
    for name, files in supplies.items():
        tree.write(root, {f"{SUPPLIES}/{name}/{file}": value for file, value in files.items()})
    return SourceContext(root=str(root))


def test_power_of_a_discharging_battery_is_the_whole_machines(tmp_path, tree):
    battery = Battery()

    (domain,) = battery.open(laptop(tree, tmp_path, AC=MAINS, BAT0=POWER))

    assert domain == Domain(
        id="battery",
        source="battery (BAT0, the whole machine)",
        provenance="sensor",
        quantity="power",
        scale=1e-6,
        driver="cpu",
        period_ns=PERIOD_NS,
    )
    assert list(battery.read()) == [Reading("battery", 9_500_000)]
    battery.close()


@pytest.mark.parametrize("current_ua", [1_000_000, -1_000_000])
def test_battery_without_power_gives_current_times_voltage_whatever_the_sign(tmp_path, tree, current_ua):
    battery = Battery()
    battery.open(laptop(tree, tmp_path, BAT1={**CURRENT, "current_now": current_ua}))

    assert list(battery.read()) == [Reading("battery", 12_000_000)]
    battery.close()


def test_two_batteries_are_added_and_one_at_rest_adds_nothing(tmp_path, tree):
    battery = Battery()
    battery.open(laptop(tree, tmp_path, BAT0=POWER, BAT1=CURRENT))

    both = list(battery.read())
    tree.write(tmp_path, {f"{SUPPLIES}/BAT1/status": "Not charging"})
    one = list(battery.read())
    battery.close()

    assert (both, one) == ([Reading("battery", 21_500_000)], [Reading("battery", 9_500_000)])


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("Charging", "BAT0 is charging: the charger feeds the machine as well"),
        ("Full", "BAT0 is not discharging (Full): the charger feeds the machine"),
        ("Unknown", "BAT0 is not discharging (Unknown): the charger feeds the machine"),
    ],
)
def test_plugged_in_machine_is_told_to_unplug_and_a_charger_in_the_middle_is_a_gap(tmp_path, tree, status, said):
    context = laptop(tree, tmp_path / "before", BAT0={**POWER, "status": status})
    battery = Battery()
    battery.open(laptop(tree, tmp_path / "during", BAT0=POWER))

    tree.write(tmp_path / "during", {f"{SUPPLIES}/BAT0/status": status})
    answers = list(battery.read())
    battery.close()

    assert Battery().why_unavailable(context) == f"{said}; {UNPLUG}"
    assert answers == [ReadFailure("battery", ReadStatus.NOT_SUPPORTED, said)]
    with pytest.raises(SourceError, match="unplug the charger"):
        Battery().open(context)


def test_no_watts_while_discharging_is_a_gap_and_not_a_zero(tmp_path, tree):
    battery = Battery()
    battery.open(laptop(tree, tmp_path, BAT0=POWER))

    tree.write(tmp_path, {f"{SUPPLIES}/BAT0/power_now": 0})
    (answer,) = battery.read()
    battery.close()

    assert (type(answer), answer.status) == (ReadFailure, ReadStatus.UNKNOWN)


def test_desktop_and_batteries_of_mice_are_none(tmp_path, tree):
    mouse = {**POWER, "scope": "Device"}

    assert Battery().why_unavailable(laptop(tree, tmp_path, AC=MAINS, mouse=mouse)) == NO_BATTERY
