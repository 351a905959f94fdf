"""A meter's clock (Blue Book 4.5.1, class 8) beside this machine's: read, compared, set."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Final

from attrs import evolve, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from dlmsd.dlms.axdr.clock import ClockStatus, DateTime
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DlmsdError, MeterError, UnknownClockError, UnsynchronisedError
from dlmsd.meter.installation import Installation
from dlmsd.meter.session import Session

TIME: Final = AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2)

_SAVING: Final = ClockStatus.DAYLIGHT_SAVING


class TimezoneError(DlmsdError):
    """This meter tells no deviation from UTC; say its `timezone` in the configuration."""

    culprit = "operator"


def refuse_unless_right(synchronised: bool | None) -> None:
    """UnsynchronisedError where this machine's clock may set no other; None is not known."""
    if synchronised is None:
        raise UnknownClockError("whether this machine's clock is synchronised is not known")
    if not synchronised:
        raise UnsynchronisedError("this machine's clock is not synchronised")


@frozen
class ClockReading:
    """``told`` came as ``form``, ``round_trip`` seconds after it was asked for.

    ``answered`` is when it came, Unix seconds by this machine's clock.
    """

    told: DateTime
    form: Tag
    answered: float
    round_trip: float
    place: Installation

    @property
    def instant(self) -> datetime.datetime | None:
        """The instant that it believes it was; None if it does not say."""
        return self.told.to_datetime(self.place.timezone, self.place.negate_deviation)

    @property
    def resolution(self) -> float:
        """Seconds that it does not tell: of whole seconds, a meter shows what has begun."""
        return 0.01 if self.told.time.hundredths else 1.0

    @property
    def difference(self) -> float | None:
        """How many seconds it is ahead of this machine, give or take the uncertainty."""
        instant = self.instant
        if instant is None:
            return None
        middle = self.answered - self.round_trip / 2
        return instant.timestamp() + self.resolution / 2 - middle

    @property
    def uncertainty(self) -> float:
        """Half a round trip, since nobody knows when in it the meter looked, and half of
        what it does not tell.
        """
        return (self.round_trip + self.resolution) / 2


class Timekeeping:
    """Reads and sets the clock of the meter of ``session``.

    ``wall`` gives Unix seconds, ``clock`` those that no one sets.
    """

    def __init__(
        self,
        session: Session,
        place: Installation,
        *,
        wall: Callable[[], float],
        clock: IReactorTime,
    ) -> None:
        self._session = session
        self._place = place
        self._wall = wall
        self._clock = clock

    async def read(self) -> ClockReading:
        """The time now; a DlmsdError says why there is none."""
        asked = self._clock.seconds()
        data = await self._session.get(TIME)
        round_trip = self._clock.seconds() - asked
        return ClockReading(_told(data), data.tag, self._wall(), round_trip, self._place)

    def meant(self, reading: ClockReading, instant: float) -> DateTime:
        """``instant`` (Unix seconds) as the meter would write it: its deviation, its form.

        TimezoneError if neither the meter nor its configuration tells the former.
        """
        told, place = reading.told, self._place
        zone = place.timezone
        if told.deviation is not None:
            east = told.deviation if place.negate_deviation else -told.deviation
            zone = datetime.timezone(datetime.timedelta(minutes=east))
        if zone is None:
            raise TimezoneError("the local time that it should have is not known")
        meant = DateTime.from_datetime(datetime.datetime.fromtimestamp(instant, zone))
        # A deviation holds daylight saving or not, as the meter says.
        summer = meant.status if told.deviation is None else told.status
        return evolve(
            meant,
            time=evolve(meant.time, hundredths=None if told.time.hundredths is None else 0),
            deviation=told.deviation,
            status=None if told.status is None else (summer or ClockStatus(0)) & _SAVING,
        )

    async def set(self, reading: ClockReading) -> ClockReading:
        """Set it to this machine's time, and what it tells then.

        It is sent so that it arrives, by what ``reading`` took, when a second begins.
        """
        await self._session.permit(TIME)  # not while the second passes
        way = reading.round_trip / 2
        self.meant(reading, self._wall())
        second = math.ceil(self._wall() + way)
        await deferLater(self._clock, max(0.0, second - way - self._wall()), lambda: None)
        meant = self.meant(reading, second)
        if reading.form is Tag.DATE_TIME:
            data = Data(Tag.DATE_TIME, meant)
        else:
            data = Data(Tag.OCTET_STRING, meant.encode())
        await self._session.set(TIME, data)
        return await self.read()


def _told(data: Data) -> DateTime:
    if isinstance(data.value, DateTime):
        return data.value
    if isinstance(data.value, bytes):
        return DateTime.decode(data.value)
    raise MeterError(f"its time is a {data.tag.title}")
