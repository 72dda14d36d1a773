"""The meters of hwmon on many machines: which chips are known, what contains what, and what is not used."""

from __future__ import annotations

import pytest

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus, counted_ids
from energyprof_plugins.power.hwmon import NONE, Hwmon

MS = 1_000_000


def machine(tree, root, *chips):
    """Write chips, each a name and its attributes; a `/` at the end of the name keeps them in the device's folder."""
    for number, (name, attributes) in enumerate(chips):
        folder = f"sys/class/hwmon/hwmon{number}"
        place = f"{folder}/device" if name.endswith("/") else folder
        tree.write(root, {f"{folder}/name": name.rstrip("/")})
        tree.write(root, {f"{place}/{file}": value for file, value in attributes.items()})
    return SourceContext(root=str(root))


def parents(domains):
    return {domain.id: domain.parent for domain in domains}


def test_amd_card_gives_its_average_power_else_the_one_of_now(tmp_path, tree):
    context = machine(
        tree,
        tmp_path,
        ("amdgpu", {"power1_average": 35_000_000, "power1_input": 40_000_000}),
        ("amdgpu", {"power1_input": 300_000_000}),
        ("nvme", {"temp1_input": 40_000}),
    )
    hwmon = Hwmon()

    first, second = hwmon.open(context)

    assert first == Domain(
        id="gpu:0",
        source="hwmon (amdgpu power1_average)",
        provenance="sensor",
        quantity="power",
        scale=1e-6,
        driver="device",
    )
    assert (second.id, second.source) == ("gpu:1", "hwmon (amdgpu power1_input)")
    assert list(hwmon.read()) == [Reading("gpu:0", 35_000_000), Reading("gpu:1", 300_000_000)]
    hwmon.close()


def test_processor_with_graphics_is_a_part_of_the_package(tmp_path, tree):
    context = machine(tree, tmp_path, ("amdgpu", {"power1_average": 15_000_000, "in1_input": 900}))

    (soc,) = Hwmon().open(context)

    assert (soc.id, soc.parent, soc.driver) == ("cpu:0:soc", "cpu:0:package", "cpu")


def test_intel_card_counts_energy_and_its_package_is_a_part_of_it(tmp_path, tree):
    context = machine(
        tree,
        tmp_path,
        ("xe", {"energy1_input": 5_000_000, "energy2_input": 3_000_000}),
        ("xe", {"energy2_input": 7_000_000}),
        ("i915", {"energy1_input": 9_000_000}),
        ("i915_gt0", {"energy1_input": 8_000_000}),
    )

    domains = Hwmon().open(context)

    assert parents(domains) == {"gpu:0": None, "gpu:0:package": "gpu:0", "gpu:1": None, "gpu:2": None}
    assert {(domain.quantity, domain.wrap) for domain in domains} == {("energy", None)}


def test_ids_of_nvidias_cards_are_left_to_nvidia_and_two_vendors_are_told_apart(tmp_path, tree):
    cards = (("xe", {"energy1_input": 1}), ("amdgpu", {"power1_average": 1}))
    alone = machine(tree, tmp_path / "two", *cards)
    beside = machine(tree, tmp_path / "three", *cards)
    tree.write(tmp_path / "three", {"proc/driver/nvidia/version": "NVRM version"})

    assert set(parents(Hwmon().open(alone))) == {"gpu:0", "gpu:intel:0"}
    assert set(parents(Hwmon().open(beside))) == {"gpu:amd:0", "gpu:intel:0"}


def test_acpi_meter_is_the_whole_machine_with_its_stated_window_and_accuracy(tmp_path, tree):
    meter = {"power1_average": 180_000_000, "power1_average_interval": 1000, "power1_accuracy": "95.0%"}
    context = machine(tree, tmp_path, ("power_meter/", meter))
    hwmon = Hwmon()

    (domain,) = hwmon.open(context)

    assert (domain.id, domain.window_ns, domain.gain_error) == ("machine", 1000 * MS, (pytest.approx(0.05),) * 2)
    assert list(hwmon.read()) == [Reading("machine", 180_000_000)]
    hwmon.close()


def test_grace_sockets_contain_their_rails_and_the_module_contains_all(tmp_path, tree):
    labels = ["Module Power Socket 0", "Grace Power Socket 0", "CPU Power Socket 0", "SysIO Power Socket 0"]
    chips = [("power_meter/", {"power1_average": 1000, "power1_oem_info": label}) for label in labels]

    domains = Hwmon().open(machine(tree, tmp_path, *chips))
    tree.write(tmp_path, {"proc/driver/nvidia/version": "NVRM version"})
    beside_nvml = Hwmon().open(machine(tree, tmp_path, *chips))

    assert parents(domains) == {
        "module:0": None,
        "cpu:0:package": "module:0",
        "cpu:0:core": "cpu:0:package",
        "cpu:0:sysio": "cpu:0:package",
    }
    assert counted_ids(domains) == {"module:0"}
    assert parents(beside_nvml) == {id_: parent for id_, parent in parents(domains).items() if id_ != "module:0"}
    assert counted_ids(beside_nvml) == {"cpu:0:package"}


def test_rails_of_a_jetson_are_volts_times_amperes_within_its_input(tmp_path, tree):
    labels = ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"]
    rails = {"update_interval": 20}
    for channel, label in enumerate(labels, 1):
        rails |= {f"in{channel}_label": label, f"in{channel}_input": 5000, f"curr{channel}_input": 1000 * channel}
    hwmon = Hwmon()

    domains = hwmon.open(machine(tree, tmp_path, ("ina3221", rails)))

    assert parents(domains) == {"psys": None, "rail:cpu_gpu_cv": "psys", "rail:soc": "psys"}
    assert counted_ids(domains) == {"psys"}
    assert {domain.period_ns for domain in domains} == {20 * MS}
    assert [answer.raw * domains[0].scale for answer in hwmon.read()] == [5.0, 10.0, 15.0]
    hwmon.close()


def test_rails_without_a_known_label_are_not_guessed(tmp_path, tree):
    rails = {"in1_label": "CH1", "in1_input": 5000, "curr1_input": 10}

    assert Hwmon().why_unavailable(machine(tree, tmp_path, ("ina3221", rails))) == NONE


def test_two_meters_of_whole_machines_keep_ids_of_their_own(tmp_path, tree):
    context = machine(
        tree,
        tmp_path,
        ("corsairpsu", {"power1_input": 90_000_000, "power2_input": 80_000_000}),
        ("power_meter/", {"power1_average": 100_000_000}),
    )

    assert set(parents(Hwmon().open(context))) == {"machine:0", "machine:1"}


def test_chip_that_is_not_known_is_named_with_what_to_do(tmp_path, tree):
    known = ("amdgpu", {"power1_average": 1})
    strangers = [("lab_meter", {"power1_input": 5, "power2_average": 6}), ("zenpower", {"power1_input": 5})]
    hwmon = Hwmon()

    reason = hwmon.why_unavailable(machine(tree, tmp_path / "a", *strangers))
    beside = hwmon.left_out(machine(tree, tmp_path / "b", known, *strangers))

    assert reason == (
        "hwmon chip lab_meter (power1_input, power2_average) is not known, and not used; "
        "describe its files in energyprof_plugins/power/hwmon_boards.py, or ask for it in an issue"
    )
    assert beside == (
        reason,
        "hwmon chip zenpower (power1_input) is not used; take the same counters from: rapl",
    )


def test_machine_without_meters_says_so(tmp_path, tree):
    context = machine(tree, tmp_path, ("coretemp", {"temp1_input": 40_000}))

    assert Hwmon().why_unavailable(context) == NONE
    with pytest.raises(SourceError, match="no chip in /sys/class/hwmon measures power; "):
        Hwmon().open(context)


def test_known_chip_that_gives_no_value_cannot_serve(tmp_path, tree):
    context = machine(tree, tmp_path, ("amdgpu", {"power1_average": ""}))

    reason = Hwmon().why_unavailable(context)

    assert reason.startswith("no hwmon meter gives a value (")
    assert reason.endswith("/power1_average is empty); see whether its driver is bound and awake")


def test_known_chip_that_gives_no_value_beside_one_that_does_is_named(tmp_path, tree):
    chips = [("power_meter", {"power1_average": 100}), ("amdgpu", {"power1_average": "garbage"})]
    context = machine(tree, tmp_path, *chips)

    (line,) = Hwmon().left_out(context)

    assert Hwmon().why_unavailable(context) is None
    assert line.startswith("hwmon chip amdgpu (power1_average) gives no value (")
    assert line.endswith("); see whether its driver is bound and awake")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("-5\n", ReadStatus.UNKNOWN),
        ("4294967295000\n", ReadStatus.NOT_SUPPORTED),
        ("", ReadStatus.UNKNOWN),
        ("12", ReadStatus.UNKNOWN),
    ],
)
def test_value_that_is_none_is_a_gap_and_costs_no_other_domain(tmp_path, tree, text, status):
    chips = [("power_meter", {"power1_average": 100}), ("amdgpu", {"power1_average": 7})]
    hwmon = Hwmon()
    hwmon.open(machine(tree, tmp_path, *chips))

    (tmp_path / "sys/class/hwmon/hwmon0/power1_average").write_text(text)
    answers = {answer.domain: answer for answer in hwmon.read()}
    hwmon.close()

    assert (type(answers["machine"]), answers["machine"].status) == (ReadFailure, status)
    assert answers["gpu:0"] == Reading("gpu:0", 7)
