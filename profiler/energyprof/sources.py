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
    """Refuse a source that is unknown, is named twice, knows no such argument or cannot serve; no driver is touched.

    So a sensor is asked only where it answers from the kernel's files; of others the run itself says why they fail.

    Raises PluginError or SourceError.
    """
    if not sources:
        return
    from energyprof import discover
    from energyprof.collect.choose import choose_named, refuse_argument, sensor_root
    from energyprof.errors import SourceError
    from energyprof.interfaces import PowerSource, QuickSource, SourceContext

    for name, argument in sources:
        if sources.count((name, argument)) > 1:
            text = f"{name}:{argument}" if argument else name
            raise SourceError(f"power source {text} is asked for twice; name it once")
        source: PowerSource = discover.find(discover.POWER_SOURCES, name).load()()
        refuse_argument(source, argument)
        if source.measures != "sensor" or isinstance(source, QuickSource):
            choose_named(source, argument, SourceContext(root=sensor_root()))
