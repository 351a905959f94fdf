"""Ten thousand replies that must not be believed; the genuine one after each must be.

``python -m benchmarks.forgeries`` tries a million.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.dlms.security.forgery import SCENES, Attack, Tally, run


class AttackTests(SynchronousTestCase):
    def test_none_of_ten_thousand_is_believed(self) -> None:
        tally = run(10_000, seed=20)
        self.assertEqual(tally.tried, 10_000)
        self.assertEqual(tally.accepted, 0)
        self.assertEqual(tally.counter_moved, 0)
        self.assertEqual(tally.genuine_refused, 0)
        # Every kind was tried, in every scene, and every check had something to refuse.
        self.assertEqual(len(tally.kinds), 15)
        self.assertEqual(len(tally.scenes), len(SCENES))
        self.assertEqual(
            set(tally.errors),
            {
                "CompressionError",
                "CounterError",
                "DecodeError",
                "MissingKeyError",
                "PlainTextError",
                "PolicyError",
                "SuiteError",
                "SystemTitleError",
                "TagError",
                "TransactionError",
            },
        )

    def test_the_oracle_sees_what_is_believed(self) -> None:
        """A client without a floor and without memory falls for some of them."""
        tally = Tally()
        attack = Attack(SCENES[0], Random(1), tally)
        attack._pair.client.open = lambda apdu: b"anything"  # type: ignore[method-assign]
        attack.round()
        self.assertEqual((tally.accepted, tally.genuine_refused, tally.clean), (1, 1, False))
