"""Where what is configured is changed: in the file, or on the page for what was added there."""

from __future__ import annotations

from urllib.parse import quote

from attrs import frozen

from dlmsd.config.listen import Listen
from dlmsd.config.values import Configuration
from dlmsd.watch.finding import Finding


@frozen
class Places:
    """``added`` are meters and sinks that do not stand in the file; ``page`` is the page's
    address, empty where nobody knows it. ``config`` is the file that commands have to be given,
    empty where they find it."""

    added: frozenset[str] = frozenset()
    page: str = ""
    config: str = ""

    @classmethod
    def of(cls, configuration: Configuration, config: str = "") -> Places:
        """Of what is in force."""
        page = configuration.watch.page
        found = Listen.parse(configuration.web.listen).url if page is None else f"{page}/"
        return cls(configuration.added, found, config)

    def view(self, template: str, finding: Finding) -> str:
        """The view, ``#/name``, where what it is about is changed; empty if in the file."""
        meter = finding.meters[0] if finding.meters else ""
        if "{meter}" not in template:
            return template
        if meter:
            return template.format(meter=quote(meter, safe="")) if meter in self.added else ""
        return "#/sinks" if finding.subject in self.added else ""
