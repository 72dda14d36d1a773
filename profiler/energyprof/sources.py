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
    """Refuse a source not installed, an argument it does not take, a file or model that cannot serve.

    A driver is never touched here.

    Raises PluginError or SourceError.
    """
    if not sources:
        return
    from energyprof import discover
    from energyprof.collect.choose import choose_named, refuse_argument, sensor_root
    from energyprof.interfaces import PowerSource, SourceContext

    for name, argument in sources:
        source: PowerSource = discover.find(discover.POWER_SOURCES, name).load()()
        refuse_argument(source, argument)
        if source.measures != "sensor":
            choose_named(source, argument, SourceContext(root=sensor_root()))
