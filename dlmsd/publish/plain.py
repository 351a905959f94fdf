"""Any MQTT broker: a topic per meter, and retained topics that tell who is there."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from dlmsd.model import MeterStatus
from dlmsd.publish import payload
from dlmsd.publish.courier import Say
from dlmsd.publish.homeassistant import Discovery
from dlmsd.publish.message import Message
from dlmsd.publish.source import Delivery
from dlmsd.publish.topics import Topics
from dlmsd.publish.troubles import Trouble

READINGS: Final = uuid.UUID("6d1b3a52-3f0e-5c8e-9d57-0f5c2f6d7a41")
"""The namespace of reading ids: UUIDv5 of ``<meter>/<ts>``, equal for duplicates."""


class PlainDialect:
    """Readings to their topics; what Home Assistant shall know through ``discovery``."""

    def __init__(self, topics: Topics, discovery: Discovery | None = None) -> None:
        self._topics = topics
        self._discovery = discovery

    @property
    def will(self) -> Message:
        """What the broker tells when dlmsd vanishes."""
        return Message(self._topics.status, b"offline", retain=True)

    def subscriptions(self) -> Sequence[str]:
        return self._discovery.subscriptions if self._discovery else ()

    def told(self, message: Message, say: Say) -> bool:
        answers = self._discovery.told(message) if self._discovery else None
        for subject, answer in answers or ():
            say(subject, answer)
        return answers is not None

    def learn(self, status: MeterStatus, say: Say) -> None:
        if self._discovery is not None:
            for subject, message in self._discovery.learn(status):
                say(subject, message)

    def greeting(self) -> Iterable[tuple[str, Message]]:
        yield "", Message(self._topics.status, b"online", retain=True)
        if self._discovery is not None:
            yield from self._discovery.messages()

    def state(self, meter: str, online: bool) -> Message:
        topic = self._topics.availability(meter)
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
        return Message(self._topics.reading(reading.meter), payload.encode(body)), (delivery.id,)

    def farewell(self) -> Iterable[tuple[str, Message]]:
        return [("", self.will)]

    def explain(self, error: Trouble) -> Trouble:
        return error
