"""Scaler and unit of what is measured, asked of the meter (Blue Book 4.3.2, attribute 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from dlmsd.config.values import Measurement
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.classes import scaler_attribute
from dlmsd.dlms.outcome import GetResult
from dlmsd.dlms.xdlms.access_result import LASTING, DataAccessResult
from dlmsd.errors import DecodeError
from dlmsd.meter.installation import Installation
from dlmsd.meter.scaling import Scale, ScalerUnit


@frozen
class Unscaled:
    """Why it is not known how a measurement's numbers are scaled; a ``lasting`` reason stands
    until the meter, or what we may do there, is changed.
    """

    reason: str
    lasting: bool = False


class Reads(Protocol):
    """What a session is to those who read attributes."""

    async def get_many(self, attributes: Sequence[AttributeDescriptor]) -> list[GetResult]:
        """A result for each attribute, in order."""


async def learn(
    session: Reads, measurements: Sequence[Measurement], installation: Installation
) -> dict[str, Scale | Unscaled]:
    """By key: how a measurement's numbers are scaled, or why that is not known this time."""
    scales: dict[str, Scale | Unscaled] = {}
    asked: dict[str, AttributeDescriptor] = {}
    for wanted in measurements:
        value = wanted.attribute
        attribute = scaler_attribute(value.class_id, value.attribute)
        if attribute is None:
            scales[wanted.key] = Scale(wanted, None, installation)
        else:
            asked[wanted.key] = AttributeDescriptor(value.class_id, value.obis, attribute)
    different = list(dict.fromkeys(asked.values()))
    told = dict(zip(different, await session.get_many(different), strict=True))
    for wanted in measurements:
        if wanted.key in asked:
            scales[wanted.key] = _scale(wanted, told[asked[wanted.key]], installation)
    return scales


def _scale(wanted: Measurement, told: GetResult, installation: Installation) -> Scale | Unscaled:
    try:
        scaler_unit = _scaler_unit(told)
    except DecodeError as error:
        # Without it a number could be wrong a thousandfold; better none this time.
        return Unscaled(f"its scaler and unit cannot be read: {error}")
    scale = Scale(wanted, scaler_unit, installation)
    if not scale.mismatch or scaler_unit is not None:
        return scale
    if told is DataAccessResult.OBJECT_UNDEFINED:
        return Unscaled(told.words, lasting=True)
    return Unscaled(scale.mismatch, lasting=True)


def _scaler_unit(told: GetResult) -> ScalerUnit | None:
    """None from a meter that has none to tell; DecodeError if it may yet tell."""
    if not isinstance(told, DataAccessResult):
        return ScalerUnit.of(told)
    if told in LASTING:  # for any other reason it is asked for again
        return None
    raise DecodeError(told.words)
