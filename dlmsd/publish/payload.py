"""Readings as JSON: exact decimals, as they were read.

ThingsBoard keeps a number with more than 16 fraction digits as a string, which no chart shows: it
is told 16 of them, and more comes of no meter, but of a ratio or scale. An integer beyond signed
64 bits becomes a string, too, and keeps its digits so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Final

import msgspec

from dlmsd.model import Reading, Value
from dlmsd.store.values import decode_values, encode_values

encode = msgspec.json.Encoder(decimal_format="number").encode


_FRACTION: Final = 16
_LONG: Final = re.compile(rf"\.\d{{{_FRACTION + 1}}}|\d[eE]-")
_LAST: Final = Decimal(1).scaleb(-_FRACTION)
_EXACT: Final = Context(prec=60)


def record(ts: int, values: str, published: int | None = None) -> bytes:
    """``ts`` in Unix milliseconds, and the values, which are JSON already.

    With ``published``, in Unix milliseconds too, ThingsBoard can tell how long a gateway and the
    way to it take.
    """
    if _LONG.search(values):
        values = _shortened(values)
    if published is None:
        return f'{{"ts":{ts},"values":{values}}}'.encode()
    metadata = f'{{"connector":"dlms","receivedTs":{ts},"publishedTs":{published}}}'
    return f'{{"ts":{ts},"values":{values},"metadata":{metadata}}}'.encode()


def _shortened(values: str) -> str:
    found = decode_values(values)
    for name, value in found.items():
        if isinstance(value, Decimal) and _digits(value) > _FRACTION:
            found[name] = value.quantize(_LAST, context=_EXACT)
    return encode_values(found)


def _digits(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


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
