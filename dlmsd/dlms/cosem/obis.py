"""OBIS codes (IEC 62056-61): which quantity an object holds."""

from __future__ import annotations

import re
from typing import Final

from attrs import field, frozen
from attrs.validators import instance_of

_REDUCED: Final = re.compile(r"(\d+)-(\d+):(\d+)\.(\d+)(?:\.(\d+))?(?:[*&.](\d+))?")
_DOTTED: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)\.(\d+)\.(\d+)")
# Value group A (IEC 62056-61).
_ELECTRICITY: Final = 1


@frozen
class Obis:
    """A logical name: six value groups A-B:C.D.E*F, one byte each."""

    raw: bytes = field(validator=instance_of(bytes))

    @raw.validator
    def _six(self, attribute: object, value: bytes) -> None:
        if len(value) != 6:
            raise ValueError(f"an OBIS code has 6 value groups, not {len(value)}")

    @classmethod
    def parse(cls, text: str) -> Obis:
        """From ``1-1:32.7.0``, ``1-1:32.7.0*255`` or ``1.1.32.7.0.255``.

        E and F that are left out are 255. Raises ValueError for anything else.
        """
        match = _REDUCED.fullmatch(text.strip()) or _DOTTED.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no OBIS code; write it like 1-1:32.7.0")
        groups = [255 if group is None else int(group) for group in match.groups()]
        if max(groups) > 255:
            raise ValueError(f"{text!r} is no OBIS code: each group is 0 to 255")
        return cls(bytes(groups))

    @property
    def other_channel(self) -> Obis | None:
        """What a meter may call the same quantity: electricity (A = 1) of channel 1 for
        channel 0, or the other way round, since meters of one channel count from 0 or 1.

        None for all others: higher channels are others, and in 0-n: n is another device
        (0-1:24.2.1 is the first on M-Bus, 0-0:96.1.0 the meter's own ID).
        """
        a, b = self.raw[:2]
        return Obis(bytes((a, 1 - b)) + self.raw[2:]) if a == _ELECTRICITY and b <= 1 else None

    def __str__(self) -> str:
        a, b, c, d, e, f = self.raw
        return f"{a}-{b}:{c}.{d}.{e}" + ("" if f == 255 else f"*{f}")
