"""Readings as JSON: exact decimals, as they were read.

ThingsBoard keeps a number with more than 16 fraction digits, or an integer beyond signed
64 bits, as a string.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from dlmsd.model import Reading, Value

encode = msgspec.json.Encoder(decimal_format="number").encode


def record(ts: int, values: str, published: int | None = None) -> bytes:
    """``ts`` in Unix milliseconds, and the values, which are JSON already.

    With ``published``, in Unix milliseconds too, ThingsBoard can tell how long a gateway and the
    way to it take.
    """
    if published is None:
        return f'{{"ts":{ts},"values":{values}}}'.encode()
    metadata = f'{{"connector":"dlms","receivedTs":{ts},"publishedTs":{published}}}'
    return f'{{"ts":{ts},"values":{values},"metadata":{metadata}}}'.encode()


def count(values: str) -> int:
    """How many values there are, or a few more: a text may look like a name."""
    return values.count('":')


def values(reading: Reading) -> Mapping[str, Value]:
    """What is published of a reading."""
    return sayable(reading.values)


def sayable(found: Mapping[str, Value]) -> Mapping[str, Value]:
    """Those that JSON can say: there is no number for a NaN or an infinity."""
    return {
        name: value
        for name, value in found.items()
        if not isinstance(value, Decimal) or value.is_finite()
    }
