"""Date and time of COSEM (Blue Book clause 4.1.6.1): date-time, date and time.

A field that is "not specified" is None. Dates also hold rules, such as the last Sunday of
March, so every field is kept as it was sent, whatever it says; only
:meth:`DateTime.to_datetime` asks whether an instant is meant.
"""

from __future__ import annotations

import datetime
import enum
import struct
from typing import Any, Final

from attrs import frozen

from dlmsd.errors import DecodeError, LocalError

MONTH_DAYLIGHT_SAVING_END: Final = 0xFD
MONTH_DAYLIGHT_SAVING_BEGIN: Final = 0xFE
DAY_SECOND_LAST: Final = 0xFD
DAY_LAST: Final = 0xFE

_NO_OCTET: Final = 0xFF
_NO_YEAR: Final = 0xFFFF
_NO_DEVIATION: Final = -0x8000

_DATE: Final = struct.Struct(">HBBB")
_TIME: Final = struct.Struct(">BBBB")
_DATE_TIME: Final = struct.Struct(">5s4shB")


class ClockStatus(enum.IntFlag, boundary=enum.KEEP):
    """clock-status; reserved bits are kept."""

    INVALID = 0x01
    DOUBTFUL = 0x02
    DIFFERENT_BASE = 0x04
    INVALID_STATUS = 0x08
    DAYLIGHT_SAVING = 0x80


def _unpack(form: struct.Struct, name: str, octets: bytes) -> tuple[Any, ...]:
    if len(octets) != form.size:
        raise DecodeError(f"a {name} has {form.size} bytes, not {len(octets)}")
    return form.unpack(octets)


def _pack(form: struct.Struct, name: str, *fields: object) -> bytes:
    try:
        return form.pack(*fields)
    except struct.error as error:
        raise LocalError(f"a field of a {name} is out of range: {error}") from None


def _specified(value: int, nothing: int = _NO_OCTET) -> int | None:
    return None if value == nothing else value


def _sent(value: int | None, nothing: int = _NO_OCTET) -> int:
    return nothing if value is None else value


@frozen
class Date:
    """date: five bytes. ``weekday`` is 1 for Monday to 7; month and day may be rules."""

    year: int | None
    month: int | None
    day: int | None
    weekday: int | None = None

    @classmethod
    def decode(cls, octets: bytes) -> Date:
        """From exactly five bytes; DecodeError for any other number."""
        year, month, day, weekday = _unpack(_DATE, "date", octets)
        return cls(
            _specified(year, _NO_YEAR), _specified(month), _specified(day), _specified(weekday)
        )

    def encode(self) -> bytes:
        """Its five bytes; LocalError when a field does not fit."""
        year = _sent(self.year, _NO_YEAR)
        return _pack(_DATE, "date", year, _sent(self.month), _sent(self.day), _sent(self.weekday))


@frozen
class Time:
    """time: four bytes, of local time."""

    hour: int | None
    minute: int | None
    second: int | None = None
    hundredths: int | None = None

    @classmethod
    def decode(cls, octets: bytes) -> Time:
        """From exactly four bytes; DecodeError for any other number."""
        return cls(*(_specified(octet) for octet in _unpack(_TIME, "time", octets)))

    def encode(self) -> bytes:
        """Its four bytes; LocalError when a field does not fit."""
        fields = (self.hour, self.minute, self.second, self.hundredths)
        return _pack(_TIME, "time", *(_sent(octet) for octet in fields))


@frozen
class DateTime:
    """date-time: twelve bytes of local time.

    ``deviation`` is minutes from local time to UTC: added to local time it gives UTC, so
    Bogota (UTC-5) has +300.
    """

    date: Date
    time: Time
    deviation: int | None = None
    status: ClockStatus | None = None

    @classmethod
    def decode(cls, octets: bytes) -> DateTime:
        """From exactly twelve bytes; DecodeError for any other number."""
        date, time, deviation, status = _unpack(_DATE_TIME, "date-time", octets)
        return cls(
            Date.decode(date),
            Time.decode(time),
            _specified(deviation, _NO_DEVIATION),
            None if status == _NO_OCTET else ClockStatus(status),
        )

    def encode(self) -> bytes:
        """Its twelve bytes; LocalError when a field does not fit."""
        return _pack(
            _DATE_TIME,
            "date-time",
            self.date.encode(),
            self.time.encode(),
            _sent(self.deviation, _NO_DEVIATION),
            _sent(self.status),
        )

    @classmethod
    def from_datetime(cls, moment: datetime.datetime) -> DateTime:
        """The date-time of ``moment``; without tzinfo its deviation is not specified.

        Hundredths are cut, not rounded. LocalError when the offset from UTC is no whole
        number of minutes.
        """
        offset = moment.utcoffset()
        deviation = None
        if offset is not None:
            minutes, rest = divmod(offset, datetime.timedelta(minutes=1))
            if rest:
                raise LocalError(f"COSEM cannot tell the offset {offset} of {moment}")
            deviation = -minutes
        return cls(
            Date(moment.year, moment.month, moment.day, moment.isoweekday()),
            Time(moment.hour, moment.minute, moment.second, moment.microsecond // 10_000),
            deviation,
            ClockStatus.DAYLIGHT_SAVING if moment.dst() else ClockStatus(0),
        )

    def to_datetime(
        self, timezone: datetime.tzinfo | None = None, negate_deviation: bool = False
    ) -> datetime.datetime | None:
        """The instant as an aware datetime, or None where none is meant.

        None when year, month, day, hour or minute is not specified, a rule, or impossible,
        when neither a deviation nor ``timezone`` tells the distance from UTC, and when that
        leads beyond the years 1 to 9999. Second and hundredths count as 0 when not
        specified. ``timezone`` serves meters that send no deviation; the daylight saving bit
        then decides the hour that occurs twice.
        ``negate_deviation`` is for meters that send minutes from UTC to local time.
        """
        date, time = self.date, self.time
        if (
            date.year is None
            or date.month is None
            or date.day is None
            or time.hour is None
            or time.minute is None
        ):
            return None
        try:
            local = datetime.datetime(
                date.year,
                date.month,
                date.day,
                time.hour,
                time.minute,
                time.second or 0,
                (time.hundredths or 0) * 10_000,
            )
            if self.deviation is not None:
                east = self.deviation if negate_deviation else -self.deviation
                zone = datetime.timezone(datetime.timedelta(minutes=east))
                moment = local.replace(tzinfo=zone)
            elif timezone is not None:
                moment = self._placed(local.replace(tzinfo=timezone))
            else:
                return None
            moment.astimezone(datetime.UTC)
        except (ValueError, OverflowError):
            return None
        return moment

    def _placed(self, local: datetime.datetime) -> datetime.datetime:
        """``local``, or its second occurrence where the status denies the first."""
        if self.status is None:
            return local
        summer = ClockStatus.DAYLIGHT_SAVING in self.status
        return local if bool(local.dst()) == summer else local.replace(fold=1)
