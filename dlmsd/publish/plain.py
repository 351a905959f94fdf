"""Any MQTT broker: a topic per meter, and retained topics that tell who is there."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from dlmsd import __version__
from dlmsd.config.topics import Topics
from dlmsd.meter.identity import Identity
from dlmsd.model import MeterStatus
from dlmsd.publish import payload
from dlmsd.publish.dialect import Say
from dlmsd.publish.homeassistant import Discovery
from dlmsd.publish.message import Message
from dlmsd.publish.pack import Room
from dlmsd.publish.requests import Requests
from dlmsd.publish.source import Delivery
from dlmsd.publish.troubles import Trouble
from dlmsd.publish.withdrawal import Withdrawal

READINGS: Final = uuid.UUID("6d1b3a52-3f0e-5c8e-9d57-0f5c2f6d7a41")
"""The namespace of reading ids: UUIDv5 of ``<meter>/<ts>``, equal for duplicates."""


class PlainDialect:
    """Readings to their topics; what Home Assistant shall know through ``discovery``, without
    which it shall know nothing; what others ask of us through ``requests``.
    """

    dated = False

    def __init__(
        self,
        topics: Topics,
        discovery: Discovery | None = None,
        requests: Requests | None = None,
    ) -> None:
        self._topics = topics
        self._discovery = discovery
        self._requests = requests
        self._announced = discovery or Withdrawal(topics)
        self.held: dict[str, Trouble] = {}
        self.evictions = None

    @property
    def will(self) -> Message:
        """What the broker tells when dlmsd vanishes."""
        return Message(self._topics.status, b"offline", retain=True)

    @property
    def _online(self) -> Message:
        return Message(self._topics.status, b"online", retain=True)

    def subscriptions(self) -> Sequence[str]:
        wanted = [f"{self._topics.requests}/+"] if self._requests else []
        return [self._topics.status, *wanted, *self._announced.subscriptions]

    def told(self, message: Message, say: Say) -> bool:
        if message.topic == self._topics.status:
            # No standard says that the will of a session which we have replaced comes before
            # our greeting. What is retained is older than that.
            if message.payload == self.will.payload and not message.retain:
                say("", self._online)
            return True
        if self._requests is not None and self._requests.told(message, say):
            return True
        answers = self._announced.told(message)
        for subject, answer in answers or ():
            say(subject, answer)
        return answers is not None

    def learn(self, status: MeterStatus | Identity, say: Say) -> None:
        if self._discovery is not None and isinstance(status, MeterStatus):
            for subject, message in self._discovery.learn(status):
                say(subject, message)

    def greeting(self) -> Iterable[tuple[str, Message]]:
        yield "", self._online
        yield "bridge/info", Message(self._topics.info, payload.encode(self._info()), retain=True)
        if self._discovery is not None:
            yield from self._discovery.messages()

    def _info(self) -> dict[str, object]:
        return {
            "version": __version__,
            "topic": self._topics.template,
            "requests": self._requests.names if self._requests else [],
            "home_assistant": self._discovery is not None,
        }

    def state(self, meter: str, online: bool) -> Message:
        topic = self._topics.availability(meter)
        return Message(topic, b"online" if online else b"offline", retain=True)

    def introduction(self, meter: str) -> None:
        return None

    def back(self, meter: str, say: Say) -> None:
        """No broker of plain topics puts a meter out."""

    def pack(self, queue: deque[Delivery], room: Room) -> tuple[Message, list[Delivery]]:
        """One reading a message, whatever its size."""
        one = queue.popleft()
        number = uuid.uuid5(READINGS, f"{one.meter}/{one.ts}")
        body = f'{{"ts":{one.ts},"values":{one.values},"id":"{number}"}}'
        return Message(self._topics.reading(one.meter), body.encode()), [one]

    def farewell(self) -> Iterable[tuple[str, Message]]:
        return [("", self.will)]

    def explain(self, error: Trouble) -> Trouble:
        return error
