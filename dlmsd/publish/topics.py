"""The topics of a sink of kind ``mqtt``: those of its meters, and those of dlmsd itself."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Topics:
    """``template`` has ``{meter}``; the levels before it hold everything else.

    They are what tells two dlmsd at one broker apart.
    """

    template: str
    prefix: str = field(init=False)

    @prefix.default
    def _before_the_meter(self) -> str:
        return self.template.partition("{meter}")[0].rpartition("/")[0] or "dlmsd"

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
        """Where a meter's readings go."""
        return self.template.replace("{meter}", meter)

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
