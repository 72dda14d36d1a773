"""What an event of a trace is by its category, and what its stage is called.

Categories of torch.profiler: libkineto/include/ActivityType.h and its ActivityType.cpp, github.com/pytorch/kineto.
viztracer writes `FEE` for each function, named `function (file:line)`; any other trace is taken as it is.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final, NamedTuple

from energyprof.model.span import StageKind


class Role(IntEnum):
    """What an event is for the tree of stages."""

    SPAN = 0
    """A stage: an annotation of the user, or an event of a trace that tells no categories."""
    MODULE = 1
    OPERATOR = 2
    FUNCTION = 3
    """A Python function; kept where there is nothing better, or on demand."""
    LAUNCH = 4
    """A call that puts work on a device: no stage, its time is that of the operator around."""
    KERNEL = 5
    """Work on a device."""
    LEFT_OUT = 6
    """Says in other words what other events say."""


LAUNCHES: Final = frozenset(
    {"cuda_runtime", "cuda_driver", "hip_runtime", "hip_driver", "xpu_runtime", "xpu_driver", "mtia_runtime",
     "mtia_driver", "privateuse1_runtime", "privateuse1_driver", "glow_runtime"}
)  # fmt: skip
KERNELS: Final = frozenset(
    {"kernel", "gpu_memcpy", "gpu_memset", "concurrent_kernel", "mtia_ccp_events", "mtia_workloadd"}
)
LEFT_OUT: Final = frozenset(
    {"gpu_user_annotation", "cuda_sync", "Trace", "overhead", "cuda_profiler_range", "cuda_event", "collective_comm"}
)
OPERATORS: Final = frozenset({"cpu_op", "Operator", "xpu_op", "hpu_op"})
MODULE_PREFIX: Final = "nn.Module: "
_STEP = re.compile(r"^(ProfilerStep)#\d+$")
_VIZTRACER = re.compile(r"^(.*) \((.+):(\d+)\)$")
_PYTHON = re.compile(r"^(.*)\((\d+)\): (.*)$")
_LONGEST = 1_000


class EventName(NamedTuple):
    """The name of a stage, and where its source is."""

    name: str
    kind: StageKind
    file: str | None = None
    line: int | None = None


def role_of(category: str, name: str) -> Role:
    """Return what an event of this category and name is."""
    if category in LAUNCHES:
        return Role.OPERATOR if "Synchronize" in name else Role.LAUNCH
    if category in KERNELS:
        return Role.KERNEL
    if category in OPERATORS:
        return Role.OPERATOR
    if category in LEFT_OUT:
        return Role.LEFT_OUT
    if category == "python_function":
        return Role.MODULE if name.startswith(MODULE_PREFIX) else Role.FUNCTION
    return Role.SPAN


def event_name(role: Role, category: str, name: str) -> EventName:
    """Return how the stage of an event is called."""
    if role == Role.KERNEL:
        return EventName(_shortened(kernel_name(name)), "function")
    if role == Role.MODULE:
        return EventName(_shortened(name[len(MODULE_PREFIX) :]), "module")
    if role == Role.FUNCTION and (said := _PYTHON.match(name)):
        return EventName(_shortened(said[3]), "function", said[1], int(said[2]))
    if category == "FEE" and (said := _VIZTRACER.match(name)):
        return EventName(_shortened(said[1]), "function", said[2], int(said[3]))
    if step := _STEP.match(name):  # each step has a number, and all are one stage
        return EventName(step[1], "stage")
    return EventName(_shortened(name), "stage" if role == Role.SPAN else "function")


def kernel_name(name: str) -> str:
    """Return the name of a C++ kernel without return type, template arguments and parameters."""
    plain = name.removeprefix("void ").replace("(anonymous namespace)", "anonymous")
    kept: list[str] = []
    depth = 0
    for sign in plain:
        if sign in "<({":
            depth += 1
        elif sign in ">)}":
            depth -= 1
        elif depth <= 0:
            kept.append(sign)
    short = "".join(kept).strip()
    is_code = "<" in plain or "::" in plain
    return short if is_code and depth == 0 and short else name


def _shortened(name: str) -> str:
    return name[:_LONGEST] or "<unnamed>"
