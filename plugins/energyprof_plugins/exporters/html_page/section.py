"""A part of the page with a heading that the navigation leads to."""

from __future__ import annotations

from dataclasses import dataclass

from energyprof_plugins.exporters.html_page.markup import words


@dataclass(frozen=True, slots=True)
class Section:
    """One part; without content it is left out."""

    id: str
    title: str
    content: str
    lead: str = ""
    """What the reader sees here, in a sentence or two."""
    style: str = ""
    """Rules for this part alone."""

    def markup(self) -> str:
        """Return the part as HTML."""
        lead = f"<p class=dim>{words(self.lead)}</p>\n" if self.lead else ""
        return (
            f'<section id="{self.id}" aria-labelledby="h-{self.id}">\n<h2 id="h-{self.id}">{words(self.title)}</h2>\n'
            f"{lead}{self.content}\n</section>\n"
        )
