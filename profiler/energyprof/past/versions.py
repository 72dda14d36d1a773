"""Which Python, and which frameworks, a program will run with: read from the folders of its interpreter."""

from __future__ import annotations

import glob
import os
import platform
import sys
from collections.abc import Iterator
from typing import Final

FRAMEWORKS: Final = frozenset(
    {"jax", "lightgbm", "numpy", "onnxruntime", "scikit_learn", "tensorflow", "torch", "transformers", "xgboost"}
)
_SUFFIX: Final = ".dist-info"


def versions_of(interpreter: str) -> tuple[tuple[str, str], ...]:
    """Return the versions that can be told, by name; nothing is started for it."""
    is_own = interpreter == sys.executable
    prefix = os.path.dirname(os.path.dirname(os.path.abspath(interpreter)))
    folders = (
        [path for path in sys.path if os.path.basename(path).endswith("-packages")]
        if is_own
        else sorted(glob.glob(os.path.join(glob.escape(prefix), "lib", "python3*", "site-packages")))
    )
    found = {name: version for folder in reversed(folders) for name, version in _installed(folder)}
    python = platform.python_version() if is_own else _of_environment(prefix)
    return tuple(sorted({**found, **({"python": python} if python else {})}.items()))


def _installed(folder: str) -> Iterator[tuple[str, str]]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if name.endswith(_SUFFIX):
            project, _, version = name.removesuffix(_SUFFIX).rpartition("-")
            if project.lower() in FRAMEWORKS:
                yield project.lower(), version


def _of_environment(prefix: str) -> str:
    """Return the version that a virtual environment says of its Python (PEP 405); empty: it says none."""
    try:
        with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8") as stream:
            lines = stream.read(1 << 16).splitlines()
    except (OSError, ValueError):
        return ""
    settings = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    version = settings.get("version") or settings.get("version_info") or ""
    return ".".join(version.split(".")[:3])
