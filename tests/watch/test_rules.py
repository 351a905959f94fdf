"""Rules on histories made by hand: each from both sides of its threshold."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.board import Board
from dlmsd.model import (
    CloseCause,
    Gap,
    GapCause,
    ListenerState,
    ListenerStatus,
    MeterState,
    MeterStatus,
    OutboxStatus,
    Reading,
    ReloadStatus,
    Rung,
    SinkState,
    SinkStatus,
    Standing,
    Verdict,
)
from dlmsd.store.counters import Account
from dlmsd.watch.examine import examine
from dlmsd.watch.expectations import Expectations
from dlmsd.watch.finding import Finding
from dlmsd.watch.history import History

WALL = 1_800_000_000.0
METER = MeterStatus("a", "h:1", "p", 10.0, MeterState.READING, good=1)
SINK = SinkStatus("tb", "mqtt", "mqtt://b", SinkState.CONNECTED, connections=1, connected=1)


class RuleCase(SynchronousTestCase):
    """``post`` statuses, let time ``pass_``, and look at what is ``found``."""

    def setUp(self) -> None:
        self.now = 1000.0
        self.board = Board()
        self.history = History(self.board)
        self.board.subscribe(lambda status: self.history.posted(status, self.now))

    def post(self, *statuses: Any) -> None:
        for status in statuses:
            self.board.post(status)

    def pass_(self, seconds: float) -> None:
        self.now += seconds

    def found(self) -> list[Finding]:
        return examine(self.history, self.now, WALL)

    def rules(self) -> list[str]:
        return [one.rule for one in self.found()]

    def only(self) -> Finding:
        (finding,) = self.found()
        return finding

    def read(self, status: MeterStatus = METER, times: int = 1, **changes: Any) -> MeterStatus:
        """Good cycles, ten seconds apart."""
        for _ in range(times):
            self.pass_(10)
            status = evolve(status, good=status.good + 1, **changes)
            self.post(status)
        return status

    def fail_(self, status: MeterStatus, times: int, **changes: Any) -> MeterStatus:
        """Failed cycles, ten seconds apart."""
        for _ in range(times):
            self.pass_(10)
            status = evolve(
                status,
                state=MeterState.DOWN,
                failed=status.failed + 1,
                error="no",
                error_ts=int(self.now * 1000),
                **changes,
            )
            self.post(status)
        return status


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

    def test_units_values_clock_and_serial_number(self) -> None:
        self.history.expectations = Expectations(
            units={"a": {"energy": "kWh", "power": "W"}}, clocks={"a": ("clock",)},
            serials={"a": ("serial",)},
        )  # fmt: skip
        self.post(METER)
        ts = int(WALL * 1000)

        def reading(clock: str, serial: str) -> dict[str, Any]:
            values = {"clock": clock, "serial": serial}
            return {"reading": Reading("a", ts, values), "values": values}

        status = self.read(units={"energy": "kWh"}, **reading("2027-01-15T08:00:20+00:00", "1"))
        self.assertEqual(self.rules(), [])
        status = self.read(status, units={"energy": "varh"})
        self.assertEqual(self.only().numbers, {"measurement": "energy", "told": "varh",
                                               "wanted": "kWh"})  # fmt: skip
        status = self.read(status, units={}, absent={"power": "object-undefined"})
        self.assertEqual(self.only().quotes, ("power: object-undefined",))
        status = self.read(status, absent={}, **reading("2027-01-15T08:01:00+00:00", "1"))
        self.assertEqual((self.only().rule, self.only().numbers), ("meter-clock", {"seconds": 60}))
        self.read(status, **reading("no time", "2"))
        self.assertEqual(self.only().numbers, {"before": "1", "after": "2"})


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


class StoreAndHostTests(RuleCase):
    def test_what_the_outbox_says(self) -> None:
        for status, rule in (
            (OutboxStatus(error="x: the disk is full; no meter is read"), "disk-full"),
            (OutboxStatus(error="x: the outbox is full"), "outbox-full"),
            (OutboxStatus(error="x: locked"), "outbox-failing"),
            (OutboxStatus(alarm="set aside"), "outbox-damaged"),
            (OutboxStatus(pressure=True), "outbox-pressure"),
            (OutboxStatus(quarantined=1), "quarantine"),
        ):
            self.setUp()
            self.post(status)
            self.assertEqual(self.rules(), [rule])

    def test_growth_and_what_was_dropped(self) -> None:
        for minute in range(8):
            self.post(OutboxStatus(queued={"tb": 20 * minute}))
            self.pass_(60)
        self.assertEqual(self.rules(), ["outbox-growth"])
        self.post(OutboxStatus(queued={"tb": 5}, dropped=3))
        self.assertEqual((self.only().rule, self.only().numbers["count"]), ("readings-dropped", 3))

    def test_the_disk_below(self) -> None:
        self.history.host.size, self.history.host.free = 100 << 30, 600 << 20
        self.assertEqual(self.rules(), [])
        self.history.host.free = 500 << 20
        self.assertEqual(self.rules(), ["disk-low"])

    def test_gaps_that_stay(self) -> None:
        gap = Gap(1, "a", "", GapCause.METER_OFF, 0, 60_000)
        filled = Gap(2, "a", "", GapCause.LOST_IN_METER, 0, 60_000, filled_at=1)
        lost = Gap(3, "a", "", GapCause.DISK_FULL, 0, 60_000, count=7)
        self.history.host.lost = (gap, filled)
        self.assertEqual(self.rules(), [])
        self.history.host.lost = (gap, filled, lost)
        self.assertEqual(self.only().numbers["readings"], 7)

    def test_clock_and_reactor(self) -> None:
        host = self.history.host
        host.look(self.now, WALL, 10, 2)
        host.look(self.now + 10, WALL + 11.9, 10, 2)
        self.assertEqual(self.rules(), [])
        host.look(self.now + 20, WALL - 100, 10, 2)
        self.assertEqual(self.only().numbers, {"seconds": -121.9})
        host.step = None
        host.look(self.now + 36, WALL - 84, 10, 2)
        self.assertEqual(self.rules(), ["host-slow"])

    def test_certificates_and_counters(self) -> None:
        host = self.history.host
        for days, rule, severity in (
            (31, None, ""), (29, "certificate-expires", "warning"),
            (6, "certificate-expires", "error"), (-1, "certificate-expired", "critical"),
        ):  # fmt: skip
            host.expiries = {"/ca.pem": int(WALL) + days * 86_400}
            found = [(one.rule, one.severity) for one in self.found()]
            self.assertEqual(found, [(rule, severity)] if rule else [])
        host.expiries = {}
        for spent, severity in ((2**31 - 1, ""), (2**31, "warning"), (2**32 - 2**28, "error")):
            host.counters = {"a": spent}
            self.assertEqual([one.severity for one in self.found()], [severity] if severity else [])

    def test_configuration_and_listeners(self) -> None:
        self.post(ReloadStatus(0, "SIGHUP", problems=("file:3: bad",)))
        self.assertEqual(
            (self.only().rule, self.only().quotes), ("reload-refused", ("file:3: bad",))
        )
        self.post(
            ReloadStatus(0, "SIGHUP", refused={"x": "no such profile"}, restart=("web.listen",))
        )
        self.assertEqual(self.rules(), ["meters-refused", "restart-needed"])
        self.post(ReloadStatus(0, "SIGHUP"))
        self.post(ListenerStatus("han", "tcp:1", ListenerState.DOWN, error="in use"))
        self.assertEqual(self.rules(), ["listener-down"])


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
