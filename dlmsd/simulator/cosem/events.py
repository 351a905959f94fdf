"""What happened to a virtual meter, for its event log."""

from __future__ import annotations

import enum
from collections import deque
from typing import Final, TypeAlias

from dlmsd.simulator.cosem.instance import Kept
from dlmsd.simulator.curves import DAY, share

# More than a tester does by hand, and a log that is read in one answer.
MAX_EVENTS: Final = 1000


class Event(enum.IntEnum):
    """Event codes, as IDIS and DSMR number them."""

    POWER_DOWN = 1
    POWER_UP = 2
    CLOCK_OLD_TIME = 4
    CLOCK_NEW_TIME = 5
    FIRMWARE_READY = 17
    FIRMWARE_ACTIVATED = 18
    COVER_OPENED = 40
    COVER_CLOSED = 41
    DISCONNECTED = 62
    RECONNECTED = 63
    LOG_CLEARED = 255


Log: TypeAlias = "deque[tuple[float, Event]]"
EVENTS: Final[Kept[Log]] = Kept(lambda meter: deque(maxlen=MAX_EVENTS))
"""Unix seconds and event, the oldest first."""


def of_day(seed: int, index: int, day: int) -> tuple[tuple[float, Event], ...]:
    """What happens of itself on the ``day``-th since 1970: somebody opens the cover."""
    opened = (day + share(seed, index, "cover", day)) * DAY
    closed = opened + 60 + 600 * share(seed, index, "shut", day)
    return (opened, Event.COVER_OPENED), (closed, Event.COVER_CLOSED)
