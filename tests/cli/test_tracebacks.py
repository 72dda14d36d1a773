"""An uncaught exception has its own traceback, to the byte, wherever it comes from: none of our frames, all its own."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

CASES = {
    "in a stage": """
        import energyprof
        def work():
            with energyprof.stage("outer"):
                with energyprof.stage("inner"):
                    1 / 0
        work()
    """,
    "in a decorated function": """
        import energyprof
        @energyprof.stage
        def inner(value):
            return 1 / value
        @energyprof.stage("outer")
        def outer(value):
            return inner(value)
        outer(0)
    """,
    "chained, out of a stage": """
        import energyprof
        with energyprof.stage("outer"):
            try:
                1 / 0
            except ZeroDivisionError as error:
                raise KeyError("why") from error
    """,
    "in a generator": """
        import energyprof
        @energyprof.stage
        def numbers():
            yield 1
            raise ValueError("no more")
        for number in numbers():
            pass
    """,
    "in an asyncio task": """
        import asyncio, energyprof
        @energyprof.stage
        async def fetch():
            await asyncio.sleep(0)
            raise ValueError("lost")
        async def main():
            await asyncio.gather(asyncio.create_task(fetch()))
        asyncio.run(main())
    """,
    "exit out of an asyncio callback": """
        import asyncio
        def leave():
            raise KeyboardInterrupt
        async def main():
            asyncio.get_running_loop().call_soon(leave)
            await asyncio.sleep(5)
        asyncio.run(main())
    """,
    "in a thread": """
        import energyprof, threading
        def work():
            with energyprof.stage("work"):
                raise ValueError("in a thread")
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    """,
    "in an executor's job": """
        import energyprof
        from concurrent.futures import ThreadPoolExecutor
        def work(value):
            with energyprof.stage("work"):
                return 1 / value
        with ThreadPoolExecutor(1) as pool:
            job = pool.submit(work, 0)
        job.result()
    """,
    "in an executor of asyncio": """
        import asyncio
        async def main():
            await asyncio.get_running_loop().run_in_executor(None, int, "no number")
        asyncio.run(main())
    """,
    "in a spawned process": """
        import multiprocessing
        def work():
            raise ValueError("in a child")
        if __name__ == "__main__":
            child = multiprocessing.get_context("spawn").Process(target=work)
            child.start()
            child.join()
    """,
    "in a worker of a pool": """
        import multiprocessing
        def work(value):
            return 1 / value
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(1) as pool:
                pool.map(work, [0])
    """,
    "in a program that cannot be started": """
        import subprocess
        subprocess.run(["/no/such/program"])
    """,
    "in a launch": """
        import os
        os.posix_spawn("/no/such/program", ["x"], {})
    """,
    "in a thread that is started twice": """
        import threading
        thread = threading.Thread(target=int)
        thread.start()
        thread.start()
    """,
    "in a signal handler": """
        import os, signal
        signal.signal(signal.SIGUSR1, lambda number, frame: 1 / 0)
        os.kill(os.getpid(), signal.SIGUSR1)
    """,
    "in a wrong call of signal": """
        import signal
        signal.signal(signal.SIGKILL, print)
    """,
    "in an import": """
        import missing_module
    """,
}
SHOWS_US_ON_3_10 = {
    "exit out of an asyncio callback",
    "in a launch",
    "in a thread that is started twice",
    "in a wrong call of signal",
}
"""Python 3.10 raises an exception again with the frame that caught it, whatever its `__traceback__` says by then."""


def without_our_frame(stderr: bytes) -> bytes:
    """Take out the two lines of the one frame of ours."""
    text, count = re.subn(rb'  File "[^"]*/energyprof/record/[^"]*", line \d+, in \w+\n    .*\n', b"", stderr)
    assert count == 1
    return text


@pytest.mark.parametrize("case", CASES)
def test_a_traceback_is_that_of_bare_python(case: str, place: Any) -> None:
    lines = CASES[case].splitlines()[1:]
    place.write("job.py", "\n".join(line[8:] for line in lines))

    bare = place.call([sys.executable, "job.py"])
    ours = place.run("-q", "--no-graph", "--stacks", "--python", sys.executable, "job.py")

    shown = ours.stderr
    if sys.version_info < (3, 11) and case in SHOWS_US_ON_3_10:
        shown = without_our_frame(shown)
    assert b"Traceback" in bare.stderr
    assert (ours.stdout, shown, ours.returncode) == (bare.stdout, bare.stderr, bare.returncode)


def test_a_traceback_through_modules_of_torch_is_that_of_bare_python(place: Any) -> None:
    pytest.importorskip("torch")
    place.write(
        "job.py",
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.body = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(3, 1))\n"
        "    def forward(self, x):\n"
        "        return self.body(x)\n"
        "Net()(torch.ones(1, 4))\n",
    )

    bare = place.call([sys.executable, "job.py"])
    ours = place.run("-q", "--no-graph", "--python", sys.executable, "job.py")

    assert b"Traceback" in bare.stderr
    assert (ours.stderr, ours.returncode) == (bare.stderr, bare.returncode)
