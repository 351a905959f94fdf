from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import CloseCause
from dlmsd.publish import conduct, verdict
from dlmsd.publish.episodes import Ending
from tests.verdicts.causes import CAUSES
from tests.verdicts.episode import Outcome, play

EPISODES = 3


class VerdictTests(SynchronousTestCase):
    """``python -m tests.verdicts --episodes 50`` plays more."""

    def told(self, cause: CloseCause, seeds: Sequence[int]) -> list[Outcome]:
        return [play(cause, seed) for seed in seeds]

    def test_each_cause_is_told(self) -> None:
        outcomes = [one for cause in CAUSES for one in self.told(cause, range(1, EPISODES + 1))]
        self.assertEqual([one for one in outcomes if not one.right], [])
        late = [one for one in outcomes if one.cause is CloseCause.TAKEOVER]
        self.assertTrue(all(one.seconds is not None and one.seconds <= 120 for one in late))

    def test_without_the_silent_probe_a_takeover_is_missed(self) -> None:
        """That this proof can fail."""
        self.patch(conduct, "silence", lambda episodes: 0.0)
        outcomes = self.told(CloseCause.TAKEOVER, range(1, 11))
        self.assertTrue([one for one in outcomes if not one.right])

    def test_without_what_passed_later_a_rate_limit_is_missed(self) -> None:
        def nothing(self: object, seconds: float) -> list[Ending]:
            return []

        self.patch(verdict.Episodes, "acquitted", nothing)
        outcomes = self.told(CloseCause.RATE, range(1, 4))
        self.assertTrue([one for one in outcomes if not one.right])
