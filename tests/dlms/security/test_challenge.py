"""Challenges that are not worth an answer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.challenge import Challenges, draw_challenge
from dlmsd.dlms.security.errors import ChallengeError
from dlmsd.errors import LocalError
from tests.dlms.security.contexts import seeded

OWN = b"our own challenge"


class ChallengeTests(SynchronousTestCase):
    def test_lengths(self) -> None:
        for size in (8, 16, 64):
            Challenges(OWN, b"x" * size)
        for size in (0, 1, 7, 65):
            error = self.assertRaises(ChallengeError, Challenges, OWN, b"x" * size)
            self.assertIn(f"{size} bytes", str(error))

    def test_a_reflection(self) -> None:
        error = self.assertRaises(ChallengeError, Challenges, OWN, bytes(OWN))
        self.assertIn("our own", str(error))

    def test_drawing(self) -> None:
        random = seeded(1)
        drawn = {draw_challenge(random) for _ in range(50)}
        self.assertEqual({len(one) for one in drawn}, {16})
        self.assertEqual(len(drawn), 50)
        self.assertEqual(len(draw_challenge(random, 64)), 64)
        for size in (7, 65, 0):
            self.assertRaises(LocalError, draw_challenge, random, size)
