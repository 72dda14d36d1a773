"""Attribution: from a trace to the energy of every stage, how sure it is, and a ledger that closes."""

from energyprof.attribute.fit import attribute

__all__ = ["attribute"]
