from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.integration.outage import outage


class OutageTests(TestCase):
    timeout = 120

    def test_a_broker_that_is_stopped_for_seconds(self) -> Deferred[None]:
        """A minute: ``python -m tests.integration.outage``."""

        async def stopped() -> None:
            verdict = await outage(Path(self.mktemp()), 4.0)
            self.assertEqual(verdict.wrong, [])
            self.assertGreater(verdict.committed, 900)

        return Deferred.fromCoroutine(stopped())
