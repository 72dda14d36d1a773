"""What kind of machine this is, bare, virtual or inside a container, and what that means for its power sensors.

Sources: the CPUID hypervisor bit as Linux shows it (flag `hypervisor` of /proc/cpuinfo), /sys/hypervisor/type (Linux,
Documentation/ABI/stable/sysfs-hypervisor-xen), the SMBIOS vendor and product in /sys/class/dmi/id, and the marks that
systemd-detect-virt(1) goes by: /.dockerenv, /run/.containerenv, /run/systemd/container, /proc/1/cgroup.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

# SMBIOS texts by which hypervisors name themselves (systemd, src/basic/virt.c).
_HYPERVISORS = (
    ("kvm", "KVM"),
    ("qemu", "QEMU"),
    ("vmware", "VMware"),
    ("virtualbox", "VirtualBox"),
    ("innotek", "VirtualBox"),
    ("xen", "Xen"),
    ("bochs", "Bochs"),
    ("parallels", "Parallels"),
    ("virtual machine", "Hyper-V"),
    ("openstack", "OpenStack"),
    ("google compute engine", "Google Compute Engine"),
    ("amazon ec2", "Amazon EC2"),
    ("firecracker", "Firecracker"),
)
_NAMES = ("sys/hypervisor/type", "sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name")
_CONTAINERS = (("docker", "Docker"), ("kubepods", "Kubernetes"), ("libpod", "Podman"), ("lxc", "LXC"))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where this process runs; empty: on nothing of that kind, as far as can be seen."""

    virtual_machine: str = ""
    """Name of the hypervisor, `unknown hypervisor` where only the processor tells."""
    container: str = ""
    has_powercap: bool = False
    """The kernel shows RAPL zones, readable or not."""

    def meaning(self) -> Sequence[str]:
        """Return what that means for power sensors, one line each: a fact and what to do."""
        lines = []
        if self.virtual_machine and not self.has_powercap:
            lines.append(
                f"this is a virtual machine ({self.virtual_machine}): hypervisors do not pass RAPL on, so the "
                "processor's energy cannot be read in here; run on the host or a bare-metal instance to measure it "
                "(a GPU passed through to this machine can be read by its own driver)"
            )
        elif self.virtual_machine:
            lines.append(
                f"this is a virtual machine ({self.virtual_machine}) that shows RAPL: whether its counters are the "
                "whole host's only its owner knows; see if they follow your load: energyprof doctor --probe --load"
            )
        if self.container and self.virtual_machine and not self.has_powercap:
            lines.append(
                f"this is a container ({self.container}) on it: a container sees no GPU unless it is asked for; "
                "start it with --gpus all (NVIDIA) or --device /dev/dri (AMD, Intel)"
            )
        elif self.container and not self.has_powercap:
            lines.append(
                f"this is a container ({self.container}): Docker and others hide /sys/devices/virtual/powercap, and "
                "GPUs unless asked for; start it with --security-opt systempaths=unconfined (RAPL) and --gpus all "
                "(NVIDIA), or profile on the host"
            )
        elif self.container:
            lines.append(
                f"this is a container ({self.container}): sensors show the whole machine, other containers included; "
                "keep those idle, or part the energy with: energyprof run --shared"
            )
        if not lines and not self.has_powercap:
            lines.append(
                "the kernel shows no RAPL zones; on Intel since Sandy Bridge and AMD since Zen load them with: "
                "sudo modprobe intel_rapl_msr"
            )
        return lines


def surroundings(root: str = "/") -> Surroundings:
    """Look around below `root`."""
    return Surroundings(_virtual_machine(root), _container(root), _has_powercap(root))


def _virtual_machine(root: str) -> str:
    named = [_text(root, path) for path in _NAMES]
    if "microsoft" in _text(root, "proc/sys/kernel/osrelease").lower():
        return "WSL"
    has_bit = any(
        "hypervisor" in line.partition(":")[2].split()
        for line in _text(root, "proc/cpuinfo").splitlines()
        if line.startswith("flags")
    )
    by_tree = os.path.exists(os.path.join(root, "proc/device-tree/hypervisor"))
    # Bare-metal instances carry the cloud's name too: on x86, the processor's own word decides.
    told = [name for text in named for mark, name in _HYPERVISORS if mark in text.lower()]
    has_flags = "\nflags" in f"\n{_text(root, 'proc/cpuinfo')}"
    if has_bit or by_tree or (told and not has_flags):
        return told[0] if told else "unknown hypervisor"
    return ""


def _container(root: str) -> str:
    for path, name in ((".dockerenv", "Docker"), ("run/.containerenv", "Podman")):
        if os.path.exists(os.path.join(root, path)):
            return name
    cgroups = _text(root, "proc/1/cgroup") + _text(root, "proc/self/cgroup")
    for mark, name in _CONTAINERS:
        if f"/{mark}" in cgroups:
            return name
    return _text(root, "run/systemd/container").strip()


def _has_powercap(root: str) -> bool:
    try:
        return any("rapl" in name for name in os.listdir(os.path.join(root, "sys/class/powercap")))
    except OSError:
        return False


def _text(root: str, path: str) -> str:
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as stream:
            return stream.read(1 << 20)
    except OSError:
        return ""
