"""Every rule has a trouble that leads to it: the finding with its cause, the alarm, what is to be
done first; and all of it ends with the trouble.

``tests/watch/test_faults.py`` has what virtual meters, networks and brokers can do; here is the
rest. A rule without a row in either fails :class:`WholeTests`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from attrs import evolve, frozen
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.meter.identity import Identity
from dlmsd.model import (
    CloseCause,
    GapCause,
    ListenerState,
    ListenerStatus,
    MeterState,
    OutboxStatus,
    ReceiverStatus,
    ReloadStatus,
    SinkState,
    Verdict,
)
from dlmsd.watch.language import Language
from dlmsd.watch.plan import Plan
from dlmsd.watch.remedies import TREATMENTS
from tests.certificates import Authority
from tests.watch.desk import Desk, done
from tests.watch.test_faults import TABLE

DAY = 86_400
# The alarm that grows with each class of the success rate.
SHARE = frozenset({"success-rate"})
ENGLISH = Language.of("en")
KEYS = """
authentication = "high-gmac"
security = "authenticated-encrypted"
system_title = "DLM00001"
encryption_key = "{key}"
authentication_key = "{key}"
"""

Begin = Callable[[Desk], Callable[[], object]]


def cycles(cycle: Callable[[Desk, int], None]) -> Begin:
    """Each cycle of the meter is this one, which is told how many there were; then good ones."""

    def begin(desk: Desk) -> Callable[[], object]:
        counted = iter(range(10**9))
        desk.cycle = lambda: cycle(desk, next(counted))

        def end() -> None:
            desk.tell(interval=10.0, absent={}, units={})
            desk.cycle = desk.good

        return end

    return begin


def fails(cause: str) -> Begin:
    return cycles(lambda desk, number: desk.failed(cause))


def share(good: int, **changes: Any) -> Begin:
    """So many of ten cycles are good, well apart, and the meter is connected all the time."""

    def cycle(desk: Desk, number: int) -> None:
        if number * good % 10 < good:
            desk.good()
        else:
            desk.failed("silence", **({"state": MeterState.READING} | changes))

    return cycles(cycle)


def reads(**changes: Any) -> Begin:
    return cycles(lambda desk, number: desk.good(**changes))


def closes(desk: Desk, number: int) -> None:
    if number % 6 == 5:
        desk.failed("closed", state=MeterState.READING, connects=desk.meter.connects + 1)
    else:
        desk.good()


def some_fail(desk: Desk, number: int) -> None:
    """Of many cycles few, but more than ten in ten minutes."""
    desk.good(good=desk.meter.good + 30)
    desk.failed("silence", state=MeterState.READING)


def noise(desk: Desk, number: int) -> None:
    desk.good(noise_bytes=desk.meter.noise_bytes + 30)


def waits(desk: Desk) -> Callable[[], object]:
    """For a line that others use: it is never tried, and nothing fails."""
    desk.tell(state=MeterState.WAITING, interval=60.0)
    desk.cycle = lambda: None

    def end() -> None:
        desk.tell(interval=10.0)
        desk.cycle = desk.good

    return end


def adrift(desk: Desk) -> Callable[[], object]:
    """Nothing keeps the machine's clock right."""
    desk.clock_right = False
    return lambda: setattr(desk, "clock_right", True)


def guesses(desk: Desk) -> Callable[[], object]:
    for _ in range(12):
        desk.board.door.refused("10.0.0.9")
    return lambda: None


def hangs(desk: Desk) -> Callable[[], object]:
    """Until it is made anew."""

    async def rebuild(name: str) -> None:
        desk.cycle = desk.good

    desk.watch.supervise(meter=rebuild, sink=rebuild)
    desk.cycle = lambda: None
    return lambda: None


def sink_hangs(desk: Desk) -> Callable[[], object]:
    async def rebuild(name: str) -> None:
        desk.deliver()

    desk.watch.supervise(meter=rebuild, sink=rebuild)
    desk.commit(3)
    return lambda: None


def gateway(desk: Desk) -> Callable[[], object]:
    """Forty meters behind it fail at once."""
    others = [evolve(desk.meter, name=f"m{number:02}", address="gw:1") for number in range(40)]

    def cycle() -> None:
        desk.good()
        for number, one in enumerate(others):
            ts = int(desk.wall() * 1000)
            others[number] = evolve(
                one, state=MeterState.DOWN, failed=one.failed + 1, error="no", error_ts=ts,
                cause="timeout",
            )  # fmt: skip
            desk.board.post(others[number])

    def well() -> None:
        desk.good()
        for number, one in enumerate(others):
            others[number] = evolve(one, state=MeterState.READING, good=one.good + 1, error="")
            desk.board.post(others[number])

    desk.cycle = cycle
    return lambda: setattr(desk, "cycle", well)


def clock_off(desk: Desk) -> Callable[[], object]:
    desk.clock_error = -3600.0
    return lambda: setattr(desk, "clock_error", 0.0)


def replaced(desk: Desk) -> Callable[[], object]:
    desk.board.post(Identity("a", "1002", told_by="0-0:96.1.0", instead="1001"))
    return lambda: desk.board.post(Identity("a", "1002", told_by="0-0:96.1.0"))


def late(desk: Desk) -> Callable[[], object]:
    """The reactor turned no more for a while."""
    desk.clock.advance(30)
    return lambda: None


def broker(cause: CloseCause) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        verdict = Verdict(cause, 0.9, ("3 closes",), 0)
        desk.tell_sink(state=SinkState.DOWN, connected=0, error="closed", verdict=verdict)
        return lambda: desk.tell_sink(
            state=SinkState.CONNECTED, connected=1, error="", verdict=None
        )

    return begin


def sink(change: dict[str, Any], well: dict[str, Any]) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        desk.tell_sink(**change)
        return lambda: desk.tell_sink(**well)

    return begin


def broker_certificate(desk: Desk) -> Callable[[], object]:
    desk.tell_sink(certificate_ends=int(desk.wall()) + 5 * DAY)
    return lambda: desk.tell_sink(certificate_ends=int(desk.wall()) + 90 * DAY)


def unacknowledged(desk: Desk) -> Callable[[], object]:
    desk.commit(3)
    return desk.deliver


def one_stays(desk: Desk) -> Callable[[], object]:
    """The sink delivers for others, and not for this meter."""
    desk.commit()

    def cycle() -> None:
        desk.good()
        desk.tell_sink(delivered=desk.sink.delivered + 1)

    desk.cycle = cycle

    def end() -> None:
        desk.deliver()
        desk.cycle = desk.good

    return end


def delivered(committed: int, acknowledged: Callable[[int], int]) -> Begin:
    """So many readings are committed in each cycle, and of them so many delivered."""

    def begin(desk: Desk) -> Callable[[], object]:
        counted = iter(range(10**9))

        def cycle() -> None:
            desk.good()
            desk.commit(committed)
            if number := acknowledged(next(counted)):
                desk.deliver(number)

        desk.cycle = cycle

        def end() -> None:
            desk.deliver()
            desk.cycle = desk.good

        return end

    return begin


def outbox(status: OutboxStatus) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        desk.board.post(status)
        return lambda: desk.board.post(OutboxStatus())

    return begin


def gap(desk: Desk) -> Callable[[], object]:
    at = int(desk.wall() * 1000)
    number = done(desk.outbox.gaps.open("a", GapCause.LOST_IN_METER, at - 60_000, at))
    return lambda: done(desk.outbox.gaps.fill(number))


def disk(desk: Desk) -> Callable[[], object]:
    usage = SimpleNamespace(free=100 << 20, total=100 << 30)
    patched = patch.object(shutil, "disk_usage", lambda path: usage)
    patched.start()
    return patched.stop


def counters(desk: Desk) -> Callable[[], object]:
    """Half of all under this key; then there is another key."""
    desk.configure(KEYS.format(key="AB" * 16))
    (name,) = desk.watch.history.expectations.keys
    desk.outbox.invocation_counters.reserve_counters(name, 2**31, 1)
    return lambda: desk.configure(KEYS.format(key="CD" * 16))


def certificate(days: float) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        authority = Authority(desk.folder)

        def issue(days: float) -> None:
            authority.issue("dlmsd", "client", days)
            desk.configure(sink='cert_file = "client.pem"\nkey_file = "client.key"')

        issue(days)
        return lambda: issue(400)

    return begin


def listener(desk: Desk) -> Callable[[], object]:
    down = ListenerStatus("han", "tcp:1", ListenerState.DOWN, error="in use")
    desk.board.post(down)
    return lambda: desk.board.post(evolve(down, state=ListenerState.LISTENING, error=""))


def reload(**problems: Any) -> Begin:
    def begin(desk: Desk) -> Callable[[], object]:
        desk.board.post(ReloadStatus(0, "SIGHUP", **problems))
        return lambda: desk.board.post(ReloadStatus(1, "SIGHUP"))

    return begin


def deaf(desk: Desk) -> Callable[[], object]:
    failing = int(desk.wall() * 1000)
    desk.receivers = (ReceiverStatus("duty", "mail", 2, 3, failing, "no route"),)
    return lambda: setattr(desk, "receivers", (ReceiverStatus("duty", "mail"),))


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
ELSEWHERE: Final = {"daemon-stopped": "tests/cli/test_health.py"}


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
