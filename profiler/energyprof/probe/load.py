"""The load of a probe, a program of its own: keep processors or GPUs busy as planned, and say when they really were.

    python -m energyprof.probe.load (cpu | cuda)

It reads one line, `{"stretches": [[start, end], ...]}` in ns since the start; says `ready`, for CUDA takes seconds to
begin; reads the start, CLOCK_MONOTONIC in ns; and prints at the end what each worker really did:
`[[[start, end], ...], ...]`, CLOCK_MONOTONIC. Nothing of energyprof imports this: torch stays out of the core.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence

Stretches = Sequence[Sequence[int]]
_SIZE = 2048
"""Of the square matrices multiplied: 17 GFLOP, under a millisecond on a GPU of the last ten years at half precision."""


def burn(stretches: Stretches, start_ns: int, work: Callable[[], object]) -> list[tuple[int, int]]:
    """Work through the stretches, sleep between them; return when the work began and ended."""
    done = []
    for start, end in stretches:
        wait_ns = start_ns + start - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns * 1e-9)
        until_ns, began_ns = start_ns + end, time.monotonic_ns()
        if began_ns >= until_ns:
            continue
        while time.monotonic_ns() < until_ns:
            work()
        done.append((began_ns, time.monotonic_ns()))
    return done


def _spin() -> None:
    total = 0.0
    for step in range(200):
        total += step * 1.0000001


def on_processors(stretches: Stretches, start_ns: int) -> list[list[tuple[int, int]]]:
    """Burn on every processor allowed, in a process for each."""
    readers = []
    for processor in sorted(os.sched_getaffinity(0)):
        reader, writer = os.pipe()
        if os.fork() == 0:
            status = 1
            try:
                os.close(reader)
                os.sched_setaffinity(0, {processor})
                with os.fdopen(writer, "w") as stream:
                    json.dump(burn(stretches, start_ns, _spin), stream)
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        readers.append(reader)
    workers = []
    for reader in readers:
        with os.fdopen(reader) as stream:
            text = stream.read()
        workers.append(json.loads(text) if text else [])
        os.wait()
    return workers


def _matmul_of(device: int) -> Callable[[], object]:
    import torch

    with torch.cuda.device(device):
        left = torch.randn(_SIZE, _SIZE, device=f"cuda:{device}", dtype=torch.float16)
        right = torch.randn(_SIZE, _SIZE, device=f"cuda:{device}", dtype=torch.float16)

    def work() -> None:
        torch.mm(left, right)
        torch.cuda.synchronize(device)

    work()  # the first one loads libraries
    return work


def on_gpus(stretches: Stretches, start: Callable[[], int]) -> list[list[tuple[int, int]]]:
    """Multiply matrices on every GPU that torch sees, in a thread for each; `start` is asked once all is ready."""
    import threading

    import torch

    devices = range(torch.cuda.device_count())
    if not devices:
        raise SystemExit("torch sees no GPU")
    works = [_matmul_of(device) for device in devices]
    start_ns = start()
    workers: list[list[tuple[int, int]]] = [[] for _ in devices]

    def one(device: int) -> None:
        workers[device] = burn(stretches, start_ns, works[device])

    threads = [threading.Thread(target=one, args=(device,)) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return workers


def main(kind: str) -> None:
    """Serve one plan."""
    plan = json.loads(sys.stdin.readline())

    def start() -> int:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        return int(sys.stdin.readline())

    workers = on_gpus(plan["stretches"], start) if kind == "cuda" else on_processors(plan["stretches"], start())
    sys.stdout.write(json.dumps(workers) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
