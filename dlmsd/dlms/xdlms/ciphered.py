"""APDUs that carry a protected one: glo-, ded-, general-glo- and general-ded-ciphering.

IEC 62056-5-3 clauses 5.7.2 and 8. They all hold the security control byte, the
invocation counter (4 bytes) and the content: ciphertext or plaintext, and the tag. This
file knows their form; what is in them is for :mod:`dlmsd.dlms.security.context`.
"""

from __future__ import annotations

from typing import ClassVar, Final, Self

from attrs import field, frozen

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.security.gcm import TAG_SIZE
from dlmsd.dlms.security.suite import SYSTEM_TITLE_SIZE, SecurityControl
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.errors import LocalError

# The plain APDU's tag, its name, and the tags of its glo- and its ded- form.
_SERVICES: Final = (
    (0x01, "initiate-request", 0x21, 0x41),
    (0x05, "read-request", 0x25, 0x45),
    (0x06, "write-request", 0x26, 0x46),
    (0x08, "initiate-response", 0x28, 0x48),
    (0x0C, "read-response", 0x2C, 0x4C),
    (0x0D, "write-response", 0x2D, 0x4D),
    (0x0E, "confirmed-service-error", 0x2E, 0x4E),
    (0x16, "unconfirmed-write-request", 0x36, 0x56),
    (0x18, "information-report-request", 0x38, 0x58),
    (0xC0, "get-request", 0xC8, 0xD0),
    (0xC1, "set-request", 0xC9, 0xD1),
    (0xC2, "event-notification-request", 0xCA, 0xD2),
    (0xC3, "action-request", 0xCB, 0xD3),
    (0xC4, "get-response", 0xCC, 0xD4),
    (0xC5, "set-response", 0xCD, 0xD5),
    (0xC7, "action-response", 0xCF, 0xD7),
)
GLOBAL_TAGS: Final = {plain: tag for plain, _, tag, _ in _SERVICES}
DEDICATED_TAGS: Final = {plain: tag for plain, _, _, tag in _SERVICES}
_PLAIN: Final = {tag: (plain, f"glo-{name}", False) for plain, name, tag, _ in _SERVICES} | {
    tag: (plain, f"ded-{name}", True) for plain, name, _, tag in _SERVICES
}
SERVICE_TAGS: Final = frozenset(_PLAIN)


def encode_body(control: SecurityControl, counter: int, content: bytes) -> bytes:
    """Length, security control, invocation counter and content."""
    body = bytes((int(control),)) + counter.to_bytes(4, "big") + content
    return encode_length(len(body)) + body


def decode_body(cursor: Cursor) -> tuple[SecurityControl, int, bytes]:
    """What :func:`encode_body` makes, to the end of the APDU; DecodeError if it is none."""
    body = cursor.part("the ciphered content")
    control = SecurityControl.of(body.unsigned(1, "the security control"))
    counter = body.unsigned(4, "the invocation counter")
    if control.authenticated and body.end - body.offset < TAG_SIZE:
        raise body.error("the authentication tag is cut short")
    content = body.octets(body.end - body.offset, "the ciphered content")
    cursor.finish()
    return control, counter, content


@frozen
class Ciphered:
    """One service under the global (glo-) or dedicated (ded-) key.

    The sender's system title is not in it: both ends know it from the association.
    """

    tag: int = field()
    control: SecurityControl
    counter: int
    content: bytes = field(repr=False)

    @tag.validator
    def _known(self, _: object, tag: int) -> None:
        if tag not in _PLAIN:
            raise LocalError(f"tag {tag:02X} is no ciphered service")

    @property
    def plain_tag(self) -> int:
        """The tag that the plain APDU must have."""
        return _PLAIN[self.tag][0]

    @property
    def name(self) -> str:
        """As the standard writes it, such as glo-get-response."""
        return _PLAIN[self.tag][1]

    @property
    def dedicated(self) -> bool:
        """Whether the dedicated key is meant."""
        return _PLAIN[self.tag][2]

    def encode(self) -> bytes:
        """The APDU."""
        return bytes((self.tag,)) + encode_body(self.control, self.counter, self.content)

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        known = _PLAIN.get(apdu[0]) if apdu else None
        cursor = Cursor(known[1] if known else "ciphered APDU", apdu)
        tag = cursor.unsigned(1, "the tag")
        if known is None:
            raise cursor.error(f"tag {tag:02X} is no ciphered service,", 0)
        return cls(tag, *decode_body(cursor))


@frozen
class GeneralCiphered:
    """Any APDU under the global or dedicated key, with the sender's system title.

    ``title`` has eight bytes; some meters leave it empty (quirk 30).
    """

    GLOBAL: ClassVar = 0xDB
    DEDICATED: ClassVar = 0xDC

    dedicated: bool
    title: bytes = field()
    control: SecurityControl
    counter: int
    content: bytes = field(repr=False)

    @title.validator
    def _eight_or_none(self, _: object, title: bytes) -> None:
        if len(title) not in (0, SYSTEM_TITLE_SIZE):
            raise LocalError(f"a system title of {len(title)} bytes")

    @property
    def tag(self) -> int:
        """0xDB or 0xDC."""
        return self.DEDICATED if self.dedicated else self.GLOBAL

    @property
    def name(self) -> str:
        """As the standard writes it."""
        return "general-ded-ciphering" if self.dedicated else "general-glo-ciphering"

    def encode(self) -> bytes:
        """The APDU."""
        return b"".join(
            (
                bytes((self.tag,)),
                encode_length(len(self.title)),
                self.title,
                encode_body(self.control, self.counter, self.content),
            )
        )

    @classmethod
    def decode(cls, apdu: bytes) -> Self:
        """From a whole APDU; DecodeError if it is none."""
        cursor = Cursor("general-glo-ciphering", apdu)
        tag = cursor.unsigned(1, "the tag")
        if tag not in (cls.GLOBAL, cls.DEDICATED):
            raise cursor.error(f"tag {tag:02X} is not general-glo- or general-ded-ciphering,", 0)
        start = cursor.offset
        title = cursor.octet_string("the system title")
        if len(title) not in (0, SYSTEM_TITLE_SIZE):
            raise cursor.error(f"a system title of {len(title)} bytes", start)
        return cls(tag == cls.DEDICATED, title, *decode_body(cursor))
