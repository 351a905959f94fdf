"""SNRM and UA parameters (IEC 62056-46 clause 6.4.4.4.3): information field and window."""

from __future__ import annotations

from typing import Final

from attrs import frozen

# What both sides assume where nothing was agreed upon.
DEFAULT_INFORMATION: Final = 128
DEFAULT_WINDOW: Final = 1
# The least and the most that the standard allows; a meter that claims less is mistaken,
# and more does not fit a frame of 2,047 octets.
MIN_INFORMATION: Final = 32
MAX_INFORMATION: Final = 2030
MAX_WINDOW: Final = 7

_FORMAT: Final = b"\x81\x80"
_TRANSMIT_INFORMATION: Final = 0x05
_RECEIVE_INFORMATION: Final = 0x06
_TRANSMIT_WINDOW: Final = 0x07
_RECEIVE_WINDOW: Final = 0x08


@frozen
class LinkParameters:
    """Limits of one side: octets in an information field, frames in a window."""

    transmit_information: int = DEFAULT_INFORMATION
    receive_information: int = DEFAULT_INFORMATION
    transmit_window: int = DEFAULT_WINDOW
    receive_window: int = DEFAULT_WINDOW

    def encode(self) -> bytes:
        """The information field of SNRM or UA."""
        group = b""
        for identifier, value, default in (
            (_TRANSMIT_INFORMATION, self.transmit_information, 1),
            (_RECEIVE_INFORMATION, self.receive_information, 1),
            (_TRANSMIT_WINDOW, self.transmit_window, 4),
            (_RECEIVE_WINDOW, self.receive_window, 4),
        ):
            size = max(default, (value.bit_length() + 7) // 8)
            group += bytes((identifier, size)) + value.to_bytes(size, "big")
        return _FORMAT + bytes((len(group),)) + group

    @classmethod
    def decode(cls, information: bytes) -> LinkParameters:
        """From a received information field; what is missing or cut short is the default."""
        values = dict[int, int]()
        if information[:2] == _FORMAT and len(information) > 2:
            group = information[3 : 3 + information[2]]
            while len(group) > 1 and len(group) >= (end := 2 + group[1]):
                values[group[0]] = int.from_bytes(group[2:end], "big")
                group = group[end:]
        return cls(
            values.get(_TRANSMIT_INFORMATION, DEFAULT_INFORMATION),
            values.get(_RECEIVE_INFORMATION, DEFAULT_INFORMATION),
            values.get(_TRANSMIT_WINDOW, DEFAULT_WINDOW),
            values.get(_RECEIVE_WINDOW, DEFAULT_WINDOW),
        )

    @property
    def legal(self) -> bool:
        """Whether both sizes and both windows are within the standard's limits."""
        sizes = (self.transmit_information, self.receive_information)
        windows = (self.transmit_window, self.receive_window)
        return (
            MIN_INFORMATION <= min(sizes) <= max(sizes) <= MAX_INFORMATION
            and 1 <= min(windows) <= max(windows) <= MAX_WINDOW
        )

    def agreed(self, theirs: LinkParameters) -> LinkParameters:
        """Our limits after ``theirs``: never more than we offered or they can take.

        Absurd values (nothing, or a window of eight) become the nearest sane ones.
        """
        return LinkParameters(
            _clamp(theirs.receive_information, MIN_INFORMATION, self.transmit_information),
            _clamp(theirs.transmit_information, MIN_INFORMATION, self.receive_information),
            _clamp(theirs.receive_window, 1, self.transmit_window),
            _clamp(theirs.transmit_window, 1, self.receive_window),
        )


def _clamp(value: int, low: int, high: int) -> int:
    return max(min(value, high), min(low, high))
