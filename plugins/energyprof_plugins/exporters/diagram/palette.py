"""All colours of the diagram, for a light and a dark page, and the scale that says how hot a share is.

Hot is dark on a light page and bright on a dark one; luminance is strictly monotone, so greyscale keeps the order.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Theme = Literal["auto", "light", "dark"]
THEMES: Final[tuple[Theme, ...]] = get_args(Theme)
INK: Final = "#1b1f24"
PAPER: Final = "#ffffff"
LIGHT: Final = {
    "page": PAPER,
    "panel": "#f6f7f9",
    "ink": INK,
    "dim": "#525b66",
    "line": "#c9cfd6",
    "frame": "#7b8490",
    "feed": "#0a58a6",
    "gpu": "#0a3563",
    "cpu": "#3d84c4",
    "dram": "#e2f0fb",
    "other": "#9aa3ad",
    "less": "#00614f",
    "lessfill": "#c9ebe0",
    "more": "#a3200f",
    "morefill": "#fbd5cc",
}
DARK: Final = {
    "page": "#12161b",
    "panel": "#1a2027",
    "ink": "#e8ecf1",
    "dim": "#a8b3bf",
    "line": "#3a434d",
    "frame": "#8893a0",
    "feed": "#7cbcff",
    "gpu": "#e9f4ff",
    "cpu": "#4390d2",
    "dram": "#154168",
    "other": "#77818c",
    "less": "#6fdcbc",
    "lessfill": "#0f4438",
    "more": "#ff9c87",
    "morefill": "#5c2018",
}
HEAT: Final = ("#fffdf8", "#fdefd3", "#fbdba6", "#f8c071", "#f09c3f", "#c2500f", "#963509", "#6b1d06")
HEAT_DARK: Final = ("#1d232b", "#38291c", "#54361a", "#7a4614", "#d9822b", "#f3a548", "#fac878", "#ffe6b3")
STEPS: Final = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
"""Lower bounds of a share of all stage energy: doubling, and the same in every run, so that runs can be compared."""


def heat_step(share: float) -> int:
    """Return the step 0..7 of a share of all stage energy; below 0 counts as 0."""
    return max((step for step, lowest in enumerate(STEPS) if share >= lowest), default=0)


def ink_on(fill: str) -> str:
    """Return the text colour that reads better on `fill`."""
    return max((INK, PAPER), key=lambda ink: contrast(ink, fill))


def contrast(first: str, second: str) -> float:
    """Return the WCAG 2 contrast ratio of two colours, 1..21."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def style_sheet(theme: Theme = "auto") -> str:
    """Return the CSS that maps the baked light colours to a theme's; `auto`: as the reader prefers, print light."""
    light, dark = _variables(LIGHT, HEAT), _variables(DARK, HEAT_DARK)
    modes = {
        "light": f":root{{color-scheme:light;{light}}}",
        "dark": f":root{{color-scheme:dark;{dark}}}",
        "auto": f":root{{color-scheme:light dark;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"@media print{{:root{{color-scheme:light;{light}}}}}",
    }[theme]
    fills = "".join(f".ep [fill='{color}']{{fill:var(--{role})}}" for role, color in LIGHT.items())
    strokes = "".join(f".ep [stroke='{color}']{{stroke:var(--{role})}}" for role, color in LIGHT.items())
    heat = "".join(
        f".ep [fill='{color}']{{fill:var(--h{step})}}.ep .h{step} text{{fill:var(--t{step})}}"
        for step, color in enumerate(HEAT)
    )
    font = ".ep text{font-family:Helvetica,Arial,'Liberation Sans',sans-serif}.ep text:not([fill]){fill:var(--ink)}"
    return f"{modes}{font}{fills}{strokes}{heat}"


def _variables(roles: dict[str, str], heat: tuple[str, ...]) -> str:
    named = "".join(f"--{role}:{color};" for role, color in roles.items())
    return named + "".join(f"--h{step}:{color};--t{step}:{ink_on(color)};" for step, color in enumerate(heat))


def _luminance(color: str) -> float:
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
