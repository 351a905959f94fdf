"""What a broker refused is not said again at once, and not for ever."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish.message import Message
from dlmsd.publish.unwanted import MOST_ROUNDS, Unwanted

INFO, STATUS = Message("d/info", b"1"), Message("d/status", b"2")


class UnwantedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.unwanted = Unwanted()

    def spared(self) -> list[bool]:
        return [self.unwanted.spares(each) for each in (INFO, STATUS)]

    def test_a_refused_topic_alone_is_spared(self) -> None:
        self.unwanted.refused("d/info")
        self.unwanted.ended()
        self.assertEqual(self.spared(), [True, False])

    def test_tried_again_after_a_connection_that_passed(self) -> None:
        self.unwanted.refused("d/info")
        self.unwanted.ended()
        self.unwanted.ended()
        self.assertEqual(self.spared(), [False, False])

    def test_a_broker_that_refuses_all_hears_none(self) -> None:
        for number in range(MOST_ROUNDS):
            self.assertEqual(self.spared(), [False, False])
            self.unwanted.refused(f"d/{number}")
            self.unwanted.ended()
        self.assertEqual(self.spared(), [True, True])
        self.unwanted.ended()
        self.assertEqual(self.spared(), [False, False])
