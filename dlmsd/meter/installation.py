"""What the operator knows of a meter's place, and the meter itself does not tell."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Final, Self

from attrs import frozen

from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.units import quantity
from dlmsd.dlms.quirks import NEGATE_DEVIATION

# Ratios are short numbers; none is ever rounded.
_EXACT: Final = Context(prec=60)
# Powers of the ratio of current transformers, and of voltage transformers.
_TRANSFORMED: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "current": (1, 0),
        "voltage": (0, 1),
        "active power": (1, 1),
        "apparent power": (1, 1),
        "reactive power": (1, 1),
        "active energy": (1, 1),
        "apparent energy": (1, 1),
        "reactive energy": (1, 1),
        "ampere-hours": (1, 0),
        "ampere-squared hours": (2, 0),
        "volt-squared hours": (0, 2),
    }
)


@frozen
class Installation:
    """``ct_ratio`` and ``vt_ratio`` are those of the transformers whose secondary sides the
    meter measures. ``timezone`` is for a meter that tells no deviation from UTC,
    ``negate_deviation`` for one that tells it with the opposite sign.
    """

    ct_ratio: Decimal = Decimal(1)
    vt_ratio: Decimal = Decimal(1)
    timezone: datetime.tzinfo | None = None
    negate_deviation: bool = False

    @classmethod
    def of(cls, meter: MeterOptions) -> Self:
        """That of a configured meter."""
        negate_deviation = NEGATE_DEVIATION in meter.quirks
        return cls(meter.ct_ratio, meter.vt_ratio, meter.timezone, negate_deviation)

    def ratio(self, symbol: str) -> Decimal:
        """What a value of this unit is multiplied by, by what the unit measures; exact."""
        ct, vt = _TRANSFORMED.get(quantity(symbol), (0, 0))
        parts = [self.ct_ratio] * ct + [self.vt_ratio] * vt
        return functools.reduce(_EXACT.multiply, parts, Decimal(1))


BARE: Final = Installation()
"""A meter that measures the primary side and tells its deviation."""
