"""Power limits of GPUs and processors: read, held, put back as found, and every way in which that is refused."""

from __future__ import annotations

import errno
import os

import pynvml
import pytest
from nvml_world import GPU_IS_LOST, NO_PERMISSION, NOT_SUPPORTED, Gpu

from energyprof.errors import InputError, SourceError
from energyprof.interfaces import SourceContext
from energyprof.limit_doors import LimitSource
from energyprof.limit_keeper import chosen
from energyprof_plugins.power.load_model import LoadModel
from energyprof_plugins.power.nvml_devices import Gpu as GpuShown
from energyprof_plugins.power.nvml_limits import limits_of
from energyprof_plugins.power.rapl import Rapl


def package(tree, root, number=0, **files):
    """Make a package held at 28 W for long and 60 W for short; return its folder."""
    limits = {
        "constraint_0_name": "long_term",
        "constraint_0_power_limit_uw": 28_000_000,
        "constraint_0_max_power_uw": 45_000_000,
        "constraint_1_name": "short_term",
        "constraint_1_power_limit_uw": 60_000_000,
    }
    return tree.zone(root, f"intel-rapl:{number}", f"package-{number}", **{**limits, **files}).parent


def held(folder):
    return [int((folder / f"constraint_{number}_power_limit_uw").read_text()) / 1e6 for number in (0, 1)]


def limits(source, root):
    return source.power_limits(SourceContext(root=str(root)))


def test_gpu_is_held_at_a_limit_and_put_back_as_found(machine):
    it = machine(Gpu(limit_mw=350_000), Gpu())
    first, second = it.source.power_limits(it.context())

    first.hold(150.0)

    assert (first.domain, first.found_w, first.lowest_w, first.highest_w) == ("gpu:0", 350.0, 100.0, 400.0)
    assert (it.world.limit_w(0), it.world.limit_w(1)) == (150.0, 400.0)
    first.put_back()
    second.put_back()
    first.put_back()
    assert (it.world.limit_w(0), it.world.limit_w(1)) == (350.0, 400.0)
    assert it.world.calls("set_limit") == 2  # nothing is set that was not changed


def test_only_gpus_that_the_program_can_use_are_limited(machine):
    it = machine(Gpu(), Gpu(), environment={"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"})

    assert [limit.domain for limit in it.source.power_limits(it.context())] == ["gpu:1"]


def test_gpu_whose_limit_root_alone_may_set_says_so_and_what_to_do(machine):
    it = machine(Gpu())
    it.world.fail("set_limit", NO_PERMISSION)
    (limit,) = it.source.power_limits(it.context())

    with pytest.raises(SourceError, match=r"only root .* sudo nvidia-smi -i 0 -pl 150,"):
        limit.hold(150.0)

    limit.put_back()
    assert it.world.limit_w(0) == 400.0


def test_limit_that_the_driver_refuses_is_told(machine):
    it = machine(Gpu())
    (limit,) = it.source.power_limits(it.context())

    with pytest.raises(SourceError, match="cannot be set to 50 W"):
        limit.hold(50.0)


def test_gpu_that_stands_at_another_limit_than_it_was_told_is_not_said_to_be_held(machine):
    it = machine(Gpu())
    it.open()

    class Deaf:
        def __getattr__(self, name):
            return (lambda *_: None) if "Set" in name else getattr(pynvml, name)

    (limit,) = limits_of(Deaf(), [GpuShown(0, "GPU-0", "A100")])

    with pytest.raises(SourceError, match="stands at 400 W and not at 150 W"):
        limit.hold(150.0)


def test_gpu_without_a_limit_to_set_is_named(machine):
    it = machine(Gpu(name="GeForce MX150", most_mw=0))

    with pytest.raises(SourceError, match=r"gpu:0 \(GeForce MX150\) has no power limit that could be set"):
        it.source.power_limits(it.context())


def test_gpu_that_is_lost_says_how_to_put_its_limit_back_by_hand(machine):
    it = machine(Gpu())
    (limit,) = it.source.power_limits(it.context())
    limit.hold(150.0)
    it.world.fail("set_limit", GPU_IS_LOST)

    with pytest.raises(SourceError, match=r"sudo nvidia-smi -i 0 -pl 400$"):
        limit.put_back()


def test_package_is_held_at_both_limits_and_put_back_as_found(tmp_path, tree):
    folder = package(tree, tmp_path)
    (limit,) = limits(Rapl(), tmp_path)

    limit.hold(15.0)

    assert (limit.domain, limit.found_w, limit.lowest_w, limit.highest_w) == ("cpu:0:package", 28.0, 1.0, 45.0)
    assert held(folder) == [15.0, 15.0]
    limit.hold(40.0)
    assert held(folder) == [40.0, 40.0]
    limit.put_back()
    assert held(folder) == [28.0, 60.0]


def test_short_term_limit_is_never_raised(tmp_path, tree):
    folder = package(tree, tmp_path, constraint_1_power_limit_uw=30_000_000)
    (limit,) = limits(Rapl(), tmp_path)

    limit.hold(45.0)

    assert held(folder) == [45.0, 30.0]


def test_package_whose_limit_root_alone_may_set_says_so_and_what_to_do(tmp_path, tree):
    def refuse(path, flags):
        if flags & os.O_WRONLY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return os.open(path, flags)

    folder = package(tree, tmp_path)
    (limit,) = limits(Rapl(refuse), tmp_path)

    with pytest.raises(SourceError, match=r"run the sweep as root, .* echo 15000000 \| sudo tee .*constraint_0_power"):
        limit.hold(15.0)

    limit.put_back()
    assert held(folder) == [28.0, 60.0]


@pytest.mark.parametrize(
    ("opened", "said"),
    [
        (lambda path, flags: os.open(path, os.O_RDONLY), "does not take 15000000 .* see the settings of the BIOS"),
        (lambda path, flags: os.open(os.devnull, flags), "stands at 28 W and not at 15 W"),
    ],
    ids=["locked", "kept"],
)
def test_limit_that_the_firmware_keeps_is_told(tmp_path, tree, opened, said):
    package(tree, tmp_path)
    (limit,) = limits(Rapl(opened), tmp_path)

    with pytest.raises(SourceError, match=said):
        limit.hold(15.0)


def test_package_that_does_not_enforce_its_limit_is_not_said_to_be_held(tmp_path, tree):
    folder = package(tree, tmp_path, enabled=0)
    (limit,) = limits(Rapl(), tmp_path)

    with pytest.raises(SourceError, match=r"echo 1 \| sudo tee .*/enabled"):
        limit.hold(15.0)

    assert held(folder) == [28.0, 60.0]


@pytest.mark.parametrize("files", [{"constraint_0_name": "other"}, {"constraint_0_power_limit_uw": 0}])
def test_package_without_a_limit_is_named(tmp_path, tree, files):
    package(tree, tmp_path, **files)

    with pytest.raises(SourceError, match=r"cpu:0:package .* has no long-term power limit"):
        limits(Rapl(), tmp_path)


def test_gpus_come_before_processors_unless_a_device_is_named(machine, tmp_path, tree):
    package(tree, tmp_path)
    package(tree, tmp_path, 1)
    it = machine(Gpu(), Gpu())
    sources = [LoadModel(), it.source, Rapl()]

    def found(device):
        return [limit.domain for limit in chosen(sources, device, SourceContext(root=str(tmp_path)))]

    assert found("") == found("gpu") == ["gpu:0", "gpu:1"]
    assert found("gpu:1") == ["gpu:1"]
    assert found("cpu") == ["cpu:0:package", "cpu:1:package"]
    assert found("cpu:1") == ["cpu:1:package"]
    with pytest.raises(InputError, match=r"no device 'gpu:7' has .*; there are gpu:0, gpu:1, cpu:0:package"):
        found("gpu:7")


def test_processors_are_held_where_no_gpu_can_be(machine, tmp_path, tree):
    package(tree, tmp_path)
    it = machine(Gpu())
    it.world.fail("limit", NOT_SUPPORTED)

    assert [limit.domain for limit in chosen([it.source, Rapl()], "", SourceContext(root=str(tmp_path)))] == [
        "cpu:0:package"
    ]


def test_machine_without_any_limit_says_why_of_each_source(tmp_path):
    sources = [LoadModel(), Rapl()]

    with pytest.raises(InputError, match="no device here has a power limit that can be set; rapl: there is no package"):
        chosen(sources, "", SourceContext(root=str(tmp_path)))
    assert [isinstance(source, LimitSource) for source in sources] == [False, True]
