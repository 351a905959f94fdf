"""Every rule has a trouble that leads to it: the finding with its cause, the alarm, what is to be
done first; and all of it ends with the trouble.

``tests/watch/test_faults.py`` has what virtual meters, networks and brokers can do; here is the
rest. A rule without a row in either fails :class:`WholeTests`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from unittest.mock import patch

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import (
    CloseCause,
    OutboxStatus,
)
from dlmsd.watch.language import Language
from dlmsd.watch.plan import Plan
from dlmsd.watch.remedies import TREATMENTS
from tests.watch.desk import Desk
from tests.watch.test_faults import TABLE
from tests.watch.troubles import (
    Begin,
    adrift,
    broker,
    broker_certificate,
    certificate,
    clock_off,
    closes,
    counters,
    cycles,
    deaf,
    delivered,
    disk,
    fails,
    gap,
    gateway,
    guesses,
    hangs,
    late,
    listener,
    noise,
    one_stays,
    outbox,
    reads,
    reload,
    replaced,
    share,
    sink,
    sink_hangs,
    some_fail,
    unacknowledged,
    waits,
)

# The alarm that grows with each class of the success rate.
SHARE = frozenset({"success-rate"})
ENGLISH = Language.of("en")


@frozen
class Row:
    """``begin`` brings ``rule`` about, whose cause has the words ``cause`` and whose first action
    is ``action``; other rules that may be found with it are ``also``. After what ``begin`` gives
    is called, the alarm is over within ``most`` seconds.
    """

    trouble: str
    begin: Begin
    rule: str
    cause: str
    action: str
    also: frozenset[str] = frozenset()
    most: float = 1000.0


ROWS: Final = (
    Row("no way", fails("unreachable"), "meter-unreachable", "network between", "check-network"),
    Row("its TLS fails", fails("tls"), "meter-tls", "certificate", "check-tls"),
    Row("serial port gone", fails("port"), "meter-port", "adapter", "check-port"),
    Row("refuses all", fails("service"), "meter-gives-nothing", "may not read", "see-frames"),
    Row("never tried", waits, "meter-silent", "waiting for a line", "test-meter"),
    Row("gateway down", gateway, "line-down", "gateway", "check-gateway"),
    Row("noise", cycles(noise), "line-noise", "another client's answers", "see-frames"),
    Row("closes", cycles(closes), "sockets-closed", "Another client", "end-other-client",
        SHARE),
    Row("some fail", cycles(some_fail), "read-failures", "some of the time", "test-meter"),
    Row("degraded", share(7), "success-degraded", "loses answers", "test-meter"),
    Row("critical", share(3), "success-critical", "bad line", "test-meter"),
    # A fault of ours: of all others, why it is not read tells more.
    Row("down", fails("ours"), "success-down", "nothing any more", "test-meter"),
    Row("no news", cycles(lambda desk, number: None), "telemetry-stale", "hangs", "test-meter"),
    Row("wrong unit", reads(units={"energy": "varh"}), "unit-wrong", "another quantity",
        "correct-unit"),
    Row("absent", reads(absent={"power": "object-undefined"}), "values-absent", "does not have",
        "correct-list"),
    Row("replaced", replaced, "meter-replaced", "was replaced", "confirm-meter"),
    Row("its clock", clock_off, "meter-clock", "sets the meter's clock", "set-meter-clock"),
    Row("stuck meter", hangs, "meter-rebuilt", "fault of dlmsd", "test-meter",
        frozenset({"telemetry-stale"}), 5000),
    Row("stuck sink", sink_hangs, "sink-rebuilt", "fault of dlmsd", "test-sink",
        frozenset({"sink-stalled"}), 5000),
    Row("broker restarts", broker(CloseCause.RESTART), "sink-restart", "crashes", "start-broker"),
    Row("packets lost", broker(CloseCause.KEEPALIVE), "sink-keepalive", "firewall",
        "check-network"),
    Row("poison", broker(CloseCause.POISON), "sink-poison", "too large", "see-outbox"),
    Row("no more files", broker(CloseCause.HOST), "sink-host", "limit is too low", "raise-files"),
    Row("broker's TLS", broker(CloseCause.TLS), "sink-tls", "certificate", "test-sink"),
    Row("no verdict", broker(CloseCause.UNKNOWN), "sink-unknown", "Not known", "test-sink"),
    Row("unacknowledged", unacknowledged, "sink-stalled", "does not acknowledge", "test-sink"),
    Row("no echo", sink({"unechoed": 2}, {"unechoed": 0}), "sink-unechoed", "drop", "grant-topic"),
    Row("broker's certificate", broker_certificate, "sink-certificate", "nobody has renewed",
        "renew-broker"),
    Row("one meter's deliveries", one_stays, "delivery-stale", "works for others", "see-outbox"),
    Row("few arrive", delivered(1, lambda number: number % 3 == 0), "publish-ratio",
        "uses the same token", "stop-other-user"),
    Row("more wait", delivered(10, lambda number: 6), "outbox-growth", "takes less", "see-outbox"),
    Row("outbox full", outbox(OutboxStatus(error="x", full="outbox")), "outbox-full",
        "away for too long", "start-broker"),
    Row("outbox refuses", outbox(OutboxStatus(error="x: locked")), "outbox-failing", "disk fails",
        "free-disk"),
    Row("outbox damaged", outbox(OutboxStatus(alarm="set aside")), "outbox-damaged",
        "failing disk", "see-log"),
    Row("little room", outbox(OutboxStatus(pressure=True)), "outbox-pressure", "max_bytes",
        "start-broker"),
    Row("small disk", outbox(OutboxStatus(pressure=True, limit=5)), "disk-small", "too small",
        "start-broker"),
    Row("dropped", outbox(OutboxStatus(dropped=3)), "readings-dropped", "drop_oldest",
        "start-broker", most=5000),
    Row("quarantined", outbox(OutboxStatus(quarantined=1)), "quarantine", "refuses", "see-outbox"),
    Row("lost", gap, "gaps-lost", "never stored", "see-outbox"),
    Row("disk", disk, "disk-low", "fills the disk", "free-disk"),
    Row("counters", counters, "counters-low", "limited number", "see-keys"),
    Row("certificate ends", certificate(5), "certificate-expires", "nobody has renewed",
        "renew-certificate"),
    Row("certificate ended", certificate(-1), "certificate-expired", "Nobody has renewed",
        "renew-certificate"),
    Row("wrong tag", fails("security"), "security-failing", "forges messages",
        "correct-password"),
    Row("clock adrift", adrift, "host-unsynchronised", "does not run", "set-clock"),
    Row("guesses", guesses, "tokens-wrong", "tries to guess", "see-refused"),
    Row("overload", late, "host-slow", "overloaded", "see-log"),
    Row("port taken", listener, "listener-down", "port is taken", "see-log"),
    Row("broken file", reload(problems=("file:3: bad",)), "reload-refused", "errors",
        "correct-file"),
    Row("misfit", reload(refused={"x": "no profile"}), "meters-refused", "added by API",
        "correct-added"),
    Row("needs a start", reload(restart=("web.listen",)), "restart-needed", "at the start only",
        "restart"),
    Row("mail server away", deaf, "notice-failing", "mail server", "test-notice"),
)  # fmt: skip

# Who finds these is no watch, but a command that finds no daemon.
ELSEWHERE: Final = dict.fromkeys(("daemon-stopped", "figures-old"), "tests/cli/test_health.py")


class NoTroubleTests(SynchronousTestCase):
    """What looks like one."""

    def test_a_clock_that_nobody_may_ask_for(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        desk = Desk(folder)
        self.addCleanup(desk.stop)
        desk.clock_right = None
        desk.run(2000)
        self.assertEqual((desk.findings, desk.alarms()), ([], []))


class TroubleTests(SynchronousTestCase):
    """A test for each row."""

    def check(self, row: Row) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        desk = Desk(folder)
        self.addCleanup(desk.stop)
        self.assertEqual((desk.findings, desk.alarms()), ([], []), "it began well")
        end = row.begin(desk)
        self.addCleanup(patch.stopall)
        self.appears(desk, row)
        (finding,) = (one for one in desk.findings if one.rule == row.rule)
        rule = finding.key[0]
        self.assertLessEqual({one.key[0] for one in desk.findings}, {rule} | row.also)
        self.assertIn(row.cause, ENGLISH.cause(finding))
        plan = Plan.of([finding], ENGLISH, 0)
        self.assertEqual(plan.actions[0].id, row.action)
        self.assertTrue(plan.actions[0].text)
        standing = [one for one in desk.alarms() if one.cleared_at is None]
        self.assertIn(rule, [one.rule for one in standing])
        desk.run(60)
        self.assertIn(row.rule, [one.rule for one in desk.findings], "it lasts as its fault does")
        ended = int(desk.wall() * 1000)
        end()
        desk.run(row.most)
        self.assertEqual(desk.findings, [])
        alarms = desk.alarms()
        self.assertLessEqual({one.rule for one in alarms}, {rule} | row.also)
        self.assertEqual([one.rule for one in alarms].count(rule), 1, "it was raised once")
        self.assertNotIn(None, [one.cleared_at for one in alarms])
        late = [one.rule for one in alarms if one.raised_at > ended]
        self.assertEqual(late, [], "what it left behind is no new trouble")

    def appears(self, desk: Desk, row: Row) -> None:
        for _ in range(150):
            desk.run(10)
            if row.rule in [one.rule for one in desk.findings]:
                return
        self.fail(f"only {[one.rule for one in desk.findings]}")


def _add(row: Row) -> None:
    name = "test_" + row.rule.replace("-", "_")

    def test(self: TroubleTests) -> None:
        self.check(row)

    test.__name__ = name
    assert not hasattr(TroubleTests, name), name
    setattr(TroubleTests, name, test)


for _row in ROWS:
    _add(_row)


class WholeTests(SynchronousTestCase):
    def test_every_rule_has_a_row(self) -> None:
        """A new rule needs one here, or in ``tests/watch/test_faults.py``."""
        rows = {row.rule for row in ROWS} | {row.rule for row in TABLE if row.rule}
        self.assertEqual(TREATMENTS.keys() - rows - ELSEWHERE.keys(), set())
        self.assertLessEqual(rows, TREATMENTS.keys())
        for rule, path in ELSEWHERE.items():
            self.assertIn(rule, Path(__file__).parents[2].joinpath(path).read_text())
