"""Write what a profiler would have seen of a training loop whose true powers are known: spans.csv and power.csv.

A step has six stages of 3 to 36 ms on a GPU whose energy counter is updated every 100 ms only: the usual case. The
loop is invented, so that what comes out can be compared with the truth, which is printed; nothing is measured here.

    python make_recording.py            steps of about 85 ms, each a little different
    python make_recording.py --in-step  steps of exactly 100 ms, in step with the sensor
    python make_recording.py --dephase  the same with random delays of 0 to 20 ms between steps
    python make_recording.py --minutes 12   steps of about 85 ms, for twelve minutes instead of one
"""

from __future__ import annotations

import argparse
import csv
import random
from itertools import accumulate

IDLE_W = 60.0
STAGES = {  # seconds and watts beyond idle
    "load": (0.006, 10.0),
    "forward/embed": (0.003, 90.0),
    "forward/attention": (0.014, 170.0),
    "forward/mlp": (0.018, 260.0),
    "backward": (0.036, 230.0),
    "optimizer": (0.008, 120.0),
}
PERIOD_S = 0.1


def main() -> None:
    """Write the two files into the current folder and print the truth."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--in-step", action="store_true", help="steps of exactly 100 ms")
    options.add_argument("--dephase", action="store_true", help="the same, and 0 to 20 ms of delay between them")
    options.add_argument("--minutes", type=float, default=1.0, help="how long the loop runs (default: 1)")
    asked = options.parse_args()
    length_s = 60.0 * asked.minutes
    chance = random.Random(1)
    fixed = asked.in_step or asked.dephase
    spans: list[tuple[str, float, float, float]] = []
    at_s = 2.0
    while at_s < length_s - 2.0:
        begin_s = at_s
        for stage, (duration_s, power_w) in STAGES.items():
            lasts_s = duration_s * (1.0 if fixed else chance.gauss(1.0, 0.02))
            drawn_w = power_w * chance.gauss(1.0, 0.03)
            spans.append((f"step/{stage}", at_s, at_s + lasts_s, drawn_w))
            at_s += lasts_s
        if fixed:
            at_s = begin_s + PERIOD_S + (chance.uniform(0.0, 0.02) if asked.dephase else 0.0)
    write_spans(spans)
    write_power(spans, length_s)
    for stage in STAGES:
        mine = [(end - start, power) for name, start, end, power in spans if name == f"step/{stage}"]
        print(f"{stage:18} {sum(lasts * (IDLE_W + power) for lasts, power in mine):8.1f} J in truth")


def write_spans(spans: list[tuple[str, float, float, float]]) -> None:
    """Write who ran when; all on the stream of the GPU `gpu:0`."""
    with open("spans.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["stage", "lane", "device", "start_ns", "end_ns"])
        for stage, start_s, end_s, _ in spans:
            rows.writerow([stage, "stream 7", "gpu:0", round(start_s * 1e9), round(end_s * 1e9)])


def write_power(spans: list[tuple[str, float, float, float]], length_s: float) -> None:
    """Write the counter as it is read every 10 ms: it changes every 100 ms."""
    drawn_j = [IDLE_W * PERIOD_S] * round(length_s / PERIOD_S)  # in each period of the counter
    for _, start_s, end_s, power_w in spans:
        for number in range(int(start_s / PERIOD_S), min(int(end_s / PERIOD_S) + 1, len(drawn_j))):
            drawn_j[number] += power_w * max(0.0, min(end_s, (number + 1) * PERIOD_S) - max(start_s, number * PERIOD_S))
    updates = [0.0, *accumulate(drawn_j)]
    with open("power.csv", "w", newline="", encoding="utf-8") as file:
        file.write("# gpu:0 period=100ms\n")
        rows = csv.writer(file)
        rows.writerow(["domain", "t_ns", "value", "unit"])
        for read in range(round(length_s / 0.01)):
            latest = min(int(read * 0.01 / PERIOD_S + 1e-9), len(updates) - 1)
            rows.writerow(["gpu:0", round(read * 0.01 * 1e9), round(updates[latest] * 1000), "mJ"])


if __name__ == "__main__":
    main()
