"""Why a sink's connections end, all of them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dlmsd.model import CloseCause, Verdict
from dlmsd.publish.episodes import Episodes
from dlmsd.publish.troubles import (
    ClosedTrouble,
    PublishTrouble,
    RateTrouble,
    TakenOverTrouble,
    Trouble,
)
from dlmsd.publish.verdict import BURST, SURE, Finding, judge, wordless

# A broker that ends closes all its connections within this time.
TOGETHER: Final = 2.0
FEWEST_TOGETHER: Final = 3
NAMED: Final = 3
# With thousands of connections that end at once, not after each of them.
JUDGED: Final = 1.0

_TROUBLES: Final[dict[CloseCause, type[Trouble]]] = {
    CloseCause.TAKEOVER: TakenOverTrouble,
    CloseCause.RATE: RateTrouble,
    CloseCause.REFUSED_TOPIC: PublishTrouble,
}


class Inquiry:
    """``seconds`` is the reactor's clock, ``wall`` Unix time in seconds."""

    def __init__(self, seconds: Callable[[], float], wall: Callable[[], float]) -> None:
        self._seconds = seconds
        self._wall = wall
        self._episodes: dict[str, Episodes] = {}
        self._judged_at: float | None = None
        self._verdict: Verdict | None = None

    def open(self, courier: str, who: str) -> Episodes:
        """The episodes of one courier, from the first."""
        episodes = self._episodes[courier] = Episodes(self._seconds, who)
        return episodes

    def close(self, courier: str) -> None:
        """This one has ended on purpose."""
        self._episodes.pop(courier, None)

    def verdict(self) -> Verdict | None:
        """What concerns most connections, with the evidence of the one that is surest."""
        now = self._seconds()
        if self._judged_at is None or now - self._judged_at >= JUDGED:
            self._judged_at, self._verdict = now, self._judge()
        return self._verdict

    def _judge(self) -> Verdict | None:
        together = self._together()
        found: dict[CloseCause, list[tuple[Finding, str]]] = {}
        for courier, episodes in self._episodes.items():
            finding = together.get(courier) or judge(episodes)
            if finding is not None:
                found.setdefault(finding.cause, []).append((finding, courier))
        if not found:
            return None
        same = max(found.values(), key=lambda each: sum(one.confidence for one, _ in each))
        best = max((one for one, _ in same), key=lambda one: one.confidence)
        since = min(one.since for one, _ in same)
        couriers = sorted(courier for _, courier in same if courier)
        return Verdict(
            best.cause,
            best.confidence,
            best.evidence,
            int((self._wall() - (self._seconds() - since)) * 1000),
            tuple(couriers[:NAMED]),
            len(couriers),
        )

    def _together(self) -> dict[str, Finding]:
        """Connections that ended at one instant, once: the broker did, or the way to it."""
        ended = {}
        for courier, episodes in self._episodes.items():
            closes = wordless(episodes, BURST)
            if len(closes) == 1 and episodes.endings[-1] is closes[0]:
                ended[courier] = closes[0]
        if len(ended) < FEWEST_TOGETHER or 2 * len(ended) < len(self._episodes):
            return {}
        first, last = (bound(one.at for one in ended.values()) for bound in (min, max))
        if last - first > TOGETHER:
            return {}
        # Meters that are read at once publish at once, and a broker may close upon that.
        idle = any(not one.flying for one in ended.values())
        words = f"{len(ended)} of {len(self._episodes)} connections ended within {TOGETHER:.0f} s"
        finding = Finding(CloseCause.RESTART, 0.9 if idle else 0.6, (words,), first)
        return dict.fromkeys(ended, finding)

    def explain(self, courier: str, error: Trouble) -> Trouble:
        """The trouble that behaviour tells, where the broker closed without a word."""
        episodes = self._episodes.get(courier)
        if type(error) is not ClosedTrouble or episodes is None:
            return error
        finding = judge(episodes)
        if finding is None or finding.confidence < SURE:
            return error
        kind = _TROUBLES.get(finding.cause)
        return error if kind is None else kind("; ".join(finding.evidence))
