"""Rate limits: token buckets of the form ``N:seconds,N:seconds`` (L4)."""

from __future__ import annotations

from collections.abc import Callable

from attrs import Factory as Fresh
from attrs import define, frozen


@frozen
class Rates:
    """The three limits of one kind of sender; empty is none."""

    messages: str = ""
    telemetry_messages: str = ""
    telemetry_points: str = ""

    def json(self) -> dict[str, str]:
        """As ``getSessionLimits`` tells them (L3)."""
        return {
            "messages": self.messages,
            "telemetryMessages": self.telemetry_messages,
            "telemetryDataPoints": self.telemetry_points,
        }


class Bucket:
    """All bands of one limit; a token is taken from each of them, or from none."""

    def __init__(self, text: str, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._bands = [_Band(*map(int, part.split(":"))) for part in text.split(",") if part]
        for band in self._bands:
            band.at, band.tokens = seconds(), band.capacity

    def take(self, count: int = 1) -> bool:
        """Whether there were so many."""
        now = self._seconds()
        for band in self._bands:
            band.refill(now)
        if any(band.tokens < count for band in self._bands):
            return False
        for band in self._bands:
            band.tokens -= count
        return True


@define
class _Band:
    capacity: float
    period: float
    tokens: float = 0.0
    at: float = 0.0

    def refill(self, now: float) -> None:
        gained = (now - self.at) * self.capacity / self.period
        self.tokens, self.at = min(self.capacity, self.tokens + gained), now


class Meter:
    """The buckets of one sender."""

    def __init__(self, rates: Rates, seconds: Callable[[], float]) -> None:
        self._messages = Bucket(rates.messages, seconds)
        self._telemetry = Bucket(rates.telemetry_messages, seconds)
        self._points = Bucket(rates.telemetry_points, seconds)

    def allows(self, points: int = 0) -> bool:
        """L5: a message with ``points`` values, or another message where it has none."""
        if points:
            return self._telemetry.take() and self._points.take(points)
        return self._messages.take()


@define
class Limits:
    """A tenant profile's limits; to be set before the senders connect."""

    device: Rates = Rates()
    gateway_itself: Rates = Rates()
    """``rateLimits`` of a gateway (L6)."""
    gateway_devices: Rates = Rates()
    """``gatewayRateLimits``: one bucket for all sub-devices of a gateway (L6)."""
    max_payload: int = 65536  # L1
    max_queued: int = 100  # L2
    inactivity: float = 600.0  # L9
    max_devices: float = float("inf")  # G18
    meters: dict[tuple[str, str], Meter] = Fresh(dict)

    def meter(self, kind: str, id: str, seconds: Callable[[], float]) -> Meter:
        """The buckets of ``device``, ``gateway_itself`` or ``gateway_devices`` with this id."""
        found = self.meters.get((kind, id))
        if found is None:
            found = self.meters[kind, id] = Meter(getattr(self, kind), seconds)
        return found
