"""Whether `python -m MODULE` would find what it is to run, asked of that Python before anything is begun.

Only finders are asked, as `runpy` does (https://docs.python.org/3/library/runpy.html): the module itself is not
imported. The packages above it are only where no finder knows it without: their own code may say where its parts are.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from energyprof.errors import InputError

ANSWER_S: Final = 60.0
"""How long an answer may take: packages above the module may have to be imported. Without one nothing is refused."""
_ASK: Final = """
import importlib.util, sys

def static(name):
    parts, path, spec = name.split("."), None, None
    for end in range(1, len(parts) + 1):
        found = (finder.find_spec(".".join(parts[:end]), path) for finder in sys.meta_path)
        spec = next((one for one in found if one is not None), None)
        if spec is None:
            return None
        path = spec.submodule_search_locations
        if path is None and end < len(parts):
            return None
    return spec

def there(name):
    try:
        return static(name) or importlib.util.find_spec(name)
    except ImportError:
        return None

spec = there(sys.argv[1])
is_package = spec is not None and spec.submodule_search_locations is not None
print("missing" if spec is None else "no main" if is_package and not there(sys.argv[1] + ".__main__") else "there")
"""


def refuse_missing_module(module: str, environment: Mapping[str, str] = {}) -> None:
    """Raise InputError where this Python would find no such module to run; `environment` comes before our own."""
    try:
        said = subprocess.run(
            [sys.executable, "-c", _ASK, module],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return
    answer = said.stdout.splitlines()[-1:] if said.returncode == 0 else []
    if answer == ["no main"]:
        raise InputError(f"{module} is a package without __main__; name a module in it: -m {module}.NAME")
    if answer == ["missing"]:
        raise InputError(f"{sys.executable} finds no module {module}; {_remedy(module)}")


def _remedy(module: str) -> str:
    if module.endswith(".py") or os.sep in module:
        return f"a file is named without -m: {module}"
    return "install it there, or begin from the folder that has it"
