"""Who a meter says it is, and how right its clock is: asked beside what is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from dlmsd.config.values import Measurement, MeterOptions
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import GetResult
from dlmsd.dlms.xdlms.access_result import LASTING, DataAccessResult
from dlmsd.errors import MeterError
from dlmsd.meter.installation import Installation
from dlmsd.meter.scaling import Scale
from dlmsd.meter.session import Session
from dlmsd.meter.timekeeping import Timekeeping

# Blue Book 6.2.42 and 6.2.4: device ID 1, and the logical device's name.
SERIALS: Final = (Obis.parse("0-0:96.1.0"), Obis.parse("0-0:42.0.0"))
# A clock that is further off is wrong.
DRIFT_SECONDS: Final = 30.0
_ASKED: Final = tuple(
    Measurement("serial", AttributeDescriptor(1, obis, 2), "serial") for obis in SERIALS
)


@frozen
class Serial:
    """A serial number or name, as ``text``, and the object that told it (OBIS code); both are ""
    where a meter tells none.
    """

    text: str = ""
    by: str = ""


def essence(text: str) -> str:
    """What of a serial number tells one meter from another, "" where nothing does.

    A meter may tell the same one as octets or as characters, filled up with NULs, blanks or
    0xFF, and with leading zeros or without; and it may tell none but the filling.
    """
    with suppress(ValueError):
        octets = bytes.fromhex(text).strip(b"\x00\xff ")
        if all(32 <= octet < 127 for octet in octets):
            text = octets.decode("ascii")
    return "".join(filter(str.isalnum, text)).casefold().lstrip("0")


@frozen
class Identity:
    """What the meter of this ``name`` told at ``ts`` (Unix ms): its ``serial`` number, or else
    its logical device's name, "" for neither; and by how many seconds its clock is ``ahead`` of
    ours, give or take ``uncertainty``; None if it does not say. ``told_by`` is the object (OBIS
    code) that told the serial number. It answers ``instead`` of a meter of that serial number,
    "" for none.
    """

    name: str
    serial: str = ""
    ahead: float | None = None
    uncertainty: float = 0.0
    told_by: str = ""
    instead: str = ""
    ts: int = field(default=0, eq=False)

    @property
    def wrong(self) -> bool:
        """Whether its clock is off by more than it may be."""
        return self.ahead is not None and abs(self.ahead) > DRIFT_SECONDS


async def inquire(
    options: MeterOptions, session: Session, *, wall: Callable[[], float], clock: IReactorTime
) -> Identity:
    """Ask the meter of ``session``. What it refuses it does not tell; other DlmsdErrors are
    raised.
    """
    serial = await ask_serial(options, session)
    ahead, uncertainty = None, 0.0
    try:
        reading = await Timekeeping(
            session, Installation.of(options), wall=wall, clock=clock
        ).read()
        ahead, uncertainty = reading.difference, reading.uncertainty
    except MeterError:
        if not session.associated:
            raise
    now = int(wall() * 1000)
    return Identity(options.name, serial.text, ahead, uncertainty, serial.by, ts=now)


def measured(options: MeterOptions) -> Measurement | None:
    """What tells a meter's serial number in its readings, if anything does."""
    wanted = [one.attribute for one in _ASKED]
    return next((one for one in options.read if one.attribute in wanted), None)


async def ask_serial(options: MeterOptions, session: Session) -> Serial:
    """Who it is, in the words of its readings if they tell it."""
    of_readings = measured(options)
    asked = (of_readings,) if of_readings is not None else _ASKED
    results = await session.get_many([one.attribute for one in asked])
    return _serial(asked, results)


def _serial(asked: Sequence[Measurement], results: Sequence[GetResult]) -> Serial:
    """The device's ID; the other name only where there is none, since both are never compared."""
    for wanted, result in zip(asked, results, strict=True):
        if not isinstance(result, DataAccessResult):
            told = Scale(wanted, None).value(result)
            if told is not None:
                return Serial(str(told), str(wanted.attribute.obis))
        elif result not in LASTING:
            return Serial()
    return Serial()
