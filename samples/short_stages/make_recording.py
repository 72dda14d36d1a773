"""Write what a profiler would have seen of a training loop whose true powers are known: spans.csv and power.csv.

A step has six stages of 3 to 36 ms on a GPU whose energy counter is updated every 100 ms only: the usual case. The
loop is invented, so that what comes out can be compared with the truth, which is printed; nothing is measured here.

    python make_recording.py            steps of about 85 ms, each a little different
    python make_recording.py --in-step  steps of exactly 100 ms, in step with the sensor
    python make_recording.py --dephase  the same with random delays of 0 to 20 ms between steps
"""

from __future__ import annotations

import argparse
import csv
import random

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
LENGTH_S = 60.0


def main() -> None:
    """Write the two files into the current folder and print the truth."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--in-step", action="store_true", help="steps of exactly 100 ms")
    options.add_argument("--dephase", action="store_true", help="the same, and 0 to 20 ms of delay between them")
    asked = options.parse_args()
    chance = random.Random(1)
    fixed = asked.in_step or asked.dephase
    spans: list[tuple[str, float, float, float]] = []
    at_s = 2.0
    while at_s < LENGTH_S - 2.0:
        begin_s = at_s
        for stage, (duration_s, power_w) in STAGES.items():
            lasts_s = duration_s * (1.0 if fixed else chance.gauss(1.0, 0.02))
            drawn_w = power_w * chance.gauss(1.0, 0.03)
            spans.append((f"step/{stage}", at_s, at_s + lasts_s, drawn_w))
            at_s += lasts_s
        if fixed:
            at_s = begin_s + PERIOD_S + (chance.uniform(0.0, 0.02) if asked.dephase else 0.0)
    write_spans(spans)
    write_power(spans)
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


def write_power(spans: list[tuple[str, float, float, float]]) -> None:
    """Write the counter as it is read every 10 ms: it changes every 100 ms."""
    updates = [(IDLE_W * number * PERIOD_S) for number in range(round(LENGTH_S / PERIOD_S) + 1)]
    for _, start_s, end_s, power_w in spans:
        for number in range(len(updates)):
            updates[number] += power_w * max(0.0, min(end_s, number * PERIOD_S) - start_s)
            if number * PERIOD_S > end_s and number * PERIOD_S - end_s > PERIOD_S:
                break
        done = number
        for later in range(done + 1, len(updates)):
            updates[later] += power_w * (end_s - start_s)
    with open("power.csv", "w", newline="", encoding="utf-8") as file:
        file.write("# gpu:0 period=100ms\n")
        rows = csv.writer(file)
        rows.writerow(["domain", "t_ns", "value", "unit"])
        for read in range(round(LENGTH_S / 0.01)):
            latest = min(int(read * 0.01 / PERIOD_S + 1e-9), len(updates) - 1)
            rows.writerow(["gpu:0", round(read * 0.01 * 1e9), round(updates[latest] * 1000), "mJ"])


if __name__ == "__main__":
    main()
