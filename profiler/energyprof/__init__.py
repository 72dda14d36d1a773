"""energyprof: which stage, layer and function of an AI pipeline spends the joules, and how sure that is."""

__version__ = "0.1.0"
