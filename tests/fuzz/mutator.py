"""Inputs without end, from a seed: octets worth changing, changed.

A change is one of a dozen, often several in a row: bits, numbers, lengths, cuts, splices,
containers around what is there. Of the inputs so made, those that brought the decoder to
a place where it had not been become octets worth changing themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from dlmsd.dlms.axdr.length import encode_length

LIMIT: Final = 1 << 16
# Of so many inputs one is long, and one of up to 64 KiB: a long one takes a thousand
# times as long as a short one, and shows little more.
_LONG_EVERY: Final = 512
_LARGE_EVERY: Final = 8192
_LONG: Final = 2048
# What is learned is kept in so many places, none longer than this.
_KEPT: Final = 256
_MAX_KEPT: Final = 512
_TIMES: Final = (1, 1, 1, 1, 2, 2, 3, 6)

# Lengths at every edge, heads of containers and compact-arrays, flags, LLC headers, tags.
_TOKENS: Final = (
    *(bytes((octet,)) for octet in (*range(34), 0x7E, 0x7F, 0x80, 0xA0, 0xBE, 0xC4, 0xFF)),
    *(b"\x81\x00", b"\x81\x80", b"\x82\x00\x01", b"\x82\xff\xff", b"\x83\x01\x00\x00"),
    *(b"\x84\xff\xff\xff\xff", b"\x84\x7f\xff\xff\xff", b"\x85\x00\x00\x00\x00\x01", b"\x9f\x01"),
    *(b"\x02\x01" * 15, b"\x01\x01" * 17, b"\x13\x02\x02\x11\x00\x02\x05\x06", b"\x13\x11\x03abc"),
    *(b"\x13\x01\xff\xff\x00\x81\xff", b"\x09\x0c\x07\xe1\x0a\x14\x05\x03\x2b\x1e\xff\x80\x00\x00"),
    # The first and the last moment of datetime, and a whole day as deviation.
    *(
        b"\x00\x01\x01\x01\x01\x00\x00",
        b"\x27\x0f\x0c\x1f\x05\x17\x3b\x3b\x00",
        b"\x05\x9f",
        b"\xfa\x61",
    ),
    *(b"\x7e\xa0\x07", b"\xe6\xe7\x00", b"\x00\x01\x00\x01\x00\x10", b"\x04\x81\x81", b"\xff" * 12),
)


class Mutator:
    """``draw`` gives the next input, ``learn`` takes one that led somewhere new."""

    def __init__(
        self,
        seed: str,
        seeds: Sequence[bytes],
        large: Sequence[bytes] = (),
        tokens: Sequence[bytes] = (),
    ) -> None:
        self._random = Random(seed)
        self._unit = self._random.random
        self._seeds = tuple(seeds) or (b"",)
        self._large = tuple(large)
        self._tokens = tuple(tokens) or _TOKENS
        self._learned: list[bytes] = []

    def learn(self, octets: bytes) -> None:
        """Keep these among what is changed."""
        if len(octets) > _MAX_KEPT:
            return
        if len(self._learned) < _KEPT:
            self._learned.append(octets)
        else:
            self._learned[int(self._unit() * _KEPT)] = octets

    def draw(self) -> bytes:
        """The next input, at most 64 KiB."""
        bits = self._random.getrandbits(32)
        if not bits % _LONG_EVERY:
            return self._long(LIMIT if not bits % _LARGE_EVERY else _LONG)
        octets = self._base(bits >> 14)
        for _ in range(_TIMES[bits >> 20 & 7]):
            octets = _CHANGES[int(self._unit() * len(_CHANGES))](self, octets)
        return octets

    def _base(self, bits: int) -> bytes:
        if bits & 1 and self._learned:
            return self._pick(self._learned)
        return self._pick(self._seeds)

    def _pick(self, choices: Sequence[bytes]) -> bytes:
        return choices[int(self._unit() * len(choices))]

    def _long(self, limit: int) -> bytes:
        """A part again and again, counted or not; a long seed changed; or noise."""
        kind = int(self._unit() * 8)
        if kind < 3 and self._large and limit == LIMIT:
            octets = self._pick(self._large)
            change = _CHANGES[int(self._unit() * len(_CHANGES))]
            return change(self, octets)[:LIMIT] if kind else octets[:LIMIT]
        if kind == 7:
            return self._random.randbytes(limit)
        octets = self._base(kind)
        start, end = self._slice(octets)
        unit = octets[start:end] or b"\x00"
        if kind == 3:
            unit = self._pick(self._tokens)
        times = max((limit - len(octets) - 8) // len(unit), 1)
        middle = unit * times
        if kind > 4:
            middle = self._head(times, len(middle), unit) + middle
        return (octets[:start] + middle + octets[end:])[:limit]

    def _head(self, times: int, size: int, unit: bytes) -> bytes:
        """What may count a repetition: an array, a structure, a string, a compact-array."""
        kind = int(self._unit() * 6)
        if kind < 2:
            return bytes((kind + 1,)) + encode_length(times)
        if kind == 2:
            return encode_length(times)
        if kind == 3:
            return encode_length(size)
        if kind == 4:
            return self._pick((b"\x09", b"\x0a", b"\x0c", b"\x04")) + encode_length(size)
        types = self._pick((b"\x11", b"\x09", b"\x00", b"\x12", b"\x02\x02\x11\x00", b"\x04"))
        return b"\x13" + types + encode_length(size)

    def _slice(self, octets: bytes) -> tuple[int, int]:
        """A short piece, often to the end."""
        size = len(octets)
        start = int(self._unit() * (size + 1))
        length = int(self._unit() * 17)
        return start, size if length == 16 else min(size, start + length)

    # Changes.

    def _flip(self, octets: bytes) -> bytes:
        if not octets:
            return b"\x80"
        buffer = bytearray(octets)
        place = int(self._unit() * len(octets) * 8)
        buffer[place >> 3] ^= 1 << (place & 7)
        return bytes(buffer)

    def _octet(self, octets: bytes) -> bytes:
        place = int(self._unit() * (len(octets) + 1))
        octet = self._random.getrandbits(8)
        return b"%b%c%b" % (octets[:place], octet, octets[place + 1 :])

    def _step(self, octets: bytes) -> bytes:
        """An octet that counts something, one up or down."""
        if not octets:
            return b"\x01"
        bits = self._random.getrandbits(16)
        buffer = bytearray(octets)
        # What counts stands at the beginning more often than not.
        place = int(self._unit() * len(octets))
        if bits & 2:
            place = place % 16
        buffer[place] = buffer[place] + (1 if bits & 1 else -1) & 0xFF
        return bytes(buffer)

    def _extreme(self, octets: bytes) -> bytes:
        """A number of one, two or four octets at an edge of its range."""
        place = int(self._unit() * (len(octets) + 1))
        number = self._pick(_EXTREMES)
        return octets[:place] + number + octets[place + len(number) :]

    def _cut(self, octets: bytes) -> bytes:
        return octets[: int(self._unit() * (len(octets) + 1))]

    def _drop(self, octets: bytes) -> bytes:
        start, end = self._slice(octets)
        return octets[:start] + octets[end:]

    def _double(self, octets: bytes) -> bytes:
        start, end = self._slice(octets)
        return (octets[:end] + octets[start:])[:LIMIT]

    def _insert(self, octets: bytes) -> bytes:
        place = int(self._unit() * (len(octets) + 1))
        return (octets[:place] + self._pick(self._tokens) + octets[place:])[:LIMIT]

    def _replace(self, octets: bytes) -> bytes:
        place = int(self._unit() * (len(octets) + 1))
        token = self._pick(self._tokens)
        return (octets[:place] + token + octets[place + len(token) :])[:LIMIT]

    def _noise(self, octets: bytes) -> bytes:
        bits = self._random.getrandbits(16)
        noise = self._random.randbytes(bits & 15)
        if not bits >> 12:
            return noise
        place = int(self._unit() * (len(octets) + 1))
        return (octets[:place] + noise + octets[place:])[:LIMIT]

    def _splice(self, octets: bytes) -> bytes:
        other = self._base(self._random.getrandbits(1))
        start = int(self._unit() * (len(octets) + 1))
        end = int(self._unit() * (len(other) + 1))
        return (octets[:start] + other[end:])[:LIMIT]

    def _wrap(self, octets: bytes) -> bytes:
        """A piece some times over, behind a head that counts it."""
        start, end = self._slice(octets)
        unit = octets[start:end]
        times = int(self._unit() * 4)
        head = self._head(times, times * len(unit), unit)
        return (octets[:start] + head + unit * times + octets[end:])[:LIMIT]


_EXTREMES: Final = (
    *(b"\x00", b"\x7f", b"\x80", b"\xff", b"\x00\x00", b"\x7f\xff", b"\x80\x00", b"\xff\xff"),
    *(b"\x00" * 4, b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff" * 4, b"\xff" * 8),
)
_CHANGES: Final[tuple[Callable[[Mutator, bytes], bytes], ...]] = (
    Mutator._flip,
    Mutator._flip,
    Mutator._octet,
    Mutator._step,
    Mutator._step,
    Mutator._extreme,
    Mutator._cut,
    Mutator._drop,
    Mutator._double,
    Mutator._insert,
    Mutator._replace,
    Mutator._noise,
    Mutator._splice,
    Mutator._wrap,
)
