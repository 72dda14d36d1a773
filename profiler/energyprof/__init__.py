"""energyprof: which stage, layer and function of an AI pipeline spends the joules, and how sure that is.

PYTEST_DONT_REWRITE: a run of pytest that is profiled has this imported before pytest can rewrite its assertions (it has
none), which pytest would warn of.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from energyprof.in_process.handle import profile
    from energyprof.in_process.hook import torch_hook
    from energyprof.record.iterations import iterations
    from energyprof.record.repeat import repeat
    from energyprof.record.stage import stage
    from energyprof.record.told import metric, units
    from energyprof.record.trials import trial
    from energyprof.run import load

__all__ = ["__version__", "iterations", "load", "metric", "profile", "repeat", "stage", "torch_hook", "trial", "units"]

__version__ = "0.1.0"

_HOMES = {
    "begin_cell": "energyprof.in_process.magics",
    "iterations": "energyprof.record.iterations",
    "load": "energyprof.run",
    "load_ipython_extension": "energyprof.in_process.magics",
    "metric": "energyprof.record.told",
    "profile": "energyprof.in_process.handle",
    "repeat": "energyprof.record.repeat",
    "stage": "energyprof.record.stage",
    "torch_hook": "energyprof.in_process.hook",
    "trial": "energyprof.record.trials",
    "units": "energyprof.record.told",
    "unload_ipython_extension": "energyprof.in_process.magics",
}


def __getattr__(name: str) -> object:
    # Lazy (PEP 562): a program that only marks stages must not pay for numpy, nor a recorded one for its start.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(__import__(home, fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
