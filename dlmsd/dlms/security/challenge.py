"""Challenges of high level security (IEC 62056-5-3 clause 5.2.2.2.3).

The client's is CtoS, the meter's StoC. Either end calls its own ``own``, the other's
``peer``; the mechanisms are then the same at both ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import field, frozen
from cryptography.hazmat.primitives.constant_time import bytes_eq

from dlmsd.dlms.security.errors import ChallengeError
from dlmsd.errors import LocalError

MIN_CHALLENGE: Final = 8
MAX_CHALLENGE: Final = 64
# The only length that all meters take: some (quirk 25) accept no other.
USUAL_CHALLENGE: Final = 16
# With ECDSA the standard asks for at least as much as the curve is strong.
ECDSA_CHALLENGE: Final = 32


def draw_challenge(random: Callable[[int], bytes], length: int = USUAL_CHALLENGE) -> bytes:
    """A challenge of our own; ``random`` gives so many unpredictable bytes."""
    if not MIN_CHALLENGE <= length <= MAX_CHALLENGE:
        raise LocalError(f"a challenge of {length} bytes")
    return random(length)


@frozen
class Challenges:
    """Both challenges and both system titles of one association.

    ChallengeError if the peer's is out of length, or our own sent back: to answer that
    would be to prove the peer's knowledge for it. Titles may be empty where the mechanism
    does not use them.
    """

    own: bytes
    peer: bytes = field()
    own_title: bytes = b""
    peer_title: bytes = b""

    @peer.validator
    def _worth_an_answer(self, _: object, peer: bytes) -> None:
        if not MIN_CHALLENGE <= len(peer) <= MAX_CHALLENGE:
            raise ChallengeError(f"{len(peer)} bytes, not {MIN_CHALLENGE} to {MAX_CHALLENGE}")
        if bytes_eq(peer, self.own):
            raise ChallengeError("it is our own, sent back")
