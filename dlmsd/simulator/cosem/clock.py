"""Clock (class 8): a wall clock that can be set, and that drifts."""

from __future__ import annotations

import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from attrs import evolve

from dlmsd.dlms.axdr.clock import DAY_LAST, ClockStatus, Date, DateTime, Time
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.errors import DecodeError
from dlmsd.simulator.cosem import literal, shape
from dlmsd.simulator.cosem.events import Event, note
from dlmsd.simulator.cosem.instance import Attribute, Instance, Kept, Method, constant
from dlmsd.simulator.curves import DAY
from dlmsd.simulator.equipment import ClockOptions

if TYPE_CHECKING:
    from dlmsd.simulator.meter import VirtualMeter

QUARTER: Final = 900
_MINUTE: Final = 60
# shift_time's range by the Blue Book, in seconds; time_zone's in minutes.
_MAX_SHIFT: Final = 900
_MAX_ZONE: Final = 720
_CRYSTAL: Final = 1
_CENTURY: Final = tuple(
    datetime.datetime(year, 1, 1, tzinfo=datetime.UTC).timestamp() for year in (2000, 2100)
)
_HOUR: Final = datetime.timedelta(hours=1)
_WEEK: Final = datetime.timedelta(days=7)


class MeterClock:
    """One meter's clock; it is right when it is first asked.

    All that is called an instant is Unix seconds as this clock has them; ``t`` is the wall's.
    """

    def __init__(self, options: ClockOptions) -> None:
        self._options = options
        self._offset = 0.0
        self._set_at: float | None = None
        self._zone: datetime.tzinfo = ZoneInfo(options.timezone)
        self.daylight_saving = True
        self.preset: tuple[float, float, float] | None = None

    def now(self, t: float) -> float:
        """The instant that it believes it is."""
        if self._set_at is None:
            self._set_at = t
        return t + self._offset + self._options.drift * (t - self._set_at) / DAY

    def set(self, t: float, instant: float) -> None:
        """From now on it goes on from ``instant``."""
        self._offset, self._set_at = instant - t, t

    @property
    def zone(self) -> datetime.tzinfo:
        """That of local time."""
        if self.daylight_saving:
            return self._zone
        return _fixed(self._zone)

    def move(self, deviation: int) -> None:
        """To a zone so many minutes from local time to UTC, without daylight saving."""
        self._zone = datetime.timezone(datetime.timedelta(minutes=-deviation))

    def local(self, instant: float) -> datetime.datetime:
        """Local time."""
        return datetime.datetime.fromtimestamp(instant, self.zone)

    def stamp(self, instant: float) -> Data:
        """An instant as this meter writes it."""
        sent = DateTime.from_datetime(self.local(instant))
        options = self._options
        if options.deviation == "none":
            sent = evolve(sent, deviation=None)
        elif options.deviation == "opposite" and sent.deviation is not None:
            sent = evolve(sent, deviation=-sent.deviation)
        own = options.status
        status = None if own is None or sent.status is None else sent.status | own
        return literal.octets(evolve(sent, status=status).encode())

    def instant(self, data: Data) -> float | None:
        """What a date-time means to this meter, None if no instant."""
        sent = data.value
        if isinstance(sent, bytes):
            try:
                sent = DateTime.decode(sent)
            except DecodeError:
                return None
        if not isinstance(sent, DateTime):
            return None
        moment = sent.to_datetime(self.zone, self._options.deviation == "opposite")
        try:
            return None if moment is None else moment.timestamp()
        except (OverflowError, ValueError):
            return None

    def status(self, t: float) -> ClockStatus:
        """clock-status now."""
        summer = ClockStatus.DAYLIGHT_SAVING if self.local(self.now(t)).dst() else ClockStatus(0)
        return summer | (self._options.status or ClockStatus(0))

    def time_zone(self, t: float) -> int:
        """Minutes from local normal time to UTC, the sign as in date-times."""
        moment = self.local(self.now(t))
        minutes = -_normal(moment) // datetime.timedelta(minutes=1)
        return -minutes if self._options.deviation == "opposite" else minutes

    def take_zone(self, minutes: int) -> None:
        """What :meth:`time_zone` shall tell."""
        self.move(-minutes if self._options.deviation == "opposite" else minutes)

    def changes(self, t: float) -> tuple[bytes, bytes]:
        """daylight_savings_begin and daylight_savings_end, as rules for any year."""
        return _rules(self._zone, self.local(self.now(t)).year)


CLOCK: Final = Kept(lambda meter: MeterClock(meter.equipment.clock))


def _normal(moment: datetime.datetime) -> datetime.timedelta:
    """The offset of local normal time from UTC."""
    nothing = datetime.timedelta(0)
    return (moment.utcoffset() or nothing) - (moment.dst() or nothing)


def _fixed(zone: datetime.tzinfo) -> datetime.tzinfo:
    return datetime.timezone(_normal(datetime.datetime(2020, 1, 1, tzinfo=zone)))


@lru_cache(maxsize=100)
def _rules(zone: datetime.tzinfo, year: int) -> tuple[bytes, bytes]:
    begin = end = literal.NEVER.value
    moment = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
    before = moment.astimezone(zone)
    while moment.year == year:
        after = (moment + _HOUR).astimezone(zone)
        if bool(before.dst()) != bool(after.dst()):
            # It happens at the end of the hour that began at ``before``.
            rule = _rule(before.replace(tzinfo=None) + _HOUR).encode()
            begin, end = (rule, end) if after.dst() else (begin, rule)
        moment, before = moment + _HOUR, after
    assert isinstance(begin, bytes) and isinstance(end, bytes)
    return begin, end


def _rule(local: datetime.datetime) -> DateTime:
    """The last such weekday of its month, or the first from this day on."""
    last = (local + _WEEK).month != local.month
    date = Date(None, local.month, DAY_LAST if last else local.day, local.isoweekday())
    return DateTime(date, Time(local.hour, local.minute, 0, 0))


def _settable(instant: float) -> bool:
    """Whether it is in the one century that the clocks of meters know."""
    return _CENTURY[0] <= instant < _CENTURY[1]


def _set(meter: VirtualMeter, t: float, instant: float) -> None:
    CLOCK.of(meter).set(t, instant)
    note(meter, t, Event.CLOCK_ADJUSTED)


def _set_time(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
    instant = CLOCK.of(meter).instant(value)
    if instant is None or not _settable(instant):
        return DataAccessResult.OTHER_REASON
    _set(meter, t, instant)
    return DataAccessResult.SUCCESS


def _set_zone(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
    assert isinstance(value.value, int)
    if abs(value.value) > _MAX_ZONE:
        return DataAccessResult.OTHER_REASON
    CLOCK.of(meter).take_zone(value.value)
    return DataAccessResult.SUCCESS


def _enable(meter: VirtualMeter, t: float, value: Data) -> DataAccessResult:
    CLOCK.of(meter).daylight_saving = bool(value.value)
    return DataAccessResult.SUCCESS


def _nearest(step: int) -> Method:
    """To the nearest whole multiple of ``step`` seconds."""

    def adjust(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
        now = CLOCK.of(meter).now(t)
        _set(meter, t, (now + step / 2) // step * step)
        return ActionResult.SUCCESS

    return Method(adjust)


def _shift(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    seconds = parameters.value
    assert isinstance(seconds, int)
    if abs(seconds) > _MAX_SHIFT:
        return ActionResult.OTHER_REASON
    _set(meter, t, CLOCK.of(meter).now(t) + seconds)
    return ActionResult.SUCCESS


def _preset(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    """preset_time, validity_interval_start, validity_interval_end."""
    assert isinstance(parameters.value, tuple)
    clock = CLOCK.of(meter)
    preset, start, end = (clock.instant(each) for each in parameters.value)
    if preset is None or start is None or end is None or not _settable(preset):
        return ActionResult.OTHER_REASON
    clock.preset = preset, start, end
    return ActionResult.SUCCESS


def _to_preset(meter: VirtualMeter, t: float, parameters: Data) -> ActionResult:
    clock = CLOCK.of(meter)
    if clock.preset is None or not clock.preset[1] <= clock.now(t) <= clock.preset[2]:
        return ActionResult.OTHER_REASON
    _set(meter, t, clock.preset[0])
    clock.preset = None
    return ActionResult.SUCCESS


def _change(place: int) -> Attribute:
    return Attribute(lambda meter, t: literal.octets(CLOCK.of(meter).changes(t)[place]))


def _time(meter: VirtualMeter, t: float) -> Data:
    clock = CLOCK.of(meter)
    return clock.stamp(clock.now(t))


def _date_time(data: Data) -> bool:
    return shape.DATE_TIME(data) or data.tag is Tag.DATE_TIME


OBJECTS: Final = (
    Instance.of(
        8,
        "0-0:1.0.0",
        {
            "time": Attribute(_time, _set_time, _date_time),
            "time_zone": Attribute(
                lambda meter, t: literal.long(CLOCK.of(meter).time_zone(t)), _set_zone, shape.LONG
            ),
            "status": Attribute(lambda meter, t: literal.unsigned(CLOCK.of(meter).status(t))),
            "daylight_savings_begin": _change(0),
            "daylight_savings_end": _change(1),
            "daylight_savings_deviation": constant(literal.integer(60)),
            "daylight_savings_enabled": Attribute(
                lambda meter, t: literal.boolean(CLOCK.of(meter).daylight_saving),
                _enable,
                shape.BOOLEAN,
            ),
            "clock_base": constant(literal.enum(_CRYSTAL)),
        },
        {
            "adjust_to_quarter": _nearest(QUARTER),
            "adjust_to_measuring_period": _nearest(QUARTER),
            "adjust_to_minute": _nearest(_MINUTE),
            "adjust_to_preset_time": Method(_to_preset),
            "preset_adjusting_time": Method(
                _preset, shape.structure(shape.DATE_TIME, shape.DATE_TIME, shape.DATE_TIME)
            ),
            "shift_time": Method(_shift, shape.LONG),
        },
    ),
)
