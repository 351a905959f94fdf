"""What happened to a virtual meter, for its event log."""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from dlmsd.dlms.axdr.data import Data
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept
from dlmsd.simulator.curves import DAY, INSTALLED, share

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

# More than a tester does by hand.
MAX_EVENTS: Final = 1000
# The clock of a log counts hundredths of a second, so no two events are closer.
_APART: Final = 0.01


class Event(enum.IntEnum):
    """Event codes, as IDIS and DSMR number them."""

    POWER_DOWN = 1
    POWER_UP = 2
    CLOCK_ADJUSTED = 5
    FIRMWARE_READY = 17
    FIRMWARE_ACTIVATED = 18
    COVER_OPENED = 40
    COVER_CLOSED = 41
    DISCONNECTED = 62
    RECONNECTED = 63


Happened: TypeAlias = tuple[float, Event]
_NOTED: Final = Kept[deque[Happened]](lambda meter: deque(maxlen=MAX_EVENTS))


def note(meter: VirtualMeter, t: float, event: Event) -> None:
    """It happens at Unix seconds ``t``, or just after what happened last."""
    noted = _NOTED.of(meter)
    noted.append((max(t, noted[-1][0] + _APART) if noted else t, event))


def noted(meter: VirtualMeter, event: Event, start: float, end: float) -> bool:
    """Whether it was noted after ``start``, and not after ``end``."""
    return any(each is event and start < at <= end for at, each in _NOTED.of(meter))


def is_off(meter: VirtualMeter, t: float) -> bool:
    """Whether the meter has no power."""
    options = meter.equipment.profile
    return bool(options.off_every) and t % options.off_every < options.off_for


def powered_up(meter: VirtualMeter, start: float, end: float) -> bool:
    """Whether power came back after ``start``, and not after ``end``."""
    options = meter.equipment.profile
    if not options.off_every:
        return False
    return (end - options.off_for) % options.off_every < end - start


def history(meter: VirtualMeter, t: float, number: int) -> list[Happened]:
    """The last ``number`` events up to ``t``, the oldest first."""
    own = [each for each in _NOTED.of(meter) if each[0] <= t]
    found = [*own, *islice(_covers(meter, t), number), *islice(_outages(meter, t), number)]
    return sorted(found)[-number:]


def _covers(meter: VirtualMeter, t: float) -> Iterator[Happened]:
    """Somebody opens the cover at some hour of each day; the newest first."""
    for day in range(math.floor(t / DAY), math.floor(INSTALLED / DAY), -1):
        opened = (day + 0.9 * share(meter.seed, meter.index, "cover", day)) * DAY
        closed = opened + 60 + 600 * share(meter.seed, meter.index, "shut", day)
        for at, event in ((closed, Event.COVER_CLOSED), (opened, Event.COVER_OPENED)):
            if at <= t:
                yield at, event


def _outages(meter: VirtualMeter, t: float) -> Iterator[Happened]:
    """The newest first."""
    options = meter.equipment.profile
    if not options.off_every:
        return
    down = t // options.off_every * options.off_every
    while down > INSTALLED:
        if down + options.off_for <= t:
            yield down + options.off_for, Event.POWER_UP
        yield down, Event.POWER_DOWN
        down -= options.off_every


def _last(meter: VirtualMeter, t: float) -> Data:
    return literal.unsigned(sum(event for _, event in history(meter, t, 1)))


OBJECTS: Final = (Instance.of(1, "0-0:96.11.0", {"value": Attribute(_last)}),)
"""The code of the last event."""
