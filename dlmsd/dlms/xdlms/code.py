"""Numbers that the standard names, and what they tell the operator."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

# Codes travel as one byte in A-XDR and as an INTEGER of at most four bytes in BER.
MAX_CODE = 0x7FFFFFFF
# Unknown codes of one octet are made once; larger ones could fill the memory.
_MAX_KEPT = 0xFF


class Code(IntEnum):
    """An enumeration whose members are ``number, sentence``.

    The member's name is the standard's, with ``_`` for ``-``. Meters also send numbers
    that the standard does not name: those are kept, and :attr:`words` tells them.
    """

    sentence: str

    def __new__(cls, number: int, sentence: str = "") -> Self:
        code = int.__new__(cls, number)
        code._value_ = number
        code.sentence = sentence
        return code

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or not 0 <= value <= MAX_CODE:
            return None
        code = int.__new__(cls, value)
        code._value_ = value
        code._name_ = f"UNKNOWN_{value}"
        code.sentence = ""
        if value <= _MAX_KEPT:
            # An answer may hold thousands of one unknown code, and making it is slow.
            cls._value2member_map_[value] = code
        return code

    @property
    def standard_name(self) -> str:
        """As the standard writes it, such as ``read-write-denied``; ``unknown-99``."""
        return self.name.lower().replace("_", "-")

    @property
    def words(self) -> str:
        """The name and a sentence for the operator."""
        if not self.sentence:
            return f"code {int(self)}, which the standard does not name; see the meter's manual"
        return f"{self.standard_name}: {self.sentence}"
