"""Machines of other people: with the stand-in's GPUs and a clock that the test moves, or as files of /sys and /proc."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nvml_world
import pytest
from nvml_world import Gpu, NvmlWorld
from sysfs_tree import SysfsTree

from energyprof.interfaces import SourceContext
from energyprof_plugins.power.nvml import Nvml

START_NS = 1_000 * nvml_world.SECOND


class Machine:
    """A world, the source that reads it, and the context it is opened in."""

    def __init__(self, world: NvmlWorld, environment: dict[str, str]) -> None:
        self.world = world
        self.source = Nvml(environment, world.wall_ns)

    def context(self, argument: str = "", root: str = "/nowhere") -> SourceContext:
        return SourceContext(argument=argument, start_ns=START_NS, now_ns=self.world.now_ns, root=root)

    def open(self, argument: str = "") -> dict[str, Any]:
        """Open the source and return its domains by id."""
        return {domain.id: domain for domain in self.source.open(self.context(argument))}

    def read(self, advance_ns: int = 0) -> list[Any]:
        self.world.advance(advance_ns)
        return list(self.source.read())

    def facts(self) -> dict[str, Any]:
        return {id_: facts for part in self.source.parts() for id_, facts in part.facts().items()}

    def shares(self) -> dict[str, Any]:
        return {id_: shares for part in self.source.parts() for id_, shares in part.process_shares().items()}

    def why(self, argument: str = "") -> str | None:
        return self.source.why_unavailable(self.context(argument))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """Return how to make the machine: from its GPUs and the program's environment."""
    made: list[Machine] = []

    def make(*gpus: Gpu, environment: dict[str, str] | None = None) -> Machine:
        world = NvmlWorld.create(tmp_path / f"world{len(made)}", gpus, fake_ns=START_NS)
        world.use_here()
        made.append(Machine(world, environment or {}))
        return made[-1]

    yield make
    for one in made:
        one.source.close()
    nvml_world.use_here(None)


@pytest.fixture
def tree() -> type[SysfsTree]:
    """Return how to write /sys and /proc of another computer into a folder."""
    return SysfsTree
