from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from dlmsd.model import Reading
from tests.integration.outage import NAMES, judge, outage


class JudgeTests(SynchronousTestCase):
    """One reading of each meter; and one thing wrong."""

    def setUp(self) -> None:
        self.committed = [
            Reading(name, ts, {"energy": Decimal(ts)}) for ts, name in enumerate(NAMES, 1)
        ]
        self.messages = [
            (f"dlmsd/{one.meter}", b'{"ts":%d,"values":{"energy":%d}}' % (one.ts, one.ts), False)
            for one in self.committed
        ]

    def wrong(self) -> list[str]:
        return judge(self.committed, self.messages, 1.0).wrong

    def test_all_is_well(self) -> None:
        self.assertEqual(self.wrong(), [])

    def test_other_values(self) -> None:
        self.messages[1] = ("dlmsd/meter-1", b'{"ts":2,"values":{"energy":1}}', False)
        self.assertEqual(self.wrong(), ["meter-1: 2 arrived with {'energy': Decimal('1')}"])

    def test_another_meter(self) -> None:
        self.messages[1] = ("dlmsd/meter-0", *self.messages[1][1:])
        self.assertEqual(
            self.wrong(),
            [
                "meter-0: 2 arrived with {'energy': Decimal('2')}",
                "meter-1: 1 readings were lost",
            ],
        )


class OutageTests(TestCase):
    timeout = 120

    def test_a_broker_that_is_stopped_for_seconds(self) -> Deferred[None]:
        """A minute: ``python -m tests.integration.outage``."""

        async def stopped() -> None:
            verdict = await outage(Path(self.mktemp()), 4.0)
            self.assertEqual(verdict.wrong, [])
            self.assertGreater(verdict.committed, 900)

        return Deferred.fromCoroutine(stopped())
