"""What a ThingsBoard server allows one session, as it tells when it is asked.

Since 3.8 it answers getSessionLimits; before, a rule chain may answer something else, or
nobody does. Each limit is a row of token buckets, and 80 % of each is used: the rest is for
what the server counts and we do not, and for clocks that differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from math import inf
from typing import Any, Final

import msgspec
from attrs import define

from dlmsd.publish import payload
from dlmsd.publish.message import Message

SHARE: Final = 0.8

# What transport.mqtt.netty.max_payload_size is where nobody changed it.
PAYLOAD: Final = 65_536

# An answer takes milliseconds; readings wait for it once, not on every connection.
PATIENCE: Final = 2.0

REQUEST: Final = Message(
    "v1/devices/me/rpc/request/1", b'{"method":"getSessionLimits","params":{}}'
)
ANSWER: Final = "v1/devices/me/rpc/response/1"
ANSWERS: Final = "v1/devices/me/rpc/response/+"

_BAND: Final = re.compile(r"([1-9][0-9]{0,8}):([1-9][0-9]{0,8})")


@define
class Band:
    """At most ``most`` in ``period`` seconds, of which ``tokens`` are left."""

    most: int
    period: int
    at: float
    tokens: float

    @property
    def capacity(self) -> float:
        return max(1.0, self.most * SHARE)

    def refill(self, now: float) -> None:
        gained = (now - self.at) * self.most * SHARE / self.period
        self.tokens, self.at = min(self.capacity, self.tokens + gained), now


class Bucket:
    """All bands of one limit; ``what`` is counted."""

    def __init__(self, what: str, seconds: Callable[[], float]) -> None:
        self._what = what
        self._seconds = seconds
        self._text = ""
        self._bands: list[Band] = []

    def set(self, text: str) -> None:
        """``N:seconds,N:seconds``; what is none of it does not limit.

        An earlier run may have used its share just now, so that only the rest of a bucket is
        sure to be there.
        """
        if text != self._text:
            now, self._text = self._seconds(), text
            found = (_BAND.fullmatch(part.strip()) for part in text.split(","))
            pairs = [(int(one[1]), int(one[2])) for one in found if one]
            self._bands = [Band(most, period, now, most * (1 - SHARE)) for most, period in pairs]

    @property
    def left(self) -> float:
        """How many may go now."""
        now = self._seconds()
        for band in self._bands:
            band.refill(now)
        return min((band.tokens for band in self._bands), default=inf)

    def wait(self, count: int) -> tuple[float, str]:
        """Seconds until ``count`` may go, and because of which limit; 0 for now.

        More than a bucket holds goes when it is full.
        """
        now = self._seconds()
        longest, why = 0.0, ""
        for band in self._bands:
            band.refill(now)
            missing = min(count, band.capacity) - band.tokens
            # What is left of a rounding is no reason to wait.
            if missing > 1e-6 and (seconds := missing * band.period / band.most / SHARE) > longest:
                longest = seconds
                why = f"held to the server's limit of {band.most} {self._what} in {band.period} s"
        return longest, why

    def take(self, count: int) -> None:
        for band in self._bands:
            band.tokens -= count


class Limits:
    """Of one courier; nothing is limited until the server has told.

    ``messages`` are those without telemetry. Of telemetry each device of a message counts in
    ``entries``, each value in ``values``. Messages to one of the topics ``attributes`` count
    as telemetry.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        attributes: Collection[str] = (),
        payload: float = PAYLOAD,
    ) -> None:
        self._seconds = seconds
        self._attributes = attributes
        self._patient_until: float | None = None
        self.messages = Bucket("messages", seconds)
        self.entries = Bucket("telemetry messages", seconds)
        self.values = Bucket("telemetry values", seconds)
        self.payload = payload
        self.inflight: float = inf

    def ask(self) -> Message:
        """What to send on every new connection; only on the first the answer is waited for."""
        if self._patient_until is None:
            self._patient_until = self._seconds() + PATIENCE
        return REQUEST

    def told(self, message: Message) -> bool:
        """An answer, or anything else that came in its place; False for another message."""
        if message.topic != ANSWER:
            return False
        self._patient_until = 0.0
        try:
            answer = msgspec.json.decode(message.payload)
        except msgspec.DecodeError:
            return True
        if not isinstance(answer, dict):
            return True
        own, devices = answer.get("rateLimits"), answer.get("gatewayRateLimits")
        if isinstance(own, dict):
            # A gateway's own messages are few; they count among those for its devices.
            shared = devices if isinstance(devices, dict) else own
            self.messages.set(f"{_text(own, 'messages')},{_text(shared, 'messages')}")
            self.entries.set(_text(shared, "telemetryMessages"))
            self.values.set(_text(shared, "telemetryDataPoints"))
        self.payload = _positive(answer, "maxPayloadSize") or PAYLOAD
        self.inflight = _positive(answer, "maxInflightMessages") or inf
        return True

    @property
    def patience(self) -> float:
        """Seconds for which readings still wait to hear of limits."""
        return max(0.0, (self._patient_until or 0.0) - self._seconds())

    def wait(self, values: int) -> tuple[float, str]:
        """Seconds until a reading may go, and the sentence that says why."""
        return max((self.patience, ""), self.entries.wait(1), self.values.wait(values))

    def wait_notice(self, message: Message) -> tuple[float, str]:
        """The same of a message without readings."""
        if message.topic in self._attributes:
            return self.wait(payload.count(message.payload.decode()))
        # The question itself waits for no answer.
        patience = 0.0 if message is REQUEST else self.patience
        return max((patience, ""), self.messages.wait(1))

    def take_notice(self, message: Message) -> None:
        """A message without readings goes."""
        if message.topic in self._attributes:
            self.take(1, payload.count(message.payload.decode()))
        else:
            self.messages.take(1)

    def take(self, entries: int, values: int) -> None:
        """A message with telemetry goes."""
        self.entries.take(entries)
        self.values.take(values)


def _text(limits: Mapping[str, Any], key: str) -> str:
    found = limits.get(key)
    return found if isinstance(found, str) else ""


def _positive(answer: Mapping[str, Any], key: str) -> int:
    found = answer.get(key)
    return found if isinstance(found, int) and found > 0 else 0
