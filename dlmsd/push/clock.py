"""When a push was sent, by the meter's own clock if that can be believed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Final

from dlmsd.dlms.axdr.clock import ClockStatus, DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.errors import DecodeError
from dlmsd.meter.installation import BARE, Installation
from dlmsd.meter.payload import Push

# A clock that runs ahead of ours by more than clocks do: wrong, or its deviation has the
# other sign.
_AHEAD_SECONDS: Final = 60.0
# Meters repeat what they could not send for days; what is older is a clock that was reset.
_BEHIND_SECONDS: Final = 7 * 86_400.0
_UNSURE: Final = ClockStatus.INVALID | ClockStatus.DOUBTFUL | ClockStatus.INVALID_STATUS
# Clock, 0-b:1.0.0.
_CLOCK: Final = b"\x00\x01\x00\x00\xff"


def told_ts(push: Push, wall: float, installation: Installation = BARE) -> int | None:
    """Unix milliseconds at which the meter says it sent; None if it does not, or lies.

    ``wall`` is ours, in Unix seconds. A time without deviation tells an instant only with
    the timezone of the ``installation``.
    """
    for moment in _moments(push):
        told = moment.to_datetime(installation.timezone, installation.negate_deviation)
        if told is None or (moment.status is not None and moment.status & _UNSURE):
            continue
        seconds = (told - _EPOCH).total_seconds()
        if wall - _BEHIND_SECONDS <= seconds <= wall + _AHEAD_SECONDS:
            return round(seconds * 1000)
    return None


_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def _moments(push: Push) -> Iterator[DateTime]:
    if push.moment is not None:
        yield push.moment
    for item in push.items:
        raw = item.obis.raw
        if raw[:1] + raw[2:] == _CLOCK and (moment := _date_time(item.data)) is not None:
            yield moment


def _date_time(data: Data) -> DateTime | None:
    if isinstance(data.value, DateTime):
        return data.value
    if data.tag is not Tag.OCTET_STRING or not isinstance(data.value, bytes):
        return None
    try:
        return DateTime.decode(data.value)
    except DecodeError:
        return None
