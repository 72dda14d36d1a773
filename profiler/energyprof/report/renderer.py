"""Run the program that lays out a diagram: Graphviz as it came with pip, else the system's own `dot`."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

PIP_PACKAGE = "graphviz-pure"
"""The distribution and its program, a port of Graphviz: the same bytes on every machine."""
VARIABLE = "ENERGYPROF_DOT"
TIME_LIMIT_S = 20.0
MEMORY_LIMIT_BYTES = 2 << 30
"""Address space; a PNG of 600 nodes took 0.5 GB resident (graphviz-pure 0.2.2, Linux x86_64)."""
PNG_DPI = 96


def draw(dot: str, suffix: str, program: str | None = None) -> bytes:
    """Lay out DOT source and return it as `svg`, `png` or `pdf`; raises LookupError, with the remedy, if that fails.

    `program` (else the variable ENERGYPROF_DOT) is a path to use instead of the one found by `find_renderer`.
    """
    suffix = suffix.removeprefix(".")
    if suffix == "pdf":
        return draw_pdf(dot, program)
    return _laid_out(find_renderer(program), dot, suffix)


def _laid_out(path: Path, dot: str, suffix: str) -> bytes:
    resolution = [f"-Gdpi={PNG_DPI}"] if suffix == "png" else []
    try:
        process = subprocess.Popen(
            [str(path), f"-T{suffix}", *resolution],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise LookupError(f"the diagram program {path} cannot be started: {error.strerror or error}") from error
    with process:
        _limit_memory(process.pid)
        try:
            drawing, complaints = process.communicate(dot.encode("utf-8", "replace"), timeout=TIME_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise LookupError(f"{path} took longer than {TIME_LIMIT_S:g} s; draw fewer nodes") from error
    if process.returncode != 0 or not drawing:
        raise LookupError(f"{path} could not draw it ({_first_complaint(complaints)}, status {process.returncode})")
    return drawing


def draw_pdf(dot: str, program: str | None = None) -> bytes:
    """Return DOT source as PDF, by the system's `dot` or by svglib and reportlab; pip's Graphviz writes none.

    Raises LookupError where there is neither.
    """
    wanted = program or os.environ.get(VARIABLE)
    system = None if wanted else shutil.which("dot")
    if wanted or system:
        return _laid_out(find_renderer(wanted) if wanted else Path(str(system)), dot, "pdf")
    if importlib.util.find_spec("svglib") is None or importlib.util.find_spec("reportlab") is None:
        raise LookupError("nothing here writes PDF; try: pip install 'energyprof[pdf]', or install Graphviz")
    from reportlab.graphics import renderPDF
    from reportlab.pdfgen.canvas import Canvas
    from svglib.svglib import svg2rlg

    drawing = svg2rlg(io.BytesIO(_laid_out(find_renderer(), dot, "svg")))
    if drawing is None:
        raise LookupError("svglib could not read the drawing; install Graphviz, whose dot writes PDF itself")
    written = io.BytesIO()
    # `invariant`: else the document holds the time it was made at, and the same input gives other bytes.
    canvas = Canvas(written, pagesize=(drawing.width, drawing.height), invariant=1)
    renderPDF.draw(drawing, canvas, 0, 0)
    canvas.showPage()
    canvas.save()
    return written.getvalue()


def find_renderer(program: str | None = None) -> Path:
    """Return the path of the layout program; raises LookupError with the remedy where there is none."""
    wanted = program or os.environ.get(VARIABLE)
    if wanted:
        found = shutil.which(wanted)
        if found is None:
            raise LookupError(f"{wanted} is no program that can be run; correct or unset {VARIABLE}")
        return Path(found)
    for candidate in _candidates():
        if os.access(candidate, os.X_OK) and candidate.is_file():
            return candidate
    raise LookupError(f"no diagram renderer was found; try: pip install {PIP_PACKAGE}")


def describe_renderer() -> str:
    """Return one line for people: which program draws diagrams, or why none does."""
    try:
        return str(find_renderer())
    except LookupError as missing:
        return str(missing)


def _candidates() -> Iterator[Path]:
    names = (PIP_PACKAGE, f"{PIP_PACKAGE}.exe")
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files(PIP_PACKAGE) or ():
            if file.name in names:
                yield Path(os.path.normpath(str(file.locate())))
    for name in names:
        yield Path(sysconfig.get_path("scripts"), name)
    for name in (PIP_PACKAGE, "dot"):
        found = shutil.which(name)
        if found is not None:
            yield Path(found)


def _limit_memory(pid: int) -> None:
    """Bound the child's memory where the system can do that from outside (Linux)."""
    if sys.platform != "linux":
        return
    import resource

    # It may be gone already: a program that fails at once needs no limit.
    with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


def _first_complaint(complaints: bytes) -> str:
    lines = complaints.decode("utf-8", "replace").splitlines()
    told = [line.strip() for line in lines if line.strip() and "no value for width of non-ASCII" not in line]
    return told[0][:200] if told else "it said nothing"
