"""From what an attribute holds to the exact value that is published."""

from __future__ import annotations

import math
import struct
from decimal import Context, Decimal
from typing import Any, Final

from attrs import frozen

from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.value import DELTAS, Data, Tag
from dlmsd.dlms.cosem.units import conversion, unit
from dlmsd.errors import DecodeError
from dlmsd.meter.installation import BARE, Installation
from dlmsd.model import Value

# 64-bit counters have 20 digits, scales and ratios add their own; none is ever rounded.
_EXACT: Final = Context(prec=60)
# Twelve letters or digits would be a date-time of a later year.
_LAST_YEAR: Final = 0x1FFF
# Text of a meter goes to pages and brokers; more than this is not a reading.
_MAX_TEXT: Final = 256


@frozen
class ScalerUnit:
    """Attribute 3 of a register: a power of ten and a unit's code (Blue Book 4.3.2)."""

    scaler: int = 0
    unit: int = 255

    @classmethod
    def of(cls, data: Data) -> ScalerUnit:
        """From ``structure { integer, enum }``; DecodeError for anything else."""
        parts: Any = data.value
        if data.tag is Tag.STRUCTURE and len(parts) == 2:
            scaler, code = parts
            if scaler.tag is Tag.INTEGER and code.tag in (Tag.ENUM, Tag.UNSIGNED):
                return cls(scaler.value, code.value)
        raise DecodeError("scaler and unit are no structure of integer and enum")

    @property
    def symbol(self) -> str:
        """The unit as people write it; empty for a plain number."""
        known = unit(self.unit)
        return known.symbol if known else ""


class Scale:
    """How one measurement's raw numbers become published ones.

    Without a ``scaler_unit`` the meter tells none, and the number goes out as it is, times
    the operator's ``scale``. ``symbol`` is the published unit: the wanted one only if the
    meter's can be turned into it or the operator's ``scale`` vouches for it. Else
    ``mismatch`` says why (empty otherwise), and the meter's own unit is kept. Ratios of
    the ``installation`` go by the published unit; its timezone is for moments.
    """

    __slots__ = ("_factor", "_installation", "_scaler", "mismatch", "symbol")

    def __init__(
        self,
        measurement: Measurement,
        scaler_unit: ScalerUnit | None,
        installation: Installation = BARE,
    ) -> None:
        self._installation = installation
        self.symbol = scaler_unit.symbol if scaler_unit else ""
        self.mismatch = ""
        self._scaler = scaler_unit.scaler if scaler_unit else 0
        factor, wanted = measurement.scale or Decimal(1), measurement.unit
        if wanted is not None:
            turned = conversion(self.symbol, wanted) if self.symbol else None
            if turned is not None:
                factor, self.symbol = _EXACT.multiply(factor, turned), wanted
            elif not self.symbol and measurement.scale is not None:
                self.symbol = wanted
            else:
                told = self.symbol or "no unit"
                self.mismatch = f"the meter tells {told}, not {wanted}"
        factor = _EXACT.multiply(factor, installation.ratio(self.symbol))
        self._factor = None if factor == 1 else factor

    def value(self, data: Data) -> Value | None:
        """The published value; None for what is no value (null-data, NaN, a structure, a
        difference from a number that is not known).

        Numbers are exact: raw 1365 with scaler -1 is 136.5. Text loses control characters.
        """
        raw: Any = data.value
        match data.tag:
            case Tag.FLOAT32 | Tag.FLOAT64:
                if not math.isfinite(raw):
                    return None
                number = Decimal(_shortest(raw) if data.tag is Tag.FLOAT32 else repr(raw))
            case Tag.BOOLEAN:
                return bool(raw)
            case Tag.OCTET_STRING:
                return self._text(raw)
            case Tag.VISIBLE_STRING | Tag.UTF8_STRING:
                # Octets where a meter calls UTF-8 what is none.
                return _printable(raw) if isinstance(raw, str) else self._text(raw)
            case Tag.DATE_TIME:
                return self._moment(raw)
            case _:
                if not isinstance(raw, int) or data.tag in DELTAS:
                    return None
                number = Decimal(raw)
        return self._scaled(number)

    def _scaled(self, number: Decimal) -> Decimal:
        if self._scaler:
            number = number.scaleb(self._scaler, _EXACT)
        if self._factor is not None:
            number = _EXACT.multiply(number, self._factor)
        if number.as_tuple().exponent > 0:  # type: ignore[operator]
            number = (
                number.quantize(Decimal(1), context=_EXACT) if number.adjusted() < 40 else number
            )
        return number

    def _text(self, octets: bytes) -> Value | None:
        if len(octets) == 12:
            told = DateTime.decode(octets)
            if told.date.year is None or told.date.year <= _LAST_YEAR:
                return self._moment(told)
        if octets and all(32 <= octet < 127 for octet in octets):
            return _printable(octets.decode("ascii"))
        return octets[: _MAX_TEXT // 2].hex() or None

    def _moment(self, moment: DateTime) -> Value | None:
        place = self._installation
        known = moment.to_datetime(place.timezone, place.negate_deviation)
        return known.isoformat() if known else None


def _shortest(value: float) -> str:
    """The fewest digits that give this float32 again."""
    packed = struct.pack(">f", value)
    for digits in range(6, 9):
        text = f"{value:.{digits}g}"
        if struct.pack(">f", float(text)) == packed:
            return text
    return f"{value:.9g}"


def _printable(text: str) -> Value | None:
    kept = "".join(char if char.isprintable() else "�" for char in text[:_MAX_TEXT])
    return kept or None
