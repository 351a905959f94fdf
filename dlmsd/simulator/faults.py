"""Faults on demand: what becomes of the octets that a meter wanted to send.

Most work on octets, below the link, which knows nothing of them: what is lost or spoiled
here is repeated because the client asks again. ``refuse``, ``dm`` and those of blocks need
the association and the link, so the owner of those asks :meth:`FaultInjector.strikes`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from random import Random
from typing import Final, TypeAlias

from attrs import define, field, frozen

from dlmsd.dlms.hdlc.address import address_end
from dlmsd.errors import LocalError


class FaultKind(enum.Enum):
    """What can be wrong."""

    NOISE = "noise"
    """Garbage with flags in it before and behind a frame."""
    BAD_FCS = "bad-fcs"
    """A frame whose frame check is wrong."""
    BAD_HCS = "bad-hcs"
    """A frame whose header check is wrong; its frame check where it has no information."""
    TRICKLE = "trickle"
    """A frame that comes byte by byte."""
    SILENCE = "silence"
    """No answer."""
    RESET = "reset"
    """Half a frame, then the connection is reset."""
    LATE = "late"
    """An answer after most clients have given it up."""
    TRUNCATED = "truncated"
    """Half a frame, and the whole frame right behind it."""
    RESIDUE = "residue"
    """On a new connection, the rest of an answer that an earlier client did not wait for."""
    REFUSE = "refuse"
    """The password is taken for a wrong one."""
    DM = "dm"
    """DM instead of an answer: the meter has forgotten the link."""
    LOST_BLOCK = "lost-block"
    """A block of general block transfer that never arrives."""
    DOUBLED_BLOCK = "doubled-block"
    """A block of general block transfer that arrives twice."""


ON_FRAME: Final = frozenset(
    {
        FaultKind.NOISE,
        FaultKind.BAD_FCS,
        FaultKind.BAD_HCS,
        FaultKind.TRICKLE,
        FaultKind.SILENCE,
        FaultKind.RESET,
        FaultKind.LATE,
        FaultKind.TRUNCATED,
    }
)
HDLC_ONLY: Final = frozenset({FaultKind.BAD_FCS, FaultKind.BAD_HCS, FaultKind.DM})
# HDLC loses and doubles no APDU.
WRAPPER_ONLY: Final = frozenset({FaultKind.LOST_BLOCK, FaultKind.DOUBLED_BLOCK})

# Longer than the shipped profiles' timeout of 5 s.
LATE_SECONDS: Final = 6.0
# Long enough that the operating system sends each byte by itself.
TRICKLE_SECONDS: Final = 0.002


@frozen
class Write:
    """Give these octets to the transport."""

    octets: bytes


@frozen
class Pause:
    """Wait, in seconds."""

    seconds: float


@frozen
class Reset:
    """End the connection with RST."""


Step: TypeAlias = Write | Pause | Reset


@frozen
class Fault:
    """One kind of fault, by ``chance`` (0 to 1) or ``every`` so many times; LocalError else."""

    kind: FaultKind
    chance: float = 0.0
    every: int = field(default=0)

    @every.validator
    def _one_of_both(self, _: object, every: int) -> None:
        if (self.chance > 0) == (every > 0) or not 0 <= self.chance <= 1 or every < 0:
            raise LocalError(f"{self.kind.value} needs a chance up to 1, or every so many")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """From ``noise=0.1`` or ``reset=every:50``. Raises ValueError for anything else."""
        name, _, rate = text.partition("=")
        try:
            kind = FaultKind(name)
        except ValueError:
            known = ", ".join(one.value for one in FaultKind)
            raise ValueError(f"{name!r} is no fault; there are {known}") from None
        try:
            if rate.startswith("every:"):
                return cls(kind, every=int(rate.removeprefix("every:")))
            return cls(kind, chance=float(rate))
        except (ValueError, LocalError):
            raise ValueError(f"{text!r}: write {name}=0.1 or {name}=every:50") from None


@define
class FaultInjector:
    """One meter's faults; ``faults`` may be changed at any time.

    ``struck`` counts what was done, by kind. Of several faults that fall due together the
    first one happens, so that what follows has one cause.
    """

    random: Random
    faults: tuple[Fault, ...] = ()
    struck: dict[FaultKind, int] = field(factory=dict)
    _turns: dict[FaultKind, int] = field(factory=dict)

    def strikes(self, *kinds: FaultKind) -> FaultKind | None:
        """Which of ``kinds`` happens now, if any."""
        happens = None
        for fault in self.faults:
            if fault.kind in kinds and self._due(fault) and happens is None:
                happens = fault.kind
        if happens is not None:
            self.struck[happens] = self.struck.get(happens, 0) + 1
        return happens

    def _due(self, fault: Fault) -> bool:
        if not fault.every:
            return self.random.random() < fault.chance
        turn = self._turns[fault.kind] = self._turns.get(fault.kind, 0) + 1
        return turn % fault.every == 0

    def send(self, octets: bytes) -> list[Step]:
        """How one frame is sent."""
        if not self.faults:
            return [Write(octets)]
        kind = self.strikes(*ON_FRAME)
        return _SPOIL[kind](octets, self.random) if kind else [Write(octets)]

    def connected(self, old: bytes) -> list[Step]:
        """What is sent on a new connection unasked; ``old`` is a frame of an earlier one."""
        if self.strikes(FaultKind.RESIDUE):
            return [Write(old[len(old) // 2 :] + old)]
        return []


def _garbage(random: Random) -> bytes:
    """Octets with flags, and with what looks like the beginning of a frame."""
    kinds: Iterable[bytes] = (b"\x7e", b"\x7e\xa0", b"\x7e\x7e", random.randbytes(3), b"\xe6\xe7")
    return b"".join(random.choices(tuple(kinds), k=random.randint(1, 8)))


def _noise(octets: bytes, random: Random) -> list[Step]:
    return [Write(_garbage(random) + octets + _garbage(random))]


def _flip(octets: bytes, place: int, random: Random) -> list[Step]:
    spoiled = bytearray(octets)
    spoiled[place] ^= 1 << random.randrange(8)
    return [Write(bytes(spoiled))]


def _bad_fcs(octets: bytes, random: Random) -> list[Step]:
    return _flip(octets, len(octets) - 2 - random.randrange(2), random)


def _bad_hcs(octets: bytes, random: Random) -> list[Step]:
    middle = address_end(octets, 3, len(octets))
    control = address_end(octets, middle, len(octets))
    return _flip(octets, control + 1 + random.randrange(2), random)


def _trickle(octets: bytes, random: Random) -> list[Step]:
    steps: list[Step] = []
    for octet in octets:
        steps += (Write(bytes((octet,))), Pause(TRICKLE_SECONDS))
    return steps


def _half(octets: bytes, random: Random) -> bytes:
    """Not the closing flag alone is missing: without it a frame is still whole."""
    return octets[: random.randint(1, len(octets) - 3)]


_SPOIL: Final[dict[FaultKind, Callable[[bytes, Random], list[Step]]]] = {
    FaultKind.NOISE: _noise,
    FaultKind.BAD_FCS: _bad_fcs,
    FaultKind.BAD_HCS: _bad_hcs,
    FaultKind.TRICKLE: _trickle,
    FaultKind.SILENCE: lambda octets, random: [],
    FaultKind.RESET: lambda octets, random: [Write(_half(octets, random)), Reset()],
    FaultKind.LATE: lambda octets, random: [Pause(LATE_SECONDS), Write(octets)],
    FaultKind.TRUNCATED: lambda octets, random: [Write(_half(octets, random)), Write(octets)],
}
