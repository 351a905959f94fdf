"""Data for people: its type, its value, and what the value may mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from dlmsd.dlms.axdr.clock import Date, DateTime, Time
from dlmsd.dlms.axdr.compact import CompactArray
from dlmsd.dlms.axdr.data import BitString, Data, Tag
from dlmsd.dlms.axdr.text import write
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.describe.node import Allowance, Node, rest
from dlmsd.errors import DecodeError

# Elements that are shown of one array: the first rows tell what the others are like.
_ELEMENTS: Final = 24
# Octets that are shown of one value; a frame's hex digits have the rest.
OCTETS: Final = 64
_YEARS: Final = range(1970, 2100)


def describe_data(data: Data, label: str = "", allowance: Allowance | None = None) -> Node:
    """A tree for ``data``; ``label`` stands before it.

    Who describes several Data of one APDU shares one ``allowance`` among them.
    """
    allowance = Allowance() if allowance is None else allowance
    head = f"{label}: " if label else ""
    value: Any = data.value
    if data.tag in (Tag.ARRAY, Tag.STRUCTURE):
        return Node(f"{head}{data.tag.title} of {len(value)}", _elements(value, allowance))
    if isinstance(value, CompactArray):
        elements = value.elements
        return Node(f"{head}compact-array of {len(elements)}", _elements(elements, allowance))
    return Node(head + describe_value(data))


def _elements(elements: Sequence[Data], allowance: Allowance) -> tuple[Node, ...]:
    first = allowance.first(elements, _ELEMENTS)
    shown = [describe_data(one, "", allowance) for one in first]
    return (*shown, *rest(len(shown), len(elements)))


def describe_value(data: Data) -> str:
    """One value on a line."""
    tag, value = data
    match value:
        case bytes() if tag is Tag.OCTET_STRING:
            meaning = _meaning(value)
            return f"octet-string {hexadecimal(value)}" + (f" ({meaning})" if meaning else "")
        case bytes():
            return f"{tag.title} {hexadecimal(value)}"
        case BitString() if value.length > 8 * OCTETS:
            shown = BitString(value.octets[:OCTETS], 8 * OCTETS)
            return f"{tag.title} {shown} ... {value.length} bits"
        case DateTime() | Date() | Time():
            return f"{tag.title} {moment(value)}"
        case str():
            text = json.dumps(value[:OCTETS], ensure_ascii=True)
            return f"{tag.title} {text}" + (" ..." if len(value) > OCTETS else "")
        case None:
            return tag.title
    return write(data).replace(":", " ", 1)


def hexadecimal(octets: bytes) -> str:
    """Hex digits, of long ones the first."""
    shown = octets[:OCTETS].hex().upper()
    return f"{shown} ... {len(octets)} octets" if len(octets) > OCTETS else shown


def _meaning(octets: bytes) -> str:
    """What an octet-string may hold: a time, a logical name, a text."""
    if len(octets) == 12:
        try:
            told = DateTime.decode(octets)
        except DecodeError:
            return ""
        if told.date.year is None or told.date.year in _YEARS:
            return moment(told)
    if octets and all(32 <= octet < 127 for octet in octets):
        return json.dumps(octets[:OCTETS].decode("ascii"))
    if len(octets) == 6 and octets[5] == 0xFF:
        return str(Obis(octets))
    return ""


def moment(value: DateTime | Date | Time) -> str:
    """As it was sent, ``*`` for what is not specified."""
    match value:
        case DateTime():
            text = f"{moment(value.date)} {moment(value.time)}"
            if value.deviation is not None:
                text += f", deviation {value.deviation} min"
            status = value.status
            if status is not None:
                flags = [flag.name for flag in type(status) if flag in status and flag.name]
                text += "".join(f", {flag.lower().replace('_', ' ')}" for flag in flags)
            return text
        case Date():
            return f"{_part(value.year, 4)}-{_part(value.month)}-{_part(value.day)}"
    text = f"{_part(value.hour)}:{_part(value.minute)}:{_part(value.second)}"
    return text if not value.hundredths else f"{text}.{_part(value.hundredths)}"


def _part(number: int | None, digits: int = 2) -> str:
    return "*" * digits if number is None else f"{number:0{digits}d}"
