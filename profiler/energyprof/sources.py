"""The power sources that a user asks for: what the text means, and whether they can serve, before anything starts."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def parsed_source(text: str) -> tuple[str, str]:
    """Return (name, argument) of `NAME` or `NAME:ARGUMENT`."""
    name, _, argument = text.partition(":")
    return name, argument


def check_sources(sources: Sequence[tuple[str, str]]) -> None:
    """Refuse a source that is not installed, or a file or model that cannot serve; a driver is never touched here.

    Raises PluginError or SourceError.
    """
    if not sources:
        return
    from energyprof import discover
    from energyprof.collect.choose import choose_named, sensor_root
    from energyprof.interfaces import PowerSource, SourceContext

    for name, argument in sources:
        source: PowerSource = discover.find(discover.POWER_SOURCES, name).load()()
        if source.measures != "sensor":
            choose_named(source, argument, SourceContext(root=sensor_root()))
