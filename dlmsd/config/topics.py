"""The topics of a sink of kind ``mqtt``: those of its meters, and those of dlmsd itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import evolve, field, frozen

from dlmsd.config.values import MeterOptions

PLACES: Final = ("meter", "serial", "group", "node")
_PLACE: Final = re.compile("{(" + "|".join(PLACES) + ")}")


@frozen
class Topics:
    """``template`` has places for what tells a meter from others; the levels before the first
    of them hold everything else.

    They are what tells two dlmsd at one broker apart. ``readings`` are the topics of meters
    that their names alone do not tell.
    """

    template: str
    readings: Mapping[str, str] = field(factory=dict)
    prefix: str = field(init=False)

    @prefix.default
    def _before_the_meter(self) -> str:
        return self.template.partition("{")[0].rpartition("/")[0] or "dlmsd"

    @classmethod
    def of(cls, template: str, node: str, meters: Iterable[MeterOptions]) -> Topics:
        """The topics of these meters, at the daemon called ``node``."""
        topics = cls(template.replace("{node}", node))
        if not topics._by_more:
            return topics
        return evolve(topics, readings={one.name: topics._filled(one) for one in meters})

    @property
    def _by_more(self) -> bool:
        """Whether it takes more than a meter's name to know its topic."""
        return "{serial}" in self.template or "{group}" in self.template

    def _filled(self, meter: MeterOptions) -> str:
        known = {"meter": meter.name, "serial": meter.serial_number, "group": meter.group}
        return _PLACE.sub(lambda place: known[place[1]] or "", self.template)

    def takes(self, topic: str) -> bool:
        """Whether this is a topic of dlmsd itself."""
        return topic == self.status or topic.startswith(f"{self.prefix}/bridge/")

    @property
    def status(self) -> str:
        """Whether dlmsd is there."""
        return f"{self.prefix}/status"

    @property
    def info(self) -> str:
        """What dlmsd is, and what can be asked of it."""
        return f"{self.prefix}/bridge/info"

    @property
    def requests(self) -> str:
        """Where requests come; the level after it says which."""
        return f"{self.prefix}/bridge/request"

    def response(self, request: str) -> str:
        """Where requests of this name are answered."""
        return f"{self.prefix}/bridge/response/{request}"

    def reading(self, meter: str) -> str:
        """Where a meter's readings go: also what is left of one that is not known any more."""
        if not self._by_more:
            return self.template.replace("{meter}", meter)
        return self.readings.get(meter) or f"{self.prefix}/bridge/left/{meter}"

    def availability(self, meter: str) -> str:
        """Whether a meter can be read."""
        return f"{self.prefix}/{meter}/availability"

    def meter_of_availability(self, topic: str) -> str | None:
        """Whose availability this is; None if it is none."""
        start, end = self.availability("\n").split("\n")
        meter = topic.removeprefix(start).removesuffix(end)
        return meter if topic == self.availability(meter) and "/" not in meter else None

    def note(self, meter: str, number: str) -> str:
        """Where a note of what Home Assistant was told of a meter is."""
        return f"{self.prefix}/bridge/discovery/{meter}/{number}"

    def meter_of_note(self, topic: str) -> str | None:
        """Whose note this is; None if it is none."""
        start = self.note("", "").removesuffix("/")
        meter, slash, number = topic.removeprefix(start).partition("/")
        good = topic.startswith(start) and slash and meter and number and "/" not in number
        return meter if good else None
