"""What one courier's connections went through: the evidence of why they ended.

Times are seconds of the reactor's clock. What is kept is bounded: the endings of an hour, at
most ``MOST_ENDINGS``, and when each topic last passed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Final

from attrs import Factory, define, evolve, field, frozen

from dlmsd.publish.troubles import (
    ClosedTrouble,
    ProtocolTrouble,
    Trouble,
    VersionTrouble,
)

HOUR: Final = 3600.0
# Nothing is learnt from more of them, and a broker that closes at once gives hundreds an hour.
MOST_ENDINGS: Final = 64
# A sink of 1,000 meters has some topics for each.
MOST_TOPICS: Final = 4096
# A PUBACK takes less, so that whoever closes after that does not close because of a message.
IDLE: Final = 2.0
# DISCONNECT and PUBACK of MQTT 5 that name no cause: "unspecified" and "implementation
# specific error", which ThingsBoard gives for rate limits and broken messages alike.
_WORDLESS: Final = (0x80, 0x83)

Flying = tuple[str, tuple[int, ...]]
"""A message without PUBACK: its topic, and the deliveries in it (none in a notice)."""


@define(eq=False)
class Ending:
    """How one connection, or ``count`` attempts in a row, came to nothing: the first at ``since``,
    the last at ``at``.

    ``lifetime`` is from CONNACK to the end, ``speaking`` the part of it after a silent
    probe, if there was one; ``silent`` tells that it ended within the probe. ``quiet`` is
    since the last PUBLISH or PUBACK. ``doubted`` are the deliveries in flight that have not
    passed since; none where what ended it accuses no message, and then ``flying`` names topics
    alone.
    """

    at: float
    trouble: Trouble
    accepted: bool
    lifetime: float = 0.0
    speaking: float = 0.0
    silent: bool = False
    quiet: float = 0.0
    pinging: bool = False
    unheard: bool = False
    flying: tuple[Flying, ...] = ()
    passed: int = 0
    count: int = 1
    doubted: set[int] = field(factory=set)
    guilty: bool = False
    """Whether one of those in flight was found to close connections."""
    since: float = field(default=Factory(lambda self: self.at, takes_self=True))

    @property
    def wordless(self) -> bool:
        """Whether the broker accepted and then closed, and nothing it said tells why."""
        return self.accepted and _bare(self.trouble)


@frozen
class Probe:
    """A connection that stayed silent for ``seconds`` and was not closed."""

    at: float
    seconds: float


@frozen
class Refusal:
    """A message that its broker refused in words, or that was found to close connections."""

    at: float
    topic: str
    trouble: Trouble


class Episodes:
    """``who`` is whose credentials they are, without a secret."""

    def __init__(self, seconds: Callable[[], float], who: str) -> None:
        self.seconds = seconds
        self.who = who
        self.endings: deque[Ending] = deque(maxlen=MOST_ENDINGS)
        self.probes: deque[Probe] = deque(maxlen=MOST_ENDINGS)
        self.refusals: deque[Refusal] = deque(maxlen=MOST_ENDINGS)
        self.up = False
        self.unechoed: Collection[str] = ()  # topics that the canary misses
        self.passes: dict[str, float] = {}  # topic to the time of its last PUBACK
        self._accepted_at = 0.0
        self._speaking_at: float | None = None
        self._moved = 0.0
        self._passed = 0
        self._flying: dict[int, Flying] = {}
        self._doubts: dict[int, list[Ending]] = {}

    def accepted(self) -> None:
        """CONNACK said yes; nothing is published yet."""
        self._accepted_at = self._moved = self.seconds()
        self.up, self._speaking_at, self._passed = True, None, 0
        self._flying.clear()

    def speaks(self) -> None:
        """From now on what waits is published."""
        now = self._speaking_at = self.seconds()
        if now > self._accepted_at:
            self.probes.append(Probe(now, now - self._accepted_at))

    def sent(self, packet_id: int, topic: str, ids: tuple[int, ...]) -> None:
        self._moved = self.seconds()
        self._flying[packet_id] = (topic, ids)

    def passed(self, packet_id: int) -> None:
        """PUBACK, below 0x80."""
        now = self._moved = self.seconds()
        topic, ids = self._flying.pop(packet_id)
        self._passed += 1
        self.passes.pop(topic, None)
        self.passes[topic] = now
        if len(self.passes) > MOST_TOPICS:
            del self.passes[next(iter(self.passes))]
        self._clear(ids)

    def refused(self, packet_id: int, trouble: Trouble) -> None:
        """PUBACK of 0x80 or above."""
        topic, _ = self._flying.pop(packet_id)
        self.refusals.append(Refusal(self.seconds(), topic, trouble))

    def convicted(self, ids: Sequence[int], trouble: Trouble) -> None:
        """These deliveries close connections, and no others do."""
        for one in ids:
            for ending in self._doubts.get(one, ()):
                ending.guilty = True
        self._clear(ids)
        guilty = set(ids)
        topics = {
            topic
            for ending in self.endings
            for topic, flown in ending.flying
            if guilty.intersection(flown)
        }
        for topic in sorted(topics):
            self.refusals.append(Refusal(self.seconds(), topic, trouble))

    def withheld(self, topic: str, trouble: Trouble) -> None:
        """A message was not even sent, since the broker had said that it takes no such; or a
        device was put out, which the broker tells with a topic of its own."""
        self.refusals.append(Refusal(self.seconds(), topic, trouble))

    def ended(self, trouble: Trouble, *, pinging: bool = False, unheard: bool = False) -> None:
        """The connection is over, or the attempt failed."""
        now, up, self.up = self.seconds(), self.up, False
        if isinstance(trouble, VersionTrouble):
            return
        if not up:
            self._failed(Ending(now, trouble, accepted=False))
            return
        speaking = self._speaking_at
        flying = tuple(self._flying.values())
        self._flying.clear()
        if not _accuses(trouble):
            flying = tuple((topic, ()) for topic, _ in flying)
        ending = Ending(
            now,
            trouble,
            accepted=True,
            lifetime=now - self._accepted_at,
            speaking=0.0 if speaking is None else now - speaking,
            silent=speaking is None,
            quiet=now - self._moved,
            pinging=pinging,
            unheard=unheard,
            flying=flying,
            passed=self._passed,
            doubted={one for _, ids in flying for one in ids},
        )
        self._keep(ending)
        for one in ending.doubted:
            self._doubts.setdefault(one, []).append(ending)

    def acquitted(self, seconds: float) -> list[Ending]:
        """Closes without a word of which all that was in flight, or had just been, passed."""
        return [
            one
            for one in self.recent(seconds)
            if one.wordless
            and not (one.silent or one.doubted or one.guilty)
            and (one.flying or one.quiet < IDLE)
            and all(ids or self.passes.get(topic, 0.0) > one.at for topic, ids in one.flying)
        ]

    def recent(self, seconds: float = HOUR) -> list[Ending]:
        """The endings of the last ``seconds``, in order."""
        since = self.seconds() - seconds
        return [one for one in self.endings if one.at >= since]

    def _clear(self, ids: Sequence[int]) -> None:
        if self._doubts:
            for one in ids:
                for ending in self._doubts.pop(one, ()):
                    ending.doubted.discard(one)

    def _failed(self, ending: Ending) -> None:
        last = self.endings[-1] if self.endings else None
        if last and not last.accepted and type(last.trouble) is type(ending.trouble):
            self.endings[-1] = evolve(last, at=ending.at, count=last.count + 1)
        else:
            self._keep(ending)

    def _keep(self, ending: Ending) -> None:
        """The newest; what the oldest held in doubt goes with it."""
        if len(self.endings) == MOST_ENDINGS:
            oldest = self.endings[0]
            for one in oldest.doubted:
                self._doubts[one].remove(oldest)
                if not self._doubts[one]:
                    del self._doubts[one]
        self.endings.append(ending)


def _bare(trouble: Trouble) -> bool:
    return type(trouble) in (ClosedTrouble, ProtocolTrouble) or trouble.reason in _WORDLESS


def _accuses(trouble: Trouble) -> bool:
    return trouble.suspicious or _bare(trouble)
