"""Devices that ThingsBoard put out of their gateway's session, each let alone for a while.

It tells a gateway that speaks MQTT 5 by an unasked ``v1/gateway/disconnect`` (from 3.7 on). What
is said of such a device connects it anew with profile ``default``, so nothing is before its
connect; and what put it out may do so again, hence a delay that grows with each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import define

from dlmsd.model import CloseCause
from dlmsd.publish.troubles import REASONS, Trouble

FIRST_DELAY: Final = 1.0
LAST_DELAY: Final = 60.0
# One that was put out this long ago is well.
SETTLED: Final = 300.0


class EvictedTrouble(Trouble):
    """It is connected again by itself, after a pause that grows; ThingsBoard's rate limits for
    this gateway, and its log, tell why."""

    @property
    def close_cause(self) -> CloseCause:
        """What the reason is for the history of disconnections."""
        return CloseCause.RATE if self.reason in (0x96, 0x97) else CloseCause.UNKNOWN


def evicted(device: str, reason: object) -> EvictedTrouble:
    """The notice of a device, with the code it gives."""
    code = reason if isinstance(reason, int) and not isinstance(reason, bool) else None
    sentence = f"ThingsBoard ended the session of device {device}"
    if code is not None:
        reason = REASONS.get(code, "unknown reason")
        sentence = f"{sentence}: {reason} (0x{code:02X})"
    trouble = EvictedTrouble(sentence)
    trouble.reason = code
    return trouble


@define
class _Pause:
    delay: float
    until: float
    over: bool = False


class Evictions:
    """By meter, of one gateway; ``seconds`` is the reactor's clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._pauses: dict[str, _Pause] = {}
        self._news: dict[str, EvictedTrouble] = {}

    def __contains__(self, meter: object) -> bool:
        """Whether it must be let alone now."""
        return meter in self._pauses and not self._pauses[str(meter)].over

    def add(self, meter: str, trouble: EvictedTrouble) -> None:
        """The server has put its device out."""
        last, now = self._pauses.get(meter), self._seconds()
        if last is not None and not last.over:
            return  # of several messages in flight each may be answered so
        delay = FIRST_DELAY if last is None else min(LAST_DELAY, last.delay * 2)
        self._pauses[meter] = _Pause(delay, now + delay)
        self._news[meter] = trouble

    def news(self) -> dict[str, EvictedTrouble]:
        """Those that nobody was told of yet."""
        news, self._news = self._news, {}
        return news

    def returned(self) -> Sequence[str]:
        """Those whose pause has just ended."""
        now = self._seconds()
        found = [name for name, one in self._pauses.items() if not one.over and one.until <= now]
        for name in found:
            self._pauses[name].over = True
        return found

    def settled(self) -> Sequence[str]:
        """Those that have stayed for long; they are forgotten."""
        now = self._seconds()
        found = [
            name for name, one in self._pauses.items() if one.over and one.until + SETTLED <= now
        ]
        for name in found:
            del self._pauses[name]
        return found

    def wait(self) -> float | None:
        """Seconds until one returns or has settled, None without any."""
        ends = [one.until + (SETTLED if one.over else 0) for one in self._pauses.values()]
        return max(0.0, min(ends) - self._seconds()) if ends else None
