from __future__ import annotations

import gc
import weakref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish.episodes import MOST_ENDINGS, Ending, Episodes
from dlmsd.publish.troubles import (
    ClosedTrouble,
    CredentialsTrouble,
    Trouble,
    UnacknowledgedTrouble,
    UnreachableTrouble,
)
from dlmsd.publish.verdict import judge


class BoundTests(SynchronousTestCase):
    """A broker may accept and take nothing for months."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.episodes = Episodes(self.clock.seconds, "x")

    def play(self, trouble: Trouble) -> weakref.ref[Ending]:
        """The same oldest deliveries are in flight each time."""
        self.episodes.accepted()
        self.episodes.speaks()
        for packet_id in range(3):
            self.episodes.sent(packet_id, "t", (2 * packet_id, 2 * packet_id + 1))
        self.clock.advance(60)
        self.episodes.ended(trouble)
        return weakref.ref(self.episodes.endings[-1])

    def test_an_ending_that_is_forgotten_is_kept_nowhere(self) -> None:
        endings = [self.play(ClosedTrouble("closed")) for _ in range(3 * MOST_ENDINGS)]
        gc.collect()
        alive = [one for one in endings if one() is not None]
        self.assertEqual(alive, endings[-MOST_ENDINGS:])
        self.episodes.accepted()
        self.episodes.sent(0, "t", (0, 1, 2))
        self.episodes.passed(0)
        self.assertEqual(
            {frozenset(one.doubted) for one in self.episodes.endings}, {frozenset((3, 4, 5))}
        )

    def test_an_end_that_accuses_no_message_keeps_no_deliveries(self) -> None:
        self.play(UnacknowledgedTrouble("none"))
        self.play(ClosedTrouble("closed"))
        silent, closed = self.episodes.endings
        self.assertEqual((silent.flying, silent.doubted), ((("t", ()),) * 3, set()))
        self.assertEqual((len(closed.flying), closed.doubted), (3, set(range(6))))

    def test_what_is_found_of_failed_attempts_stands_since_the_first(self) -> None:
        for trouble in (UnreachableTrouble("no"), CredentialsTrouble("no")):
            began = self.clock.seconds()
            for _ in range(3):
                self.episodes.ended(trouble)
                finding = judge(self.episodes)
                assert finding is not None
                self.assertEqual(finding.since, began)
                self.clock.advance(60)
