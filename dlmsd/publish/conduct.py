"""How to connect again: silently, to find out why the last connections ended, or rarely.

A **silent probe** is a connection that publishes nothing for some time. Closed nevertheless, it
acquits all that we send: another client has our token or client id. It costs no reading,
since what is not acknowledged waits in the outbox, and there are few: after two closes that
nothing explains, and longer than those connections lasted.

Two clients with one token close each other for ever, as fast as they connect. So against
another client there are at most ``MOST_ATTEMPTS`` in any hour, and each connection is used to
deliver what waits.
"""

from __future__ import annotations

from random import Random
from typing import Final

from dlmsd.model import CloseCause
from dlmsd.publish.episodes import HOUR, Episodes
from dlmsd.publish.troubles import TakenOverTrouble
from dlmsd.publish.verdict import BURST, CERTAIN, SURE, judge, wordless

MOST_ATTEMPTS: Final = 12
# So often it would be tried if the first hour had no burst of attempts before the verdict.
RARELY: Final = HOUR / MOST_ATTEMPTS
SHORTEST_PROBE: Final = 10.0
LONGEST_PROBE: Final = 150.0
# Longer than the connections before, by how much: another client's delays grow and vary.
MARGIN: Final = 2.5
# A probe that was not closed convicts what we send; so long it is not asked again.
PROBED: Final = 600.0
MOST_PROBES: Final = 4


def silence(episodes: Episodes) -> float:
    """Seconds for which the next connection is to publish nothing."""
    closes = wordless(episodes, BURST)
    if len(closes) < 2 or episodes.endings[-1] is not closes[-1]:
        return 0.0
    last = closes[-1]
    if last.pinging or last.unheard or rarely(episodes):
        return 0.0
    known = judge(episodes)
    if known and known.confidence >= SURE and known.cause is not CloseCause.TAKEOVER:
        return 0.0
    now = episodes.seconds()
    survived = [one for one in episodes.probes if one.at >= now - PROBED]
    if survived and not last.silent and last.speaking <= survived[-1].seconds:
        return 0.0
    if len(survived) + sum(one.silent for one in closes) >= MOST_PROBES:
        return 0.0
    return min(LONGEST_PROBE, max(SHORTEST_PROBE, MARGIN * last.lifetime))


def rarely(episodes: Episodes) -> bool:
    """Whether another client is there so surely that it must not be fought."""
    last = episodes.endings[-1] if episodes.endings else None
    finding = judge(episodes)
    if last is None or finding is None or finding.cause is not CloseCause.TAKEOVER:
        return False
    if isinstance(last.trouble, TakenOverTrouble):
        # Once may be somebody's mistake, soon corrected.
        told = [one for one in episodes.recent() if isinstance(one.trouble, TakenOverTrouble)]
        return len(told) > 1
    return finding.confidence >= CERTAIN


def pause(episodes: Episodes, random: Random) -> float | None:
    """Seconds until the next attempt, None where the usual back-off will do."""
    if not rarely(episodes):
        return None
    now = episodes.seconds()
    # What failed for other reasons was no fight, and must not make readings wait.
    bare = wordless(episodes)
    hour = [
        one.at
        for one in episodes.recent()
        if one in bare or isinstance(one.trouble, TakenOverTrouble)
    ]
    left = MOST_ATTEMPTS - len(hour)
    if left <= 0:
        return hour[-MOST_ATTEMPTS] + HOUR - now + random.uniform(1.0, RARELY / 4)
    spread = (hour[0] + HOUR - now) / left if hour else 0.0
    return max(RARELY, spread) * random.uniform(1.0, 1.25)
