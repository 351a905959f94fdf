"""Whether a broker that speaks MQTT 3.1.1 takes what it acknowledges.

That version has no word for a refusal: what its rules deny, mosquitto acknowledges and drops. So
each topic is subscribed to just before the first message of a connection goes there, and that
message must come back. None is made up for it, since whoever subscribes would take it for a
reading; and when it has come, the subscription ends. A broker with MQTT 5 says 0x87.

mosquitto grants every subscription and drops what may not be read, too, so that silence does not
tell which of both its rules deny.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import MqttProtocol

# An echo comes with the PUBACK, or some milliseconds later; a broker may be busy.
PATIENCE: Final = 10.0
# After so many connections that broke upon a subscription, one does without.
MOST_BROKEN: Final = 2
# So many connections in a row ended before an echo of what they had acknowledged: some brokers
# acknowledge what they deny, and close.
CUT: Final = 3


class Canary:
    """Of one courier; ``tell`` hears which topics are without an echo, whenever that changes.

    What is kept is a few words for each topic that is published to, as many as there are meters.
    """

    _log = Logger()

    def __init__(
        self, sink: str, clock: IReactorTime, tell: Callable[[Sequence[str]], None]
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._tell = tell
        self._session: MqttProtocol | None = None
        self._asked: set[str] = set()  # on this connection
        self._unanswered: set[str] = set()  # those without SUBACK yet
        self._broken = 0  # connections in a row that ended with some of them
        self._sent: set[str] = set()  # those without PUBACK yet
        self._taken: dict[str, float] = {}  # and those with one, since when; the oldest first
        self._missing: dict[str, None] = {}  # also of connections before
        self._cut: Counter[str] = Counter()
        self._timer: IDelayedCall | None = None
        self._told_refusal = False

    def up(self, session: MqttProtocol) -> None:
        """A new connection, on which nothing is subscribed to yet."""
        self.down()
        if self._broken >= MOST_BROKEN:
            self._broken = 0  # some brokers close where others refuse
        elif session.version == 311:
            self._session = session
        elif self._missing:
            self._missing.clear()
            self._tell(())

    def down(self) -> None:
        """No connection any more."""
        if self._session is not None:
            self._broken = self._broken + 1 if self._unanswered else 0
            cut = [topic for topic in self._taken if topic not in self._unanswered]
            self._cut.update(cut)
            self._miss([topic for topic in cut if self._cut[topic] >= CUT])
        self._session = None
        for known in (self._asked, self._unanswered, self._sent, self._taken):
            known.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def before(self, topic: str) -> None:
        """Something is about to be published to ``topic``."""
        if self._session is not None and topic not in self._asked:
            self._asked.add(topic)
            self._unanswered.add(topic)
            self._sent.add(topic)
            self._session.subscribe((topic,), self._answered)

    def acknowledged(self, topic: str) -> None:
        """The broker says that it has taken a message to ``topic``."""
        if topic in self._sent:
            self._sent.discard(topic)
            self._taken[topic] = self._clock.seconds()
            if self._timer is None:
                self._timer = self._clock.callLater(PATIENCE, self._look)

    def heard(self, message: Message) -> bool:
        """Whether it is an echo, or what was retained before."""
        topic = message.topic
        if topic not in self._asked:
            return False
        if message.retain:
            return True
        self._cut.pop(topic, None)
        if topic in self._sent or topic in self._taken or topic in self._missing:
            self._sent.discard(topic)
            self._taken.pop(topic, None)
            if self._session is not None:
                self._session.unsubscribe(topic)
        if topic in self._missing:
            del self._missing[topic]
            self._tell(tuple(self._missing))
        return True

    def _answered(self, topic: str, refusal: str) -> None:
        self._unanswered.discard(topic)
        if refusal:
            self._refused(topic, refusal)

    def _refused(self, topic: str, reason: str) -> None:
        """It may not be read, and that broker says so: nothing can be told of it."""
        self._sent.discard(topic)
        self._taken.pop(topic, None)
        if not self._told_refusal:
            self._told_refusal = True
            self._log.info(
                "{sink}: the broker does not let dlmsd read {topic} ({reason}), so that over MQTT "
                "3.1.1 nothing tells whether it takes what it acknowledges",
                sink=self._sink,
                topic=topic,
                reason=reason,
            )

    def _look(self) -> None:
        self._timer = None
        now, overdue = self._clock.seconds(), []
        while self._taken:
            topic, since = next(iter(self._taken.items()))
            if now - since < PATIENCE:
                self._timer = self._clock.callLater(since + PATIENCE - now, self._look)
                break
            del self._taken[topic]
            overdue.append(topic)
        self._miss(overdue)

    def _miss(self, topics: Sequence[str]) -> None:
        news = [topic for topic in topics if topic not in self._missing]
        if news:
            self._missing.update(dict.fromkeys(news))
            self._tell(tuple(self._missing))
