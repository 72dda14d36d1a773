"""Everything of energyprof that knows a device, a framework or a format. PYTEST_DONT_REWRITE: see energyprof."""
