"""Invoke-Id-And-Priority: the byte that pairs an answer with its request (IEC 62056-53)."""

from __future__ import annotations

from typing import Final

INVOKE_ID: Final = 0x0F
CONFIRMED: Final = 0x40
HIGH_PRIORITY: Final = 0x80


def encode_invoke(invoke_id: int, *, confirmed: bool = True, high_priority: bool = True) -> int:
    """The byte for an invoke-id, which counts modulo 16."""
    return (
        (invoke_id & INVOKE_ID)
        | (CONFIRMED if confirmed else 0)
        | (HIGH_PRIORITY if high_priority else 0)
    )


def invoke_id(invoke: int) -> int:
    """The invoke-id, 0 to 15: an answer carries that of its request."""
    return invoke & INVOKE_ID


def is_confirmed(invoke: int) -> bool:
    """The service class: whether an answer is wanted."""
    return bool(invoke & CONFIRMED)


def is_high_priority(invoke: int) -> bool:
    """Whether this request may overtake those of normal priority."""
    return bool(invoke & HIGH_PRIORITY)
