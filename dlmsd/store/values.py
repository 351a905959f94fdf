"""A reading's values as JSON text, and back without losing a digit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from dlmsd.errors import StoreError
from dlmsd.model import Value

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode

# The standard library's decoder, because it hands every number over as the text it was:
# msgspec reads -0 and 123 as int, and keeps only fractions for its float_hook.
_decode: Final = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal).decode


def encode_values(values: Mapping[str, Value]) -> str:
    """JSON text; StoreError for what a number, a text or a truth value is not."""
    for name, value in values.items():
        if isinstance(value, Decimal):
            if not value.is_finite():
                raise StoreError(f"{name} is {value}, which is not a number")
        elif not isinstance(value, str | bool):
            raise StoreError(f"{name} is a {type(value).__name__}, which is no value of a reading")
    try:
        return _encode(values).decode()
    except (TypeError, ValueError) as error:
        raise StoreError(f"the values cannot be written as JSON: {error}") from error


def decode_values(text: str) -> dict[str, Value]:
    """The very values that were encoded: numbers as Decimal with all their zeros."""
    values: dict[str, Any] = _decode(text)
    return values
