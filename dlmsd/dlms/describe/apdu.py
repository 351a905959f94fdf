"""APDUs for people: name, invoke-id, attributes by name, values, results, blocks."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any, Final

from attrs import fields, has

from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.catalogue import NAMES, lookup
from dlmsd.dlms.cosem.classes import by_id
from dlmsd.dlms.cosem.designation import attribute_words, method_words
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.describe.data import describe_data, hexadecimal, moment
from dlmsd.dlms.describe.node import Allowance, Node, rest, titled
from dlmsd.dlms.xdlms import invoke, long_invoke
from dlmsd.dlms.xdlms.access import AccessRequest, AccessResponse
from dlmsd.dlms.xdlms.apdu import Apdu, decode_apdu
from dlmsd.dlms.xdlms.ciphered import Ciphered, GeneralCiphered
from dlmsd.dlms.xdlms.described import DescribedNotification
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.dlms.xdlms.initiate import InitiateRequest
from dlmsd.dlms.xdlms.notification import DataNotification, DataNotificationConfirm
from dlmsd.dlms.xdlms.protected import PROTECTED_TAGS, Protected, decode_protected
from dlmsd.dlms.xdlms.transaction import Transaction
from dlmsd.errors import DecodeError

STARS: Final = "********"
_LONG: Final = (
    *(AccessRequest, AccessResponse),
    *(DataNotification, DescribedNotification, DataNotificationConfirm),
)
_ACSE: Final = {"Aarq": "AARQ", "Aare": "AARE", "Rlrq": "RLRQ", "Rlre": "RLRE"}
# Octets that are an APDU themselves.
_INNER: Final = frozenset({"user_information", "content"})
# Attributes and methods whose values nobody shall read, by their names in the Blue Book.
_SECRETS: Final = frozenset(
    (
        *("secret", "change_hls_secret", "change_lls_secret", "change_secret"),
        *("key_transfer", "transfer_key", "set_encryption_key", "pass_p1", "pass_p2", "pass_w5"),
    )
)
# APDUs within APDUs: AARQ, signature, ciphering, service are three.
_DEPTH: Final = 4
# Items of one list, of which a request holds a few.
_ITEMS: Final = 256
_MEASURED: Final = {found.attribute: name for name in NAMES if (found := lookup(name)) is not None}


def describe_apdu(apdu: bytes, plain: bytes | None = None, depth: int = 1) -> Node:
    """A tree for ``apdu`` as it travels; ``plain`` is what is in it, if it was opened.

    ``depth`` counts the APDUs around it, from 1.
    """
    if depth > _DEPTH:
        return Node(f"an APDU within {_DEPTH} others", (Node(hexadecimal(apdu)),))
    try:
        if apdu[:1] and apdu[0] in PROTECTED_TAGS:
            return _protected(decode_protected(apdu), plain, depth)
        return describe_decoded(decode_apdu(apdu), depth)
    except DecodeError as error:
        return describe_undecodable(apdu, error)


def describe_decoded(apdu: Apdu, depth: int = 1) -> Node:
    """A tree for an APDU in clear."""
    return _Described(depth).named(apdu)


def describe_undecodable(apdu: bytes, error: DecodeError) -> Node:
    """A tree for octets that are no APDU."""
    return Node(f"no APDU that can be decoded: {error}", (Node(hexadecimal(apdu)),))


def _protected(layer: Protected, plain: bytes | None, depth: int) -> Node:
    if isinstance(layer, GeneralSigning):
        inner = describe_apdu(layer.content, plain, depth + 1)
        return Node("general-signing", (*_transaction(layer.transaction), inner))
    control, text = layer.control, layer.name
    text += f": {control.words}, suite {control.suite}, counter {layer.counter}"
    text += ", broadcast key" if control.broadcast else ""
    if isinstance(layer, GeneralCiphered) and layer.title:
        text += f", system title {layer.title.hex().upper()}"
    below: list[Node] = []
    if isinstance(layer, GeneralCiphering):
        below += _transaction(layer.transaction)
    if plain is not None:
        below.append(describe_apdu(plain, None, depth + 1))
    elif isinstance(layer, Ciphered | GeneralCiphered) and not control.encrypted:
        below.append(Node(f"content {hexadecimal(layer.content)}"))
    return Node(text, tuple(below))


def _transaction(transaction: Transaction) -> list[Node]:
    return [
        Node(f"transaction-id {transaction.transaction_id.hex().upper() or '-'}"),
        Node(f"originator {transaction.originator.hex().upper() or '-'}"),
        Node(f"recipient {transaction.recipient.hex().upper() or '-'}"),
    ]


class _Described:
    """Whatever has names for its parts; ``depth`` counts the APDUs around it, from 1."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._allowance = Allowance()

    def named(self, apdu: Any) -> Node:
        """An APDU, or a part of one that has a name of its own."""
        cls = type(apdu)
        return Node(_ACSE.get(cls.__name__, titled(cls.__name__)), tuple(self._fields(apdu)))

    def _fields(self, apdu: Any) -> Iterator[Node]:
        hidden = _hidden(apdu)
        for one in fields(type(apdu)):
            value = getattr(apdu, one.name)
            if value is None or value in ((), b"") or not one.init:
                continue
            label = titled(one.name)
            if one.name in hidden:
                yield Node(f"{label}: {STARS}")
            elif one.name == "invoke":
                yield Node(_invoke(value, isinstance(apdu, _LONG)))
            elif one.name in _INNER and value:
                yield Node(label, (describe_apdu(value, None, self._depth + 1),))
            else:
                yield from self._value(label, value)

    def _value(self, label: str, value: Any) -> Iterator[Node]:
        match value:
            case Data():
                yield describe_data(value, label, self._allowance)
            case AttributeDescriptor():
                yield Node(f"{label}: {_attribute(value)}")
            case MethodDescriptor():
                yield Node(f"{label}: {value} {method_words(value)}".rstrip())
            case enum.Flag():
                names = [titled(flag.name) for flag in type(value) if flag in value and flag.name]
                yield Node(f"{label}: {', '.join(names) or 'none'}")
            case enum.Enum():
                yield Node(f"{label}: {titled(value.name)}")
            case DateTime():
                yield Node(f"{label}: {moment(value)}")
            case Obis() | bool() | int() | str():
                yield Node(f"{label}: {str(value).lower() if isinstance(value, bool) else value}")
            case bytes():
                yield Node(f"{label}: {hexadecimal(value) or 'none'}")
            case tuple() | list():
                yield Node(f"{label}: {len(value)}", tuple(self._items(value)))
            case _ if has(type(value)):
                yield Node(f"{label}: {titled(type(value).__name__)}", tuple(self._fields(value)))
            case _:
                yield Node(f"{label}: {value}")

    def _items(self, values: Any) -> Iterator[Node]:
        first = self._allowance.first(values, _ITEMS)
        for number, value in enumerate(first, start=1):
            yield from self._value(str(number), value)
        yield from rest(len(first), len(values))


def _hidden(apdu: Any) -> frozenset[str]:
    """The fields that hold secrets."""
    if isinstance(apdu, Aarq) and apdu.mechanism is Mechanism.LOW:
        return frozenset({"calling_authentication_value"})
    if isinstance(apdu, InitiateRequest):
        return frozenset({"dedicated_key"})
    asked = [getattr(apdu, "attribute", None), getattr(apdu, "method", None)]
    asked += [*getattr(apdu, "attributes", ()), *getattr(apdu, "methods", ())]
    for item in getattr(apdu, "items", ()):
        asked += [getattr(item, "attribute", None), getattr(item, "method", None)]
    if any(is_secret(one) for one in asked):
        return frozenset({"value", "values", "parameters", "block"})
    return frozenset()


def is_secret(asked: object) -> bool:
    """Whether an attribute holds, or a method takes, what nobody shall read."""
    match asked:
        case AttributeDescriptor(class_id=class_id, attribute=index):
            known = by_id(class_id)
            return known is not None and known.attributes.get(index) in _SECRETS
        case MethodDescriptor(class_id=class_id, method=index):
            known = by_id(class_id)
            return known is not None and known.methods.get(index) in _SECRETS
    return False


def _attribute(asked: AttributeDescriptor) -> str:
    words = f"{asked} {attribute_words(asked)}".rstrip()
    measured = _MEASURED.get(asked)
    return f"{words} ({measured})" if measured else words


def _invoke(number: int, long: bool) -> str:
    if long:
        told = long_invoke.long_invoke_id(number)
        confirmed = long_invoke.is_confirmed(number)
        high = long_invoke.is_high_priority(number)
    else:
        told = invoke.invoke_id(number)
        confirmed = invoke.is_confirmed(number)
        high = invoke.is_high_priority(number)
    words = "confirmed" if confirmed else "unconfirmed"
    return f"invoke-id {told}, {words}" + (", high priority" if high else "")
