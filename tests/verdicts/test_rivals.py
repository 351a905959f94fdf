from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.verdicts.rivals import MOST_RECONNECTS, fight


class RivalsTests(SynchronousTestCase):
    """An hour: ``python -m tests.verdicts.rivals --seconds 3600``."""

    def test_two_daemons_with_one_token_are_told_and_lose_nothing(self) -> None:
        pairs, wrong = fight(Path(self.mktemp()).absolute(), 0.0)
        self.assertEqual(wrong, [])
        self.assertEqual(len(pairs), 4)
        for pair in pairs:
            print(pair)
            # That there was a fight, and no more of it than there may be in an hour.
            fought = sum(one.reconnects for one in pair.rivals)
            self.assertIn(fought, range(1, 2 * MOST_RECONNECTS + 1))
