"""`python -m energyprof` is the same as `energyprof`."""

import sys

from energyprof.cli import main

sys.exit(main())
