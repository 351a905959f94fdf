"""What is to be said beside the readings: of each subject only the newest waits."""

from __future__ import annotations

from twisted.logger import Logger

from dlmsd.publish.limits import Limits
from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import MqttProtocol
from dlmsd.publish.unwanted import Unwanted


class Noticeboard:
    """Of one courier, called ``name``, of a sink; what brokers refused is in ``unwanted``."""

    log = Logger()

    def __init__(self, sink: str, name: str, limits: Limits) -> None:
        self._sink = sink
        self._name = name
        self._limits = limits
        self._waiting: dict[str, Message] = {}
        self.unwanted = Unwanted()

    def __len__(self) -> int:
        return len(self._waiting)

    def clear(self) -> None:
        """A new connection says all anew."""
        self._waiting.clear()

    def put(self, subject: str, message: Message | None) -> None:
        """This is the newest of its subject; None takes back what waits."""
        self._waiting.pop(subject, None)
        if message is not None and not self.unwanted.spares(message):
            self._waiting[subject] = message

    def insist(self, subject: str, message: Message) -> None:
        """The same of what readings must not go without, whatever brokers think of it."""
        self._waiting[subject] = message

    @property
    def next(self) -> Message:
        """Whose turn it is."""
        return next(iter(self._waiting.values()))

    def take(self, session: MqttProtocol) -> Message | None:
        """The next one, in a size that the broker takes: it would close upon another. None if
        there is none."""
        notice = self._waiting.pop(next(iter(self._waiting)))
        size = session.size(notice)
        if size <= session.largest and len(notice.payload) <= self._limits.payload:
            return notice
        self.log.warn(
            "{sink}: a message to {topic} has {size} bytes, more than the broker takes",
            sink=self._sink,
            meter=self._name,
            topic=notice.topic,
            size=size,
        )
        return notice.smaller
