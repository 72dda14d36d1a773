"""The powercap tree of many machines: which zones are read, what contains what, and every way in which it fails."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import Domain, ReadStatus, counted_ids
from energyprof_plugins.power.rapl import Rapl
from energyprof_plugins.power.rapl_access import MASKED, NO_MODULE, NOT_X86, RULE, VIRTUAL
from energyprof_plugins.power.rapl_domains import PERIOD_NS


def context(root):
    return SourceContext(root=str(root))


def laptop(tree, root):
    """Make a client part: package, core, uncore, dram and psys, the package a second time through MMIO."""
    tree.cpu(root)
    limits = {"constraint_0_max_power_uw": 28_000_000, "constraint_1_power_limit_uw": 60_000_000}
    return {
        "package": tree.zone(root, "intel-rapl:0", "package-0", 500_000_000, **limits),
        "core": tree.zone(root, "intel-rapl:0:0", "core", enabled=0),
        "uncore": tree.zone(root, "intel-rapl:0:1", "uncore"),
        "dram": tree.zone(root, "intel-rapl:0:2", "dram", max_energy_range_uj=65_532_610_987),
        "psys": tree.zone(root, "intel-rapl:1", "psys"),
        "mmio": tree.zone(root, "intel-rapl-mmio:0", "package-0", 499_000_000),
    }


def refusing(*paths, number=errno.EACCES):
    """Return an opener that refuses files whose path ends with one of `paths`."""

    def open_file(path, flags):
        if any(path.endswith(end) for end in paths):
            raise OSError(number, os.strerror(number), path)
        return os.open(path, flags)

    return open_file


def parents(domains):
    return {domain.id: domain.parent for domain in domains}


def test_zones_of_a_laptop_are_read_each_once_and_nested(tmp_path, tree):
    laptop(tree, tmp_path)
    rapl = Rapl()

    domains = rapl.open(context(tmp_path))

    assert parents(domains) == {
        "cpu:0:package": "psys",
        "cpu:0:core": "cpu:0:package",
        "cpu:0:uncore": "cpu:0:package",
        "dram:0": "psys",
        "psys": None,
    }
    assert counted_ids(domains) == {"psys"}
    assert list(rapl.read()) == [
        Reading("cpu:0:package", 500_000_000),
        *(Reading(id_, 1_000_000) for id_ in ("cpu:0:core", "cpu:0:uncore", "dram:0", "psys")),
    ]
    rapl.close()


def test_domain_says_wrap_period_error_and_the_most_that_can_flow(tmp_path, tree):
    laptop(tree, tmp_path)

    package, *_, dram, _ = Rapl().open(context(tmp_path))

    assert package == Domain(
        id="cpu:0:package",
        source="rapl (powercap intel-rapl:0)",
        provenance="sensor",
        quantity="energy",
        scale=1e-6,
        driver="cpu",
        parent="psys",
        wrap=262_143_328_850 + 61,
        period_ns=PERIOD_NS,
        gain_error=(0.05, 0.05),
        max_power_w=120.0,
    )
    assert (dram.wrap, dram.max_power_w, dram.gain_error) == (65_532_610_987 + 15, 120.0, (0.2, 0.2))


def test_two_sockets_keep_their_memory_beside_their_packages(tmp_path, tree):
    tree.cpu(tmp_path)
    for socket in range(2):
        tree.zone(tmp_path, f"intel-rapl:{socket}", f"package-{socket}")
        tree.zone(tmp_path, f"intel-rapl:{socket}:0", "dram")

    domains = Rapl().open(context(tmp_path))

    assert parents(domains) == {"cpu:0:package": None, "dram:0": None, "cpu:1:package": None, "dram:1": None}
    assert len(counted_ids(domains)) == 4


def test_each_socket_belongs_to_its_own_platform_and_to_the_only_one_where_there_is_one(tmp_path, tree):
    for name, platforms in (("both", ["psys", "psys-1"]), ("one", ["psys"])):
        tree.cpu(tmp_path / name)
        for number, called in enumerate(["package-0", "package-1", *platforms]):
            tree.zone(tmp_path / name, f"intel-rapl:{number}", called)

    both, one = (parents(Rapl().open(context(tmp_path / name))) for name in ("both", "one"))

    assert both == {"cpu:0:package": "psys", "cpu:1:package": "psys:1", "psys": None, "psys:1": None}
    assert one == {"cpu:0:package": "psys", "cpu:1:package": "psys", "psys": None}


def test_dies_of_one_socket_have_counters_of_their_own(tmp_path, tree):
    tree.cpu(tmp_path)
    for die in range(2):
        tree.zone(tmp_path, f"intel-rapl:{die}", f"package-0-die-{die}")
        tree.zone(tmp_path, f"intel-rapl:{die}:0", "dram")

    domains = Rapl().open(context(tmp_path))

    assert {domain.id for domain in domains} == {
        *(f"cpu:0:die:{die}:package" for die in range(2)),
        *(f"dram:0:die:{die}" for die in range(2)),
    }
    assert len(counted_ids(domains)) == 4


def test_amd_has_package_and_core_and_a_wider_error(tmp_path, tree):
    tree.cpu(tmp_path, tree.AMD)
    tree.zone(tmp_path, "intel-rapl:0", "package-0")
    tree.zone(tmp_path, "intel-rapl:0:0", "core")

    package, core = Rapl().open(context(tmp_path))

    assert (package.parent, core.parent) == (None, "cpu:0:package")
    assert (package.gain_error, package.max_power_w) == ((0.15, 0.15), None)


def test_mmio_serves_where_it_is_the_only_interface(tmp_path, tree):
    tree.cpu(tmp_path)
    tree.zone(tmp_path, "intel-rapl-mmio:0", "package-0")

    (package,) = Rapl().open(context(tmp_path))

    assert (package.id, package.source) == ("cpu:0:package", "rapl (powercap intel-rapl-mmio:0)")


def test_part_of_unknown_name_is_shown_in_its_package_and_a_stranger_at_the_top_is_left_out(tmp_path, tree):
    tree.cpu(tmp_path)
    tree.zone(tmp_path, "intel-rapl:0", "package-0")
    tree.zone(tmp_path, "intel-rapl:0:0", "Media Engine")
    tree.zone(tmp_path, "intel-rapl:1", "fabric")
    (tmp_path / "sys/class/powercap/dtpm").mkdir()

    domains = Rapl().open(context(tmp_path))

    assert parents(domains) == {"cpu:0:package": None, "cpu:0:media-engine": "cpu:0:package"}


def test_platform_that_was_never_wired_is_left_out(tmp_path, tree):
    tree.cpu(tmp_path)
    tree.zone(tmp_path, "intel-rapl:0", "package-0", energy_uj=0)
    tree.zone(tmp_path, "intel-rapl:1", "psys", energy_uj=0)

    assert parents(Rapl().open(context(tmp_path))) == {"cpu:0:package": None}


def test_core_without_a_readable_package_belongs_to_the_platform(tmp_path, tree):
    laptop(tree, tmp_path)
    rapl = Rapl(refusing("intel-rapl:0/energy_uj"))

    assert parents(rapl.open(context(tmp_path))) == {
        "cpu:0:core": "psys", "cpu:0:uncore": "psys", "dram:0": "psys", "psys": None,
    }  # fmt: skip


def test_limits_that_mean_no_limit_bound_nothing(tmp_path, tree):
    tree.cpu(tmp_path)
    tree.zone(tmp_path, "intel-rapl:0", "package-0", constraint_0_max_power_uw=0, constraint_1_max_power_uw=2**42)

    (package,) = Rapl().open(context(tmp_path))

    assert package.max_power_w is None


def test_counter_without_a_stated_range_does_not_wrap(tmp_path, tree):
    tree.cpu(tmp_path)
    tree.zone(tmp_path, "intel-rapl:0", "package-0", max_energy_range_uj="")

    assert Rapl().open(context(tmp_path))[0].wrap is None


def test_root_only_counters_name_the_commands_and_the_danger(tmp_path, tree):
    laptop(tree, tmp_path)

    reason = Rapl(refusing("energy_uj")).why_unavailable(context(tmp_path))

    assert reason.startswith(f"{tmp_path}/sys/class/powercap/intel-rapl:0/energy_uj is readable by root only; ")
    assert "sudo chmod a+r /sys/class/powercap/intel-rapl*:*/energy_uj" in reason
    assert f"echo '{RULE}' | sudo tee /etc/udev/rules.d/70-energyprof.rules" in reason
    assert "PLATYPUS" in reason
    assert "\n" not in reason


def test_container_that_masks_the_tree_is_told_from_a_module_that_is_missing(tmp_path, tree):
    laptop(tree, tmp_path / "container")
    shutil.rmtree(tmp_path / "container" / tree.POWERCAP)
    (tmp_path / "container" / tree.POWERCAP).mkdir()
    tree.cpu(tmp_path / "bare")
    tree.cpu(tmp_path / "guest", tree.INTEL.replace("fpu", "fpu hypervisor"))
    tree.cpu(tmp_path / "arm", "CPU implementer\t: 0x41\n")

    reasons = {name: Rapl().why_unavailable(context(tmp_path / name)) for name in ("container", "bare", "guest", "arm")}

    assert reasons == {"container": MASKED, "bare": NO_MODULE, "guest": VIRTUAL, "arm": NOT_X86}
    with pytest.raises(SourceError, match="masks"):
        Rapl().open(context(tmp_path / "container"))


def test_counters_that_answer_with_errors_cannot_serve(tmp_path, tree):
    tree.cpu(tmp_path)
    tree.zone(tmp_path, "intel-rapl:0", "package-0", energy_uj="")

    reason = Rapl().why_unavailable(context(tmp_path))

    assert reason.startswith("no RAPL counter gives a value (")
    assert "energy_uj is empty); load the driver anew: sudo modprobe -r intel_rapl_msr" in reason


def test_sensor_that_appears_late_can_serve_from_then_on(tmp_path, tree):
    tree.cpu(tmp_path)
    rapl = Rapl()

    before = rapl.why_unavailable(context(tmp_path))
    tree.zone(tmp_path, "intel-rapl:0", "package-0")

    assert (before, rapl.why_unavailable(context(tmp_path))) == (NO_MODULE, None)


def test_short_read_costs_one_gap_and_no_other_domain(tmp_path, tree):
    files = laptop(tree, tmp_path)
    rapl = Rapl()
    rapl.open(context(tmp_path))

    answers = []
    for text in ("5000000", "", "garbage\n", "5000001\n"):
        files["core"].write_text(text)
        answers.append({answer.domain: answer for answer in rapl.read()})
    rapl.close()

    assert [type(one["cpu:0:core"]) for one in answers] == [ReadFailure, ReadFailure, ReadFailure, Reading]
    assert {one["cpu:0:core"].status for one in answers[:3]} == {ReadStatus.UNKNOWN}
    assert all(isinstance(one["cpu:0:package"], Reading) for one in answers)


def vanishing(paths, number=errno.ENODEV):
    """Return a way to read files of which those in `paths` belong to a device that is gone."""

    def read_at(descriptor, count, offset):
        if os.readlink(f"/proc/self/fd/{descriptor}") in paths:
            raise OSError(number, os.strerror(number))
        return os.pread(descriptor, count, offset)

    return read_at


def test_zone_that_is_gone_is_lost_and_read_again_when_it_is_back(tmp_path, tree):
    tree.cpu(tmp_path)
    counter = tree.zone(tmp_path, "intel-rapl:0", "package-0")
    gone = set()
    rapl = Rapl(read_at=vanishing(gone))
    rapl.open(context(tmp_path))

    gone.add(str(counter))
    lost = list(rapl.read())
    gone.clear()
    counter.write_text("2000000\n")
    back = list(rapl.read())
    rapl.close()

    assert [answer.status for answer in lost] == [ReadStatus.LOST]
    assert back == [Reading("cpu:0:package", 2_000_000)]


def test_permission_lost_in_the_middle_is_a_gap_that_says_so(tmp_path, tree):
    tree.cpu(tmp_path)
    tree.zone(tmp_path, "intel-rapl:0", "package-0")
    gone, denied = set(), []

    def open_file(path, flags):
        if denied:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return os.open(path, flags)

    rapl = Rapl(open_file, vanishing(gone))
    rapl.open(context(tmp_path))

    gone.add(str(tmp_path / tree.POWERCAP / "intel-rapl/intel-rapl:0/energy_uj"))  # its zone is registered anew
    denied.append(True)

    path = f"{tmp_path}/sys/class/powercap/intel-rapl:0/energy_uj"
    assert list(rapl.read()) == [ReadFailure("cpu:0:package", ReadStatus.NO_PERMISSION, f"{path}: Permission denied")]
