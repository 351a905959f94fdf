"""Rules on meters: each from both sides of its threshold."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from dlmsd.meter.identity import Identity
from dlmsd.model import MeterState, Reading
from dlmsd.standing import Rung, Standing
from dlmsd.watch.expectations import Expectations
from tests.watch.rule_case import METER, WALL, RuleCase


class ReachTests(RuleCase):
    def test_two_failures_are_chance_and_three_are_not(self) -> None:
        self.post(METER)
        status = self.fail_(self.read(), 2, cause="timeout")
        self.assertEqual(self.rules(), [])
        self.fail_(status, 1, cause="timeout")
        finding = self.only()
        self.assertEqual((finding.rule, finding.severity), ("meter-unanswered", "error"))
        self.assertEqual(finding.numbers["failures"], 3)

    def test_ten_minutes_are_critical(self) -> None:
        self.post(METER)
        self.fail_(self.read(), 3, cause="refused")
        self.pass_(569)
        self.assertEqual(self.only().severity, "error")
        self.pass_(1)
        finding = self.only()
        self.assertEqual((finding.rule, finding.severity), ("meter-not-listening", "critical"))
        self.assertEqual(finding.numbers["seconds"], 600)

    def test_each_cause_has_its_rule(self) -> None:
        for cause, rule in {
            "dns": "meter-unresolved",
            "unreachable": "meter-unreachable",
            "busy": "meter-busy",
            "closed": "meter-closes",
            "silence": "meter-mute",
            "tls": "meter-tls",
            "port": "meter-port",
            "service": "meter-gives-nothing",
            "decode": "meter-protocol",
            "protocol": "meter-protocol",
        }.items():
            self.setUp()
            self.post(METER)
            self.fail_(self.read(), 3, cause=cause)
            self.assertEqual(self.rules(), [rule])

    def test_a_refusal_needs_no_second_one(self) -> None:
        self.post(METER)
        self.fail_(self.read(), 1, cause="auth", standing=Standing(Rung.BARRED))
        self.assertEqual(self.rules(), ["meter-refuses-us"])

    def test_the_store_is_not_the_meters_fault_nor_is_an_operators_decision(self) -> None:
        self.post(METER)
        status = self.fail_(self.read(), 3, cause="store")
        self.assertEqual(self.rules(), [])
        self.post(evolve(status, state=MeterState.INACTIVE, cause="timeout"))
        self.pass_(10_000)
        self.assertEqual(self.rules(), [])

    def test_nothing_told_at_all(self) -> None:
        self.post(evolve(METER, state=MeterState.CONNECTING))
        self.pass_(599)
        self.assertEqual(self.rules(), [])
        self.pass_(1)
        self.assertEqual(self.rules(), ["meter-silent"])


class MeterTests(RuleCase):
    def test_messages_that_fail_their_check(self) -> None:
        """Wrong tags, old counters: also between good readings, and instead of what they cause."""
        status = self.read(times=20)
        status = self.fail_(status, 2, cause="security")
        status = self.read(status, 1, state=MeterState.READING)
        self.assertEqual(self.rules(), [])
        status = self.fail_(status, 1, cause="security")
        self.assertEqual(
            (self.only().rule, self.only().numbers), ("security-failing", {"count": 3})
        )
        self.assertEqual(self.board.unsafe["a"], 3)
        status = self.fail_(status, 8, cause="security")
        self.assertEqual(self.rules(), ["security-failing"])
        self.read(status, 70, state=MeterState.READING)
        self.assertEqual(self.rules(), [])

    def test_damaged_frames(self) -> None:
        self.post(METER)
        status = self.read(bad_frames=10)
        self.assertEqual(self.rules(), [])
        status = self.read(status, bad_frames=11)
        finding = self.only()
        self.assertEqual((finding.rule, finding.severity), ("hdlc-errors", "warning"))
        self.assertEqual(finding.numbers["frames"], 11)
        self.read(status, 70)
        self.assertEqual(self.rules(), [], "eleven minutes later")

    def test_damaged_frames_in_a_row_are_worse(self) -> None:
        self.post(METER)
        status = self.read()
        self.post(evolve(status, bad_frames=15))
        self.assertEqual(self.only().severity, "error")

    def test_noise(self) -> None:
        self.post(METER)
        status = self.read(noise_bytes=200)
        self.assertEqual(self.rules(), [])
        self.read(status, noise_bytes=201)
        self.assertEqual(self.rules(), ["line-noise"])

    def test_sockets_closed_between_good_readings(self) -> None:
        self.post(METER)
        status = self.read(times=40)
        for number in range(6):
            self.assertEqual(self.rules(), [], number)
            status = self.read(self.fail_(status, 1, cause="closed"), 2, state=MeterState.READING,
                               error="")  # fmt: skip
        self.assertEqual(self.rules(), ["sockets-closed"])

    def test_shares(self) -> None:
        for good, failed, rule in (
            (90, 10, None),
            (8, 2, None),
            (85, 15, "success-degraded"),
            (50, 50, "success-degraded"),
            (49, 51, "success-critical"),
            (0, 10, "success-down"),
        ):
            self.setUp()
            status = evolve(METER, good=0)
            self.post(status)
            self.post(evolve(status, good=good, failed=failed))
            self.assertEqual([one for one in self.rules() if one.startswith("success")],
                             [rule] if rule else [], (good, failed))  # fmt: skip

    def test_read_failures_that_the_share_forgives(self) -> None:
        self.post(METER)
        self.post(evolve(METER, good=200, failed=10))
        self.assertEqual(self.rules(), [])
        self.post(evolve(METER, good=200, failed=11))
        self.assertEqual(self.rules(), ["read-failures"])

    def test_stale_telemetry(self) -> None:
        for interval, late in ((1.0, 20.0), (10.0, 40.0)):
            self.setUp()
            status = evolve(METER, interval=interval)
            self.post(status)
            self.read(status)
            self.pass_(late)
            self.assertEqual(self.rules(), [])
            self.pass_(1)
            self.assertEqual(self.rules(), ["telemetry-stale"])

    def test_slow(self) -> None:
        self.post(METER)
        status = self.read(times=20)
        self.post(evolve(status, missed=2))
        self.assertEqual(self.rules(), [])
        self.post(evolve(status, missed=3, cycle_seconds=14.0))
        self.assertEqual((self.only().rule, self.only().numbers["cycle"]), ("meter-slow", 14.0))

    def test_breaker(self) -> None:
        self.post(METER)
        self.fail_(self.read(), 5, cause="closed", standing=Standing(Rung.PAUSED, losses=11))
        self.assertEqual((self.only().rule, self.only().numbers), ("breaker-open", {"losses": 11}))

    def test_another_meter_answers(self) -> None:
        other = Identity("a", "2", told_by="0-0:96.1.0", instead="1")
        self.post(other)
        self.post(METER)
        self.assertEqual(self.rules(), ["meter-replaced"], "an earlier life knew")
        self.assertEqual(self.only().numbers, {"before": "1", "after": "2"})
        self.pass_(30 * 86_400)
        self.fail_(METER, 5, cause="replaced")
        self.assertEqual(self.rules(), ["meter-replaced"], "and that is all there is to it")
        self.post(evolve(other, instead=""))
        self.read(METER)
        self.assertEqual(self.rules(), [])

    def test_the_clock_that_it_told_beside_its_cycles(self) -> None:
        self.post(METER)
        for ahead, rules in ((30.0, []), (-31.0, ["meter-clock"]), (None, []), (0.0, [])):
            self.post(Identity("a", "1", ahead))
            self.assertEqual(self.rules(), rules)

    def test_units_values_and_clock(self) -> None:
        self.history.expectations = Expectations(
            units={"a": {"energy": "kWh", "power": "W"}}, clocks={"a": ("clock",)}
        )
        self.post(METER)
        ts = int(WALL * 1000)

        def reading(clock: str) -> dict[str, Any]:
            values = {"clock": clock}
            return {"reading": Reading("a", ts, values), "values": values}

        status = self.read(units={"energy": "kWh"}, **reading("2027-01-15T08:00:20+00:00"))
        self.assertEqual(self.rules(), [])
        status = self.read(status, units={"energy": "varh"})
        self.assertEqual(self.only().numbers, {"measurement": "energy", "told": "varh",
                                               "wanted": "kWh"})  # fmt: skip
        status = self.read(status, units={}, absent={"power": "object-undefined"})
        self.assertEqual(self.only().quotes, ("power: object-undefined",))
        status = self.read(status, absent={}, **reading("2027-01-15T08:01:00+00:00"))
        self.assertEqual((self.only().rule, self.only().numbers), ("meter-clock", {"seconds": 60}))
        self.read(status, **reading("no time"))
        self.assertEqual(self.rules(), [])
