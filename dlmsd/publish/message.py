"""One application message, as MQTT names its parts."""

from __future__ import annotations

from attrs import frozen


@frozen
class Message:
    """A PUBLISH without its packet identifier; always sent at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False
