"""A program whose GPU draws exactly what its stages say: python nvml_program.py WORLD WINDOW_S SCALE.

It idles at both ends for one window of the sensor, at the beginning until the sensor is being read, however long the
collector takes to start. Each stage draws a power of its own, so that its true energy can be told from the world's.
"""

import sys
import time

from nvml_world import NvmlWorld

import energyprof

IDLE_W = 20.0
WATTS = {"load": 90.0, "forward": 310.0, "backward": 380.0, "optimizer": 180.0, "save": 120.0}
ASKED = ("energy", "usage", "instant", "average", "buffer", "module")
ENOUGH_READS = 8
PATIENCE_S = 20.0


def idle(seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        time.sleep(left_s)


def main() -> None:
    world, window_s, scale = NvmlWorld(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])

    def stage(name: str, seconds: float) -> None:
        with energyprof.stage(name):
            world.power(0, WATTS[name])
            idle(seconds * scale)
            world.power(0, IDLE_W)

    until_s = time.monotonic() + PATIENCE_S
    while sum(world.calls(call) for call in ASKED) < ENOUGH_READS and time.monotonic() < until_s:
        time.sleep(0.01)
    idle(window_s)
    stage("load", 0.6)
    for _ in range(3):
        stage("forward", 0.4)
        stage("backward", 0.5)
        stage("optimizer", 0.15)
    idle(0.1 * scale)
    stage("save", 0.3)
    idle(window_s)


if __name__ == "__main__":
    main()
