"""How the power sensor of each NVIDIA architecture behaves: its updates, its averaging window, its delay, its error.

Sources:

* Update periods and averaging windows: Z. Yang, K. Adamek, W. Armour, "Accurate and Convenient Energy Measurements for
  GPUs", SC'24, arXiv 2312.02741v2, measured on more than 70 GPUs of 12 generations. Where a window is shorter than the
  period (25 of 100 ms on A100 and H100) the sensor never sees the rest.
* Which calls average over 1 s: nvml.h, nvmlDeviceGetPowerUsage: "On Ampere (except GA100) or newer GPUs, the API
  returns power averaged over 1 sec interval. On GA100 and older architectures, instantaneous power is returned."
* Error: the same paper finds +-5 % of the reading, a gain that differs from board to board; nvml.h states +-5 % for
  Fermi and Kepler. The counter is held to the same, for nobody has measured that it is better.
* Period of the energy counter: not documented. 20 to 100 ms (PETSc manual), about 100 ms (Zeus), 106 ms (an RTX 4090):
  100 ms is taken, and where the readings show another one, analysis uses that.
* Delay: the paper asks to shift readings without a figure that holds for all. It lies between nothing and one update,
  for the next update replaces a reading.
* First-order response of Kepler and Maxwell: K20, K20X and K40 (GK110, compute capability 3.5) follow with a time
  constant of 840 ms: `capacitance` in K20Power 1.0, Texas State University 2014, the tool of M. Burtscher, I. Zecena,
  Z. Zong, "Measuring GPU Power with the K20 Built-in Sensor", GPGPU-7; the K80 (3.7) is taken to be alike. For the
  others there is only the first paper's remark that the reading follows over about 200 ms. An assumption that nobody
  has verified: that this is the rise from 10 to 90 % of a first-order response, ln 9 = 2.2 time constants of 91 ms.
  Their delay may therefore be anything up to these 200 ms.

* Samples that the driver keeps: measured on an H200, driver 580.159, under a square wave of load: each is the mean of
  20 ms, which ended 4 ms before its time on average; times come in ticks of 10 ms. Others are taken to be alike.

Architectures the paper does not have (Ada, Blackwell, later ones) are taken to be like their predecessor of the same
kind, and so marked. `energyprof doctor --probe` measures the device at hand.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Final, Literal, TypeAlias

ChannelName: TypeAlias = Literal["counter", "instant", "average", "usage", "samples"]
CHANNELS: Final[tuple[ChannelName, ...]] = ("counter", "instant", "usage", "average", "samples")
"""In the order of preference. `average` says nothing that `usage` does not, where both answer."""

MS: Final = 1_000_000
GAIN_ERROR: Final = (0.05, 0.05)
AVERAGE_NS: Final = 1_000 * MS
SAMPLE_NS: Final = 20 * MS
SAMPLE_LAG_NS: Final = (0, 20 * MS)
SAMPLE_TICK_NS: Final = 10 * MS


@dataclass(frozen=True, slots=True)
class Architecture:
    """What is known of the sensors of one generation."""

    name: str
    capabilities: tuple[tuple[int, int | None], ...]
    """CUDA compute capabilities (major, minor); minor None: all."""
    period_ns: int
    window_ns: int | None
    """Averaging window of the present power; None: not known, taken to be one period."""
    usage_averages: bool
    """Whether nvmlDeviceGetPowerUsage returns the mean of 1 s."""
    slowest_ns: int
    """Longest delay between power and its appearance in the reading."""
    response_ns: int | None = None
    """Time constant of a first-order response that comes on top of it."""
    _: KW_ONLY
    assumed: bool = False
    """Nobody has measured it: taken from its predecessor."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How one channel measures, in the words of `Domain`."""

    period_ns: int | None
    window_ns: int | None
    lag_ns: tuple[int, int]
    response_ns: int | None = None
    tick_ns: int = 0


_20_MS, _25_MS, _91_MS, _100_MS, _200_MS = 20 * MS, 25 * MS, 91 * MS, 100 * MS, 200 * MS
TABLE: Final = (
    Architecture("Kepler GK110", ((3, 5), (3, 7)), _20_MS, None, False, _20_MS, 840 * MS),
    Architecture("Kepler", ((3, 0), (3, 2)), _20_MS, None, False, _200_MS, _91_MS, assumed=True),
    Architecture("Maxwell", ((5, None),), _20_MS, None, False, _200_MS, _91_MS, assumed=True),
    Architecture("Pascal", ((6, None),), _20_MS, 10 * MS, False, _20_MS),
    Architecture("Volta", ((7, 0), (7, 2)), _20_MS, 10 * MS, False, _20_MS),
    Architecture("Turing", ((7, 5),), _100_MS, _100_MS, False, _100_MS),
    Architecture("Ampere GA100", ((8, 0),), _100_MS, _25_MS, False, _100_MS),
    Architecture("Ampere", ((8, 6), (8, 7), (8, 8)), _100_MS, _100_MS, True, _100_MS),
    Architecture("Ada", ((8, 9),), _100_MS, _100_MS, True, _100_MS, assumed=True),
    Architecture("Hopper", ((9, None),), _100_MS, _25_MS, True, _100_MS),
    Architecture("Blackwell", ((10, None), (11, None)), _100_MS, _25_MS, True, _100_MS, assumed=True),
    Architecture("Blackwell RTX", ((12, None),), _100_MS, _100_MS, True, _100_MS, assumed=True),
)
UNKNOWN: Final = Architecture("unknown architecture", (), _100_MS, None, True, _100_MS, assumed=True)
SUPERCHIP: Final = Architecture("Grace Hopper", (), _100_MS, _20_MS, True, _100_MS)
"""GH200: the GPU's window is 20 ms."""


def identify(capability: tuple[int, int] | None, name: str) -> Architecture:
    """Return the architecture of a compute capability; the marketing name tells a superchip from the plain GPU."""
    if is_superchip(name):
        return SUPERCHIP
    if capability is None:
        return UNKNOWN
    major, minor = capability
    return next(
        (one for one in TABLE if (major, minor) in one.capabilities or (major, None) in one.capabilities), UNKNOWN
    )


def is_superchip(name: str) -> bool:
    """Return whether one CPU and this one GPU share a module whose power is measured."""
    return "GH200" in name


def habit(architecture: Architecture, channel: ChannelName) -> Habit:
    """Return how a channel of an architecture measures."""
    lag_ns = (0, architecture.slowest_ns)
    if channel == "counter":
        return Habit(_100_MS, None, lag_ns)
    if channel == "samples":
        # Each sample carries its own time. How often they are taken is not documented: it is found from the readings.
        return Habit(None, SAMPLE_NS, SAMPLE_LAG_NS, tick_ns=SAMPLE_TICK_NS)
    if channel == "average" or (channel == "usage" and architecture.usage_averages):
        return Habit(architecture.period_ns, AVERAGE_NS, lag_ns)
    return Habit(architecture.period_ns, architecture.window_ns, lag_ns, architecture.response_ns)
