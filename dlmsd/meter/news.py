"""What a meter says unasked while it is read: EventNotification, InformationReport, push."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.logger import Logger

from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.dlms.describe.apdu import describe_decoded
from dlmsd.dlms.outcome import Unasked
from dlmsd.dlms.xdlms.short_name import InformationReport, VariableName
from dlmsd.errors import DecodeError
from dlmsd.meter.payload import push_of

# Of so many different beginnings the log tells once at info; of the others at debug.
_MOST_TOLD: Final = 100
# Lines of a description by which news are known: the APDU, whose attribute, its invoke-id.
_HEAD: Final = 3


class NewsLog:
    """Tells of each in the log; of a new kind so that anybody sees it."""

    _log = Logger()

    def __init__(self, meter: str) -> None:
        self._meter = meter
        self._known: set[str] = set()

    def heard(self, apdu: Unasked) -> None:
        """One more."""
        lines = [line.strip() for line in describe_decoded(apdu).lines()]
        kind = "; ".join(line for line in lines[:_HEAD] if not line.startswith("invoke-id"))
        new = kind not in self._known and len(self._known) < _MOST_TOLD
        if new:
            self._known.add(kind)
        (self._log.info if new else self._log.debug)(
            "{meter}: told unasked: {apdu}",
            meter=self._meter,
            apdu="; ".join(lines),
        )


def told(apdu: Unasked, read: Sequence[Measurement], names: ShortNames) -> dict[str, Data]:
    """What of ``read`` stands in it, by key; ``names`` are those of a meter with short names.

    Nothing if it makes no sense.
    """
    if isinstance(apdu, InformationReport):
        by_name = {
            variable.name: value
            for variable, value in zip(apdu.variables, apdu.values, strict=True)
            if isinstance(variable, VariableName) and variable.access is None
        }
        known = {one.key: names.attribute(one.attribute) for one in read}
        return {key: by_name[name] for key, name in known.items() if name in by_name}
    try:
        items = push_of(apdu).items
    except DecodeError:
        return {}
    found = {(item.obis, item.attribute or 2): item.data for item in reversed(items)}
    places = {one.key: (one.attribute.obis, one.attribute.attribute) for one in read}
    return {key: found[place] for key, place in places.items() if place in found}
