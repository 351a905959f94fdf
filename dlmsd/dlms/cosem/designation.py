"""Attributes and methods as people write them: ``8/0-0:1.0.0/2``, ``clock/0-0:1.0.0/time``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.classes import CLASSES, attribute, by_id, method
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis

_SEPARATORS: Final = re.compile(r"[ _-]+")


def _plain(name: str) -> str:
    return _SEPARATORS.sub("_", name.strip()).lower()


_BY_NAME: Final = {_plain(known.name): known.class_id for known in CLASSES.values()}


def parse_attribute(text: str) -> AttributeDescriptor:
    """From CLASS/OBIS/ATTRIBUTE, each class and attribute by number or by name.

    ValueError, with a sentence, for what is none.
    """
    class_id, obis, index = _parsed(text, "attribute", attribute)
    return AttributeDescriptor(class_id, obis, index)


def parse_method(text: str) -> MethodDescriptor:
    """From CLASS/OBIS/METHOD, as :func:`parse_attribute`."""
    class_id, obis, index = _parsed(text, "method", method)
    return MethodDescriptor(class_id, obis, index)


def attribute_words(asked: AttributeDescriptor) -> str:
    """``Clock time``; empty for what the Blue Book does not name."""
    known = by_id(asked.class_id)
    return _words(known.name, known.attributes.get(asked.attribute)) if known else ""


def method_words(asked: MethodDescriptor) -> str:
    """``Disconnect control remote_disconnect``; empty for what the Blue Book does not name."""
    known = by_id(asked.class_id)
    return _words(known.name, known.methods.get(asked.method)) if known else ""


def _words(class_name: str, name: str | None) -> str:
    return f"{class_name} {name}" if name else class_name


def _parsed(
    text: str, what: str, by_name: Callable[[int, str], int | None]
) -> tuple[int, Obis, int]:
    parts = text.split("/")
    if len(parts) != 3:
        example = "8/0-0:1.0.0/2" if what == "attribute" else "70/0-0:96.3.10/1"
        raise ValueError(f"{text!r} is no CLASS/OBIS/{what.upper()}; write it like {example}")
    class_id = int(parts[0]) if parts[0].isdecimal() else _BY_NAME.get(_plain(parts[0]))
    if class_id is None or not 0 < class_id <= 0xFFFF:
        raise ValueError(f"{parts[0]!r} is no class; write its number, or a name such as register")
    try:
        index: int | None = int(parts[2])
    except ValueError:
        index = by_name(class_id, _plain(parts[2]))
    if not index or not -128 <= index <= 127:
        known = by_id(class_id)
        names = dict((known.attributes if what == "attribute" else known.methods) if known else {})
        told = ", ".join(f"{number} {name}" for number, name in names.items())
        raise ValueError(
            f"{parts[2]!r} is no {what} of class {class_id}" + (f": {told}" if told else "")
        )
    return class_id, Obis.parse(parts[1]), index
