"""A decoder under test, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from zlib import crc32

from attrs import frozen

from dlmsd.errors import DecodeError
from tests.dlms.axdr.test_limits import DECODED, REFUSED
from tests.fuzz import limits

# What 64 KiB may be cut into: enough for every seam, too few for their calls to count.
_MOST_PIECES: Final = 8


@frozen
class Target:
    """``run`` decodes one input, from nothing: it keeps nothing for the next one.

    ``refusals`` are the errors that it documents; anything else is a finding. ``seeds``
    are inputs worth changing, beside the octets of all tests if ``harvest`` is set; of
    ``large`` ones, of up to 64 KiB, few are made. None may take longer than ``seconds``.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...] = ()
    large: tuple[bytes, ...] = ()
    refusals: tuple[type[BaseException], ...] = (DecodeError,)
    tokens: tuple[bytes, ...] = ()
    harvest: bool = True
    seconds: float = limits.MAX_SECONDS


BOMBS: Final = (*DECODED.values(), *(octets for octets, _ in REFUSED.values()))
"""Data of 64 KiB that cost as much as any, and some that would cost more."""


def behind(head: bytes) -> tuple[bytes, ...]:
    """Bombs behind the head of an APDU."""
    return tuple(head + bomb[: (1 << 16) - len(head)] for bomb in BOMBS)


def pieces(octets: bytes) -> Iterator[bytes]:
    """A stream as it may arrive; the octets themselves decide where it is cut."""
    size = len(octets)
    step = max(crc32(octets) % (size + 1), size // _MOST_PIECES, 1)
    for start in range(0, size, step):
        yield octets[start : start + step]
