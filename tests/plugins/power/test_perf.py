"""RAPL through perf: the events of each socket, the same domains as powercap's, and why they may be refused."""

from __future__ import annotations

import errno
import os
import time

import pytest

from energyprof.errors import SourceError
from energyprof.interfaces import ReadFailure, Reading, SourceContext
from energyprof.model.domain import ReadStatus, counted_ids
from energyprof_plugins.power.perf import NO_PMU, SECCOMP, Perf
from energyprof_plugins.power.perf_syscall import open_counter, read_counter
from energyprof_plugins.power.rapl_access import NOT_X86, VIRTUAL

SCALE = 2.0**-32
PMU = "sys/bus/event_source/devices/power"
EVENTS = {"energy-cores": 1, "energy-pkg": 2, "energy-ram": 3, "energy-gpu": 4, "energy-psys": 5}
SOFTWARE, CPU_CLOCK = 1, 0
"""PERF_TYPE_SOFTWARE and PERF_COUNT_SW_CPU_CLOCK of <linux/perf_event.h>, which need no hardware."""


class Kernel:
    """Opens counters that can be closed for real, and says what they count."""

    def __init__(self, refuse=None, counts=None):
        self.asked = {}
        self.refuse = refuse or (lambda config: None)
        self.counts = counts or {}

    def open(self, kind, config, cpu):
        number = self.refuse(config)
        if number:
            raise OSError(number, os.strerror(number))
        descriptor = os.open(os.devnull, os.O_RDONLY)
        self.asked[descriptor] = (kind, config, cpu)
        return descriptor

    def read(self, descriptor):
        _, config, cpu = self.asked[descriptor]
        count = self.counts.get(config, 1000 * config + cpu)
        if isinstance(count, OSError):
            raise count
        return count


def machine(tree, root, events=EVENTS, cpumask="0", sockets=(0,), **topology):
    tree.cpu(root)
    tree.write(root, {f"{PMU}/type": 21, f"{PMU}/cpumask": cpumask})
    for name in events:
        files = {name: f"event=0x{EVENTS[name]:02x}", f"{name}.scale": "2.3283064365386962890625e-10"}
        tree.write(root, {f"{PMU}/events/{file}": value for file, value in {**files, f"{name}.unit": "Joules"}.items()})
    for cpu, socket in zip((0, 18), sockets, strict=False):
        tree.write(root, {f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id": socket})
        for file, value in topology.items():
            tree.write(root, {f"sys/devices/system/cpu/cpu{cpu}/topology/{file}": value[cpu]})
    return SourceContext(root=str(root))


def test_events_of_a_laptop_are_the_domains_of_powercap(tmp_path, tree):
    kernel = Kernel()
    perf = Perf(kernel.open, kernel.read)

    domains = perf.open(machine(tree, tmp_path))
    answers = list(perf.read())
    perf.close()

    assert {domain.id: domain.parent for domain in domains} == {
        "cpu:0:package": "psys",
        "cpu:0:core": "cpu:0:package",
        "cpu:0:uncore": "cpu:0:package",
        "dram:0": "psys",
        "psys": None,
    }
    assert {(domain.scale, domain.wrap) for domain in domains} == {(SCALE, None)}
    assert domains[0].source == "perf (RAPL event energy-pkg on CPU 0)"
    assert answers[0] == Reading("cpu:0:package", 2000)
    assert {(kind, cpu) for kind, _, cpu in kernel.asked.values()} == {(21, 0)}


def test_each_socket_is_counted_by_a_cpu_of_its_own(tmp_path, tree):
    kernel = Kernel()
    perf = Perf(kernel.open, kernel.read)

    domains = perf.open(machine(tree, tmp_path, ["energy-pkg", "energy-ram"], "0,18", sockets=(0, 1)))

    assert [domain.id for domain in domains] == ["cpu:0:package", "dram:0", "cpu:1:package", "dram:1"]
    assert len(counted_ids(domains)) == 4
    assert [(answer.domain, answer.raw) for answer in perf.read()][2] == ("cpu:1:package", 2018)
    perf.close()


def test_two_dies_of_one_socket_are_told_apart(tmp_path, tree):
    kernel = Kernel()
    context = machine(tree, tmp_path, ["energy-pkg"], "0,18", sockets=(0, 0), die_id={0: 0, 18: 1})

    domains = Perf(kernel.open, kernel.read).open(context)

    assert [domain.id for domain in domains] == ["cpu:0:die:0:package", "cpu:0:die:1:package"]


def test_platform_that_stands_still_is_left_out(tmp_path, tree):
    kernel = Kernel(counts={5: 0})

    domains = Perf(kernel.open, kernel.read).open(machine(tree, tmp_path))

    assert "psys" not in {domain.id for domain in domains}
    assert domains[0].parent is None


def test_event_in_a_unit_that_is_not_known_is_left_out(tmp_path, tree):
    context = machine(tree, tmp_path, ["energy-pkg", "energy-ram"])
    tree.write(tmp_path, {f"{PMU}/events/energy-ram.unit": "Btu", f"{PMU}/events/energy-pkg.unit": "Joules"})
    kernel = Kernel()

    assert [domain.id for domain in Perf(kernel.open, kernel.read).open(context)] == ["cpu:0:package"]


def test_users_are_told_how_to_be_allowed(tmp_path, tree):
    context = machine(tree, tmp_path)
    tree.write(tmp_path, {"proc/sys/kernel/perf_event_paranoid": 2})

    reason = Perf(Kernel(lambda config: errno.EACCES).open).why_unavailable(context)

    assert reason == (
        "counters of the whole machine are refused to users (kernel.perf_event_paranoid is 2); "
        "until the next boot: sudo sysctl kernel.perf_event_paranoid=0  "
        "for good: echo kernel.perf_event_paranoid=0 | sudo tee /etc/sysctl.d/70-energyprof.conf"
    )


def test_container_virtual_machine_missing_module_and_other_cpus_are_told_apart(tmp_path, tree):
    tree.cpu(tmp_path / "guest", tree.INTEL.replace("fpu", "fpu hypervisor"))
    tree.cpu(tmp_path / "bare")
    contexts = {name: SourceContext(root=str(tmp_path / name)) for name in ("guest", "bare", "none")}

    reasons = {name: Perf().why_unavailable(context) for name, context in contexts.items()}
    inside = Perf(Kernel(lambda config: errno.EPERM).open)

    assert reasons == {"guest": VIRTUAL, "bare": NO_PMU, "none": NOT_X86}
    assert inside.why_unavailable(machine(tree, tmp_path / "container")) == SECCOMP
    with pytest.raises(SourceError, match="--cap-add PERFMON"):
        inside.open(SourceContext(root=str(tmp_path / "container")))


@pytest.mark.parametrize(
    ("count", "status"),
    [
        (OSError(errno.ENODEV, "No such device"), ReadStatus.LOST),
        (OSError(errno.EIO, "Input/output error"), ReadStatus.UNKNOWN),
        (None, ReadStatus.LOST),
        (2**64 - 1, ReadStatus.UNKNOWN),
    ],
)
def test_read_that_gives_no_value_is_a_gap_and_costs_no_other_domain(tmp_path, tree, count, status):
    kernel = Kernel()
    perf = Perf(kernel.open, kernel.read)
    perf.open(machine(tree, tmp_path, ["energy-pkg", "energy-ram"]))

    kernel.counts[2] = count
    package, dram = perf.read()
    perf.close()

    assert (type(package), package.status, dram) == (ReadFailure, status, Reading("dram:0", 3000))


def cpu_clock():
    """Return a counter that needs no hardware, or what the kernel answers to users who may have none."""
    try:
        return open_counter(SOFTWARE, CPU_CLOCK, 0)
    except PermissionError as refusal:
        return refusal


def test_system_call_is_made_as_the_kernel_wants_it():
    """A structure of wrong layout would be refused with EINVAL or E2BIG, whoever asks; users may be refused."""
    descriptor = cpu_clock()
    if isinstance(descriptor, PermissionError):
        return

    first = read_counter(descriptor)
    deadline_s = time.monotonic() + 10.0
    while read_counter(descriptor) == first and time.monotonic() < deadline_s:
        pass
    later = read_counter(descriptor)
    os.close(descriptor)

    assert later > first


def test_event_that_no_kernel_has_is_refused():
    with pytest.raises(OSError, match=r"No such|Invalid|not supported|denied|not permitted"):
        open_counter(0x7FFFFFFF, 1, 0)
