"""Long-Invoke-Id-And-Priority: four bytes, in ACCESS and DataNotification (IEC 62056-53)."""

from __future__ import annotations

from typing import Final

LONG_INVOKE_ID: Final = 0x00FF_FFFF
SELF_DESCRIPTIVE: Final = 1 << 28
BREAK_ON_ERROR: Final = 1 << 29
CONFIRMED: Final = 1 << 30
HIGH_PRIORITY: Final = 1 << 31


def encode_long_invoke(
    invoke_id: int,
    *,
    self_descriptive: bool = False,
    break_on_error: bool = False,
    confirmed: bool = True,
    high_priority: bool = True,
) -> int:
    """The number for an invoke-id, which counts modulo 2**24.

    A self-descriptive response repeats what was asked; with ``break_on_error`` the meter
    stops at the first item that fails.
    """
    return (
        (invoke_id & LONG_INVOKE_ID)
        | (SELF_DESCRIPTIVE if self_descriptive else 0)
        | (BREAK_ON_ERROR if break_on_error else 0)
        | (CONFIRMED if confirmed else 0)
        | (HIGH_PRIORITY if high_priority else 0)
    )


def long_invoke_id(invoke: int) -> int:
    """The invoke-id, 0 to 16,777,215: an answer carries that of its request."""
    return invoke & LONG_INVOKE_ID


def is_self_descriptive(invoke: int) -> bool:
    """Whether the response is to repeat, or repeats, what was asked."""
    return bool(invoke & SELF_DESCRIPTIVE)


def breaks_on_error(invoke: int) -> bool:
    """Whether the first item that fails ends the request."""
    return bool(invoke & BREAK_ON_ERROR)


def is_confirmed(invoke: int) -> bool:
    """The service class: whether an answer is wanted."""
    return bool(invoke & CONFIRMED)


def is_high_priority(invoke: int) -> bool:
    """Whether this may overtake what has normal priority."""
    return bool(invoke & HIGH_PRIORITY)
