from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish.version import VersionChoice


class VersionChoiceTests(SynchronousTestCase):
    def test_five_first(self) -> None:
        choice = VersionChoice("auto")
        self.assertEqual(choice.next, 5)
        self.assertTrue(choice.accepted(5))
        self.assertEqual(choice.next, 5)

    def test_refused_in_words_is_remembered(self) -> None:
        choice = VersionChoice("auto")
        choice.refused(5)
        self.assertEqual(choice.next, 311)
        self.assertTrue(choice.accepted(311))
        choice.closed(311)
        self.assertEqual(choice.next, 311)

    def test_an_upgraded_broker_gets_five_again(self) -> None:
        choice = VersionChoice("auto")
        choice.refused(5)
        choice.refused(311)
        self.assertEqual(choice.next, 5)

    def test_a_silent_close_counts_when_311_was_accepted_between_two(self) -> None:
        choice = VersionChoice("auto")
        choice.closed(5)
        self.assertEqual(choice.next, 311)
        self.assertFalse(choice.accepted(311))
        self.assertEqual(choice.next, 5)
        choice.closed(5)
        self.assertEqual(choice.next, 311)
        self.assertTrue(choice.accepted(311))

    def test_a_broker_that_was_only_starting_gets_five(self) -> None:
        choice = VersionChoice("auto")
        choice.closed(5)
        self.assertFalse(choice.accepted(311))
        self.assertTrue(choice.accepted(5))
        choice.closed(5)
        choice.closed(311)
        self.assertEqual(choice.next, 5)

    def test_forced_versions_stay(self) -> None:
        for version in (5, 311):
            choice = VersionChoice(version)
            choice.refused(version)
            choice.closed(version)
            self.assertEqual(choice.next, version)
            self.assertTrue(choice.accepted(version))
