"""The fields that several ACSE APDUs have in common (IEC 62056-53 clause 8.4)."""

from __future__ import annotations

from typing import Final

from dlmsd.dlms.acse import ber
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.xdlms.cursor import Cursor

APPLICATION_CONTEXT_NAME: Final = 0xA1
USER_INFORMATION: Final = 0xBE

# ACSE-requirements: BIT STRING with one bit, the authentication functional unit.
AUTHENTICATION_UNIT: Final = b"\x07\x80"

_CHARSTRING: Final = 0x80
_BITSTRING: Final = 0x81


def put_field(fields: dict[int, Cursor], tag: int, content: Cursor) -> None:
    """Keep the content of a field; DecodeError when the tag is there already."""
    if tag in fields:
        raise content.error(f"a second field {tag:02x}")
    fields[tag] = content


def collect_fields(content: Cursor) -> dict[int, Cursor]:
    """The contents of all fields by tag.

    Protocol-version and the fields that DLMS does not use are among them; nobody reads
    them, so meters that fill them in oddly do no harm.
    """
    fields: dict[int, Cursor] = {}
    for tag, field in ber.decode_elements(content):
        put_field(fields, tag, field)
    return fields


def encode_context(context: ApplicationContext) -> bytes:
    """Application-context-name."""
    identifier = ber.encode_element(ber.OBJECT_IDENTIFIER, context.encode())
    return ber.encode_element(APPLICATION_CONTEXT_NAME, identifier)


def decode_context(fields: dict[int, Cursor], content: Cursor) -> ApplicationContext:
    """Application-context-name, which must be there; ``content`` is the whole APDU's."""
    field = fields.get(APPLICATION_CONTEXT_NAME)
    if field is None:
        raise content.error("application-context-name is missing")
    what = "application-context-name"
    return ApplicationContext.decode(ber.decode_only(field, ber.OBJECT_IDENTIFIER, what))


def decode_mechanism(fields: dict[int, Cursor], tag: int) -> Mechanism:
    """Mechanism-name; without one it is NONE."""
    return Mechanism.decode(fields[tag]) if tag in fields else Mechanism.NONE


def encode_octets(tag: int, octets: bytes | None) -> bytes:
    """A field that holds an OCTET STRING: a title or user-information; None gives no field."""
    if octets is None:
        return b""
    return ber.encode_element(tag, ber.encode_element(ber.OCTET_STRING, octets))


def decode_octets(fields: dict[int, Cursor], tag: int, what: str) -> bytes | None:
    """The octets of such a field, None without it."""
    field = fields.get(tag)
    if field is None:
        return None
    content = ber.decode_only(field, ber.OCTET_STRING, what)
    return content.octets(content.end - content.offset, what)


def encode_authentication_value(tag: int, value: bytes) -> bytes:
    """A password or challenge, as charstring."""
    return ber.encode_element(tag, ber.encode_element(_CHARSTRING, value))


def decode_authentication_value(fields: dict[int, Cursor], tag: int, what: str) -> bytes | None:
    """A password or challenge, from charstring or from a bitstring of whole bytes."""
    field = fields.get(tag)
    if field is None:
        return None
    start = field.offset
    kind, content = ber.decode_element(field)
    field.finish()
    if kind == _BITSTRING:
        content.expect(b"\x00", f"the number of unused bits of {what}")
    elif kind != _CHARSTRING:
        raise field.error(f"{what} is neither charstring nor bitstring but {kind:02x}", start)
    return content.octets(content.end - content.offset, what)
