"""Many findings of one cause are one alarm."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from dlmsd.model import MeterState
from tests.watch.rule_case import METER, RuleCase


class GroupingTests(RuleCase):
    def down(self, count: int, address: str = "gw:1", start: int = 0, **changes: Any) -> None:
        statuses = [
            evolve(METER, name=f"m{start + n:02}", address=address.format(n)) for n in range(count)
        ]
        for status in statuses:
            self.post(status)
        for _ in range(3):
            self.pass_(10)
            for n, status in enumerate(statuses):
                statuses[n] = evolve(
                    status, state=MeterState.DOWN, failed=status.failed + 1, cause="timeout",
                    error="no answer", error_ts=int(self.now), **changes,
                )  # fmt: skip
                self.post(statuses[n])

    def test_one_gateway_is_one_alarm_not_forty(self) -> None:
        self.down(40)
        finding = self.only()
        self.assertEqual((finding.rule, finding.subject), ("line-down", "gw:1"))
        self.assertEqual(finding.numbers["count"], 40)
        self.assertEqual(finding.meters, ("m00", "m01", "m02", "m03", "m04"))
        self.assertEqual(finding.quotes, ("no answer",))

    def test_a_neighbour_that_answers_says_that_the_line_is_well(self) -> None:
        self.down(3)
        self.post(evolve(METER, name="z", address="gw:1"))
        self.assertEqual(self.rules(), ["meter-unanswered"] * 3)

    def test_everything_down_is_one_alarm(self) -> None:
        self.down(10, "h{}:1")
        self.assertEqual((self.only().rule, self.only().numbers["count"]), ("network-down", 10))

    def test_half_of_everything_is_not_the_network(self) -> None:
        self.down(5, "h{}:1")
        for number in range(5):
            self.post(evolve(METER, name=f"z{number}", address=f"z{number}:1"))
        self.assertEqual(self.rules(), ["meter-unanswered"] * 5)

    def test_gateways_among_all_that_is_down(self) -> None:
        self.down(4, "gw:1")
        self.down(4, "h{}:1", start=50)
        self.assertEqual((self.only().rule, self.only().numbers["count"]), ("network-down", 8))
