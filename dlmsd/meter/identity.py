"""Who a meter says it is, and how right its clock is: asked beside what is measured."""

from __future__ import annotations

from collections.abc import Callable
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
_ASKED: Final = [AttributeDescriptor(1, obis, 2) for obis in SERIALS]


@frozen
class Identity:
    """What the meter of this ``name`` told at ``ts`` (Unix ms): its ``serial`` number, or else
    its logical device's name, "" for neither; and by how many seconds its clock is ``ahead`` of
    ours, give or take ``uncertainty``; None if it does not say.
    """

    name: str
    serial: str = ""
    ahead: float | None = None
    uncertainty: float = 0.0
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
    serial = _serial(await session.get_many(_ASKED))
    ahead, uncertainty = None, 0.0
    try:
        reading = await Timekeeping(
            session, Installation.of(options), wall=wall, clock=clock
        ).read()
        ahead, uncertainty = reading.difference, reading.uncertainty
    except MeterError:
        if not session.associated:
            raise
    return Identity(options.name, serial, ahead, uncertainty, int(wall() * 1000))


def _serial(results: list[GetResult]) -> str:
    """The device's ID; the other name only where there is none, since both are never compared."""
    for attribute, result in zip(_ASKED, results, strict=True):
        if not isinstance(result, DataAccessResult):
            told = Scale(Measurement("serial", attribute, "serial"), None).value(result)
            if told is not None:
                return str(told)
        elif result not in LASTING:
            return ""
    return ""
