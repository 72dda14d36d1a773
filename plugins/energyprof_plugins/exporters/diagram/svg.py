"""Make a drawn SVG fit for readers: right in light and dark, tooltips as browsers show them, half the size."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final

from energyprof_plugins.exporters.diagram.palette import INK, Theme, style_sheet

SVG: Final = "http://www.w3.org/2000/svg"
XLINK_TITLE: Final = "{http://www.w3.org/1999/xlink}title"
XML_SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"
GEOMETRY: Final = ("points", "d", "x", "y", "cx", "cy", "rx", "ry", "stroke-width", "transform", "font-size")
"""Only numbers in these are shortened: the words of a label hold numbers too."""
PX_PER_PT: Final = 4 / 3


def finish(drawn: bytes, title: str, theme: Theme = "auto") -> str:
    """Return the SVG with a style of its own, for viewers that know CSS; all others see the baked light colours."""
    ET.register_namespace("", SVG)
    root = ET.fromstring(drawn)
    _frame(root, title)
    for parent in list(root.iter(f"{{{SVG}}}g")):
        _tooltip(parent)
    for element in root.iter():
        _tidy(element)
    style = ET.Element(f"{{{SVG}}}style")
    style.text = style_sheet(theme)
    root.insert(0, style)
    return ET.tostring(root, encoding="unicode") + "\n"


def _frame(root: ET.Element, title: str) -> None:
    _, _, width, height = (float(number) for number in root.get("viewBox", "0 0 0 0").split())
    root.set("width", f"{width * PX_PER_PT:.0f}")
    root.set("height", f"{height * PX_PER_PT:.0f}")
    root.set("class", "ep")
    root.set("role", "img")
    root.set("aria-label", title)


def _tooltip(group: ET.Element) -> None:
    """Put the tooltip of a node or edge where browsers and screen readers look: in the title of its group."""
    title = group.find(f"{{{SVG}}}title")
    told = ""
    for wrapper in list(group.findall(f"{{{SVG}}}g")):
        link = wrapper.find(f"{{{SVG}}}a")
        if link is None:
            continue
        told = told or link.get(XLINK_TITLE, "")
        place = list(group).index(wrapper)
        group.remove(wrapper)
        for number, child in enumerate(link):
            group.insert(place + number, child)
    if title is not None:
        if told.strip():
            title.text = told
        else:
            group.remove(title)


def _tidy(element: ET.Element) -> None:
    element.tail = None
    if element.text is not None and not element.text.strip():
        element.text = None
    for name in GEOMETRY:
        value = element.get(name)
        if value is not None:
            element.set(name, re.sub(r"-?\d+\.\d+", _shorter, value))
    if element.tag == f"{{{SVG}}}text":
        element.attrib.pop("font-family", None)
        element.attrib.pop(XML_SPACE, None)
        if element.get("text-anchor") == "start":
            del element.attrib["text-anchor"]
        if element.get("fill") == INK:
            del element.attrib["fill"]
    if element.tag == f"{{{SVG}}}g" and re.fullmatch(r"(?:edge|clust|node|graph)\d+", element.get("id", "")):
        del element.attrib["id"]
    if element.tag == f"{{{SVG}}}polygon":
        _as_rectangle(element)


def _as_rectangle(polygon: ET.Element) -> None:
    corners = [tuple(map(float, corner.split(","))) for corner in polygon.get("points", "").split()]
    across, down = sorted({corner[0] for corner in corners}), sorted({corner[1] for corner in corners})
    if len(corners) == 5 and len(across) == 2 and len(down) == 2:
        polygon.tag = f"{{{SVG}}}rect"
        del polygon.attrib["points"]
        sides = (("x", across[0]), ("y", down[0]), ("width", across[1] - across[0]), ("height", down[1] - down[0]))
        for name, length in sides:
            polygon.set(name, f"{length:.1f}".removesuffix(".0"))


def _shorter(number: re.Match[str]) -> str:
    short = f"{float(number.group()):.1f}".removesuffix(".0")
    return "0" if short == "-0" else short
