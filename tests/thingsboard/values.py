"""JSON to values as ThingsBoard keeps them, with its traps."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import frozen

Value: TypeAlias = bool | int | float | str | dict[str, Any] | list[Any]
"""A LONG is an int, a DOUBLE a float, JSON a dict or list."""

# As commons-lang's NumberUtils.isParsable: no exponent, no sign but minus.
_PARSABLE = re.compile(r"-?(\d+(\.\d+)?|\.\d+)", re.ASCII)


class NotConvertible(Exception):
    """JSON that is none, or none of the forms that the server takes (V7)."""


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


@frozen
class Record:
    """Values of one instant, in Unix milliseconds; ``metadata`` as it was given."""

    ts: int
    values: Mapping[str, Value]
    metadata: Any = None


def parse(payload: bytes) -> Any:
    """JSON whose numbers are still text."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        return json.loads(payload, parse_float=Number, parse_int=Number, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise NotConvertible("no JSON") from error


def telemetry(body: Any, now: int) -> list[Record]:
    """V1: the records of a body, those without ``ts`` at ``now``."""
    if isinstance(body, list):
        return [record for one in body for record in telemetry(_object(one), now)]
    body = _object(body)
    if "ts" in body and "values" in body:
        return [Record(_milliseconds(body["ts"]), attributes(body["values"]), body.get("metadata"))]
    return [Record(now, attributes(body))]


def attributes(body: Any) -> dict[str, Value]:
    """V2 to V6: the values of an object, by key."""
    return {key: value(one) for key, one in _object(body).items() if one is not None}


def value(given: Any) -> Value:
    """One value of parsed JSON, as the server keeps it."""
    if isinstance(given, Number):
        return _number(given)
    if isinstance(given, str):  # V3
        return _number(given) if _PARSABLE.fullmatch(given) else given
    if isinstance(given, dict | list):  # V2
        kept: Value = plain(given)
        return kept
    return bool(given)


def plain(given: Any) -> Any:
    """JSON inside JSON: numbers stay as they are."""
    if isinstance(given, Number):
        if set(given) & set(".eE"):
            return float(given)
        # Python reads no integer of more than 4,300 digits.
        return int(given) if len(given) < 4300 else str(given)
    if isinstance(given, dict):
        return {key: plain(one) for key, one in given.items()}
    if isinstance(given, list):
        return [plain(one) for one in given]
    return given


def _number(text: str) -> Value:
    number = Decimal(text)
    if number.adjusted() > 400:
        raise NotConvertible("a number that nobody can write out")
    whole = not number or _scale(number.normalize()) <= 0
    if whole and ("." not in text or set(text) & set("eE")):
        if -(2**63) <= number < 2**63:  # V6
            return int(number)
        return format(number, "f")  # V4
    return float(number) if _scale(number) <= 16 else format(number, "f")  # V5, V6


def _scale(number: Decimal) -> int:
    exponent = number.as_tuple()[2]
    assert isinstance(exponent, int)
    return -exponent


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise NotConvertible("no object")
    return body


def _milliseconds(given: Any) -> int:
    if not isinstance(given, str) or not isinstance(number := _numeric(given), int):
        raise NotConvertible("ts is no number")
    return number


def _numeric(text: str) -> Value:
    try:
        return _number(text)
    except ArithmeticError as error:
        raise NotConvertible("no number") from error
