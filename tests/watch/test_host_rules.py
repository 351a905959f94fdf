"""Rules on the outbox, this machine and dlmsd: each from both sides of its threshold."""

from __future__ import annotations

from dlmsd.model import Gap, GapCause, ListenerState, ListenerStatus, OutboxStatus, ReloadStatus
from tests.watch.rule_case import WALL, RuleCase


class StoreAndHostTests(RuleCase):
    def test_what_the_outbox_says(self) -> None:
        for status, rule in (
            (OutboxStatus(error="x", full="disk"), "disk-full"),
            (OutboxStatus(error="x", full="outbox"), "outbox-full"),
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

    def test_a_clock_that_nothing_keeps_right(self) -> None:
        host = self.history.host
        for passed, rules in ((0, []), (899, []), (1, ["host-unsynchronised"])):
            self.pass_(passed)
            host.learn(self.now, synchronised=False, refused=0)
            self.assertEqual(self.rules(), rules)
        self.assertEqual(self.only().numbers, {"minutes": 15})
        host.learn(self.now, synchronised=True, refused=0)
        self.assertEqual(self.rules(), [])

    def test_wrong_tokens(self) -> None:
        host = self.history.host
        for refused, rules in ((9, []), (10, ["tokens-wrong"]), (10, ["tokens-wrong"])):
            host.learn(self.now, synchronised=True, refused=refused)
            self.assertEqual(self.rules(), rules)
        self.pass_(700)
        self.assertEqual(self.rules(), [], "ten minutes later it is nobody's concern")

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
