"""Rules for what meters that call in have: where they call, and what they say first."""

from __future__ import annotations

import re
from typing import Final

from dlmsd.config.listen import Listen
from dlmsd.config.rules import Refusal

_MAX_ANNOUNCEMENT: Final = 128
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


def listen_calls(value: object) -> str:
    """The rule for ``dial_in.listen``."""
    if not isinstance(value, str) or Listen.parse(value).kind == "unix":
        raise Refusal("expected an endpoint: tcp:PORT, tcp:PORT:interface=ADDRESS or ssl:PORT:...")
    return value


def announcement(value: object) -> bytes:
    """The rule for ``announces``: text, or octets in hex digits behind ``hex:``."""
    if isinstance(value, str) and value:
        kind, _, digits = value.partition(":")
        if kind != "hex":
            octets = value.encode()
        elif _HEX.fullmatch(digits):
            octets = bytes.fromhex(digits)
        else:
            raise Refusal("expected pairs of hex digits behind hex:")
        if len(octets) <= _MAX_ANNOUNCEMENT:
            return octets
    raise Refusal(f"expected text of at most {_MAX_ANNOUNCEMENT} bytes, or hex: and hex digits")
