"""One application message, as MQTT names its parts."""

from __future__ import annotations

from attrs import evolve, frozen


@frozen
class Message:
    """A PUBLISH without its packet identifier; always sent at QoS 1.

    ``instead`` is the payload for a broker that does not take so large a one.
    """

    topic: str
    payload: bytes
    retain: bool = False
    instead: bytes | None = None

    @property
    def smaller(self) -> Message | None:
        """What is said instead, None for nothing."""
        return None if self.instead is None else evolve(self, payload=self.instead, instead=None)
