"""The head that general-ciphering and general-signing share (IEC 62056-5-3 clause 5.7.2.4).

Five octet strings: transaction-id, originator's and recipient's system title, date-time
and other information; each may be empty.
"""

from __future__ import annotations

from typing import Final, Self

from attrs import field, frozen

from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.security.suite import SYSTEM_TITLE_SIZE
from dlmsd.dlms.xdlms.cursor import Cursor
from dlmsd.errors import LocalError

# Nine bytes are the longest in use; the standard sets no limit.
MAX_TRANSACTION_ID: Final = 64
# The standard's date-time.
_DATE_TIME: Final = (0, 12)


@frozen
class Transaction:
    """Who sends what to whom, and which exchange it belongs to.

    Titles have eight bytes or none, ``date_time`` twelve or none, ``transaction_id`` at
    most 64; LocalError otherwise.
    """

    transaction_id: bytes = field(default=b"")
    originator: bytes = field(default=b"")
    recipient: bytes = field(default=b"")
    date_time: bytes = field(default=b"")
    other_information: bytes = b""

    @transaction_id.validator
    def _short(self, _: object, transaction_id: bytes) -> None:
        if len(transaction_id) > MAX_TRANSACTION_ID:
            raise LocalError(f"a transaction-id of {len(transaction_id)} bytes")

    @originator.validator
    @recipient.validator
    def _title(self, _: object, title: bytes) -> None:
        if len(title) not in (0, SYSTEM_TITLE_SIZE):
            raise LocalError(f"a system title of {len(title)} bytes")

    @date_time.validator
    def _date_time(self, _: object, date_time: bytes) -> None:
        if len(date_time) not in _DATE_TIME:
            raise LocalError(f"a date-time of {len(date_time)} bytes")

    def encode(self) -> bytes:
        """The five octet strings, as they are sent and as the tag covers them."""
        return b"".join(
            encode_length(len(octets)) + octets
            for octets in (
                self.transaction_id,
                self.originator,
                self.recipient,
                self.date_time,
                self.other_information,
            )
        )

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """From the cursor's next bytes; DecodeError if they are none."""
        return cls(
            _sized(cursor, "transaction-id", range(MAX_TRANSACTION_ID + 1)),
            _sized(cursor, "originator-system-title", (0, SYSTEM_TITLE_SIZE)),
            _sized(cursor, "recipient-system-title", (0, SYSTEM_TITLE_SIZE)),
            _sized(cursor, "date-time", _DATE_TIME),
            cursor.octet_string("other-information"),
        )


def _sized(cursor: Cursor, what: str, sizes: range | tuple[int, ...]) -> bytes:
    start = cursor.offset
    octets = cursor.octet_string(what)
    if len(octets) not in sizes:
        raise cursor.error(f"{what} of {len(octets)} bytes", start)
    return octets
