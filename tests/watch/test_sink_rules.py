"""Rules on sinks: each from both sides of its threshold."""

from __future__ import annotations

from attrs import evolve

from dlmsd.model import CloseCause, OutboxStatus, SinkState, Verdict
from dlmsd.store.counters import Account
from tests.watch.rule_case import METER, SINK, WALL, RuleCase


class SinkTests(RuleCase):
    def test_the_verdict_names_the_rule(self) -> None:
        for cause in CloseCause:
            self.setUp()
            self.post(SINK)
            verdict = Verdict(cause, 0.8, ("3 closes in 60 s",), 0)
            self.post(evolve(SINK, state=SinkState.DOWN, connected=0, error="no", verdict=verdict))
            self.pass_(20)
            self.assertEqual(self.rules(), [])
            self.pass_(1)
            finding = self.only()
            self.assertEqual(finding.rule, f"sink-{cause.value.replace('_', '-')}")
            self.assertEqual(finding.quotes, ("no", "3 closes in 60 s"))
            self.assertEqual(finding.confidence, 0.8)

    def test_stalled(self) -> None:
        self.post(evolve(SINK, delivered=5), OutboxStatus(queued={"tb": 3}))
        self.pass_(121)
        self.assertEqual(self.rules(), ["sink-stalled"])
        self.post(evolve(SINK, delivered=6))
        self.assertEqual(self.rules(), [])

    def test_one_that_seldom_has_anything_is_not_stalled_when_it_has(self) -> None:
        self.post(SINK, OutboxStatus(queued={"tb": 0}))
        self.pass_(900)
        self.post(OutboxStatus(queued={"tb": 1}))
        self.assertEqual(self.rules(), [])
        self.pass_(121)
        self.post(OutboxStatus(queued={"tb": 2}))
        self.assertEqual(self.rules(), ["sink-stalled"])

    def test_what_of_one_meter_does_not_arrive(self) -> None:
        self.post(METER, SINK)
        self.history.counted({("a", "tb"): Account(0, 0)}, self.now)
        for minute in range(1, 6):
            self.read(METER, 6)
            account = Account(committed=4 * minute, delivered=minute, queued=3 * minute)
            self.history.counted({("a", "tb"): account}, self.now)
            self.post(METER)
        finding = self.only()
        self.assertEqual((finding.rule, finding.subject), ("publish-ratio", "a → tb"))
        self.assertEqual(finding.numbers["percent"], 25)

    def test_a_sink_that_is_down_explains_its_meters(self) -> None:
        self.post(METER, SINK)
        self.history.counted({("a", "tb"): Account(5, 0, 5)}, self.now)
        status = self.read(METER, 13)
        self.assertEqual(self.rules(), ["delivery-stale"])
        self.post(evolve(SINK, state=SinkState.DOWN, error="no"))
        self.read(status, 3)
        self.assertEqual(self.rules(), ["sink-unknown"])

    def test_what_is_acknowledged_and_does_not_come_back(self) -> None:
        self.post(evolve(SINK, unechoed=4, unechoed_topics=("dlmsd/a", "dlmsd/b", "dlmsd/c")))
        finding = self.only()
        self.assertEqual((finding.rule, finding.severity), ("sink-unechoed", "warning"))
        self.assertEqual(finding.numbers["count"], 4)
        self.assertIn("dlmsd/a", finding.quotes)
        self.post(SINK)
        self.assertEqual(self.rules(), [])

    def test_the_brokers_certificate(self) -> None:
        for days, severity in ((6.9, "error"), (8, "warning"), (30, "warning"), (-1, "critical")):
            self.post(evolve(SINK, certificate_ends=int(WALL + days * 86_400)))
            finding = self.only()
            self.assertEqual((finding.rule, finding.severity), ("sink-certificate", severity))
        self.assertEqual(finding.numbers["ends"], "2027-01-14 08:00")
        self.post(evolve(SINK, certificate_ends=int(WALL + 31 * 86_400)))
        self.assertEqual(self.rules(), [])
