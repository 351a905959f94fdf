"""Any MQTT broker: a topic per meter, and retained topics that tell who is there."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable
from typing import Final

from dlmsd.publish import payload
from dlmsd.publish.message import Message
from dlmsd.publish.source import Delivery
from dlmsd.publish.troubles import Trouble

READINGS: Final = uuid.UUID("6d1b3a52-3f0e-5c8e-9d57-0f5c2f6d7a41")
"""The namespace of reading ids: UUIDv5 of ``<meter>/<ts>``, equal for duplicates."""


class PlainDialect:
    """``template`` has ``{meter}``; the levels before it hold ``status`` and availability."""

    def __init__(self, template: str) -> None:
        self._template = template
        self._prefix = template.partition("{meter}")[0].rpartition("/")[0] or "dlmsd"

    @property
    def will(self) -> Message:
        """What the broker tells when dlmsd vanishes."""
        return Message(f"{self._prefix}/status", b"offline", retain=True)

    def greeting(self) -> Iterable[tuple[str, Message]]:
        return [("", Message(self.will.topic, b"online", retain=True))]

    def state(self, meter: str, online: bool) -> Message:
        topic = f"{self._prefix}/{meter}/availability"
        return Message(topic, b"online" if online else b"offline", retain=True)

    def introduction(self, meter: str) -> None:
        return None

    def pack(self, queue: deque[Delivery]) -> tuple[Message, tuple[int, ...]]:
        delivery = queue.popleft()
        reading = delivery.reading
        body = {
            "ts": reading.ts,
            "values": payload.values(reading),
            "id": str(uuid.uuid5(READINGS, f"{reading.meter}/{reading.ts}")),
        }
        topic = self._template.replace("{meter}", reading.meter)
        return Message(topic, payload.encode(body)), (delivery.id,)

    def farewell(self) -> Iterable[tuple[str, Message]]:
        return [("", self.will)]

    def explain(self, error: Trouble) -> Trouble:
        return error
