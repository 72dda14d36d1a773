"""A foreground of its own for the tests: `foreground.py (kernel|pipe) PROGRAM ARGS` relays, waits and ends alike."""

from __future__ import annotations

import os
import sys

from energyprof.launch.arrivals import KernelQueue, WakeupPipe
from energyprof.launch.canary import Canary
from energyprof.launch.ending import end_like
from energyprof.launch.program import other_program
from energyprof.launch.pump import Pump
from energyprof.launch.start import start_program

arrivals = {"kernel": KernelQueue, "pipe": WakeupPipe}[sys.argv[1]]()
program = other_program(sys.argv[2:])
pid = start_program(program, os.environ, arrivals.mask_for_program)
canary = Canary()
ending = Pump(pid, arrivals, canary, on_tick=lambda: 60.0, on_stop=lambda: None).run()
canary.close()
arrivals.close()
if "SHOW_CPU" in os.environ:
    print(f"cpu_ns {ending.cpu_ns}", file=sys.stderr, flush=True)
sys.exit(end_like(ending.exit_code))
