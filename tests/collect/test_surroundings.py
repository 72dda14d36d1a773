"""What kind of machine this is, from a tree of files, and what that means for its power sensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from energyprof.collect.surroundings import Surroundings, surroundings

INTEL_VM = "processor\t: 0\nflags\t\t: fpu vme hypervisor rdtscp\n"
INTEL_METAL = "processor\t: 0\nflags\t\t: fpu vme rdtscp\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd\n"
VENDOR, PRODUCT = "sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name"


def machine(root: Path, files: Mapping[str, str]) -> Surroundings:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return surroundings(str(root))


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"proc/cpuinfo": INTEL_METAL, VENDOR: "Dell Inc."}, ""),
        ({"proc/cpuinfo": INTEL_VM}, "unknown hypervisor"),
        ({"proc/cpuinfo": INTEL_VM, VENDOR: "QEMU\n"}, "QEMU"),
        ({"proc/cpuinfo": INTEL_VM, VENDOR: "VMware, Inc.\n"}, "VMware"),
        ({"proc/cpuinfo": INTEL_VM, VENDOR: "Microsoft Corporation", PRODUCT: "Virtual Machine"}, "Hyper-V"),
        ({"proc/cpuinfo": INTEL_VM, VENDOR: "Amazon EC2"}, "Amazon EC2"),
        ({"proc/cpuinfo": INTEL_METAL, VENDOR: "Amazon EC2", PRODUCT: "c5.metal"}, ""),
        ({"proc/cpuinfo": INTEL_VM, "sys/hypervisor/type": "xen\n"}, "Xen"),
        ({"proc/cpuinfo": ARM, VENDOR: "QEMU"}, "QEMU"),
        ({"proc/cpuinfo": ARM, "proc/device-tree/hypervisor": ""}, "unknown hypervisor"),
        ({"proc/cpuinfo": INTEL_VM, "proc/sys/kernel/osrelease": "5.15.90.1-microsoft-standard-WSL2"}, "WSL"),
        ({}, ""),
    ],
)
def test_virtual_machine_is_named_and_bare_metal_of_a_cloud_is_none(
    tmp_path: Path, files: Mapping[str, str], name: str
) -> None:
    assert machine(tmp_path, files).virtual_machine == name


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({".dockerenv": ""}, "Docker"),
        ({"run/.containerenv": ""}, "Podman"),
        ({"proc/1/cgroup": "0::/kubepods.slice/pod1\n"}, "Kubernetes"),
        ({"proc/self/cgroup": "12:cpu:/docker/7a2f\n"}, "Docker"),
        ({"run/systemd/container": "systemd-nspawn\n"}, "systemd-nspawn"),
        ({"proc/1/cgroup": "0::/init.scope\n"}, ""),
    ],
)
def test_container_is_named(tmp_path: Path, files: Mapping[str, str], name: str) -> None:
    assert machine(tmp_path, files).container == name


@pytest.mark.parametrize(
    ("around", "words"),
    [
        (Surroundings("KVM"), ["virtual machine (KVM)", "do not pass RAPL on", "bare-metal"]),
        (Surroundings("KVM", has_powercap=True), ["shows RAPL", "doctor --probe --load"]),
        (Surroundings(container="Docker"), ["systempaths=unconfined", "--gpus all"]),
        (Surroundings("KVM", "Docker"), ["virtual machine (KVM)", "--gpus all"]),
        (Surroundings(container="Docker", has_powercap=True), ["whole machine", "run --shared"]),
        (Surroundings(), ["modprobe intel_rapl_msr"]),
    ],
)
def test_each_place_says_what_it_means_and_what_to_do(around: Surroundings, words: list[str]) -> None:
    told = " ".join(around.meaning())

    assert [word for word in words if word not in told] == []
    assert all("; " in line for line in around.meaning() if "modprobe" not in line)


def test_bare_machine_with_rapl_has_nothing_to_be_told(tmp_path: Path) -> None:
    found = machine(tmp_path, {"proc/cpuinfo": INTEL_METAL, "sys/class/powercap/intel-rapl:0/name": "package-0"})

    assert found == Surroundings(has_powercap=True)
    assert list(found.meaning()) == []
