"""Each fault of virtual meters, and what else the weather brings: which alarm it raises, what
is to be done first, and that the alarm goes with the fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.simulator.faults import FaultKind
from dlmsd.watch.language import Language
from dlmsd.watch.plan import Plan
from dlmsd.watch.remedies import REMEDIES
from tests.publish.broker import Ack, acknowledge
from tests.storm.weather import FULL, Weather, _Busy
from tests.watch.town import Town, TownCase, now

End = Callable[[], object]


def fault(kind: FaultKind, chance: float = 1.0) -> Callable[[Town], End]:
    """Of the one meter, which then is connected anew."""

    def begin(town: Town) -> End:
        wrapped = kind in (FaultKind.LOST_BLOCK, FaultKind.DOUBLED_BLOCK)
        meter = town.wrapped if wrapped else town.meter
        town.inject(kind, chance, meter)
        cut(town)
        return lambda: town.inject(None, meter=meter)

    return begin


def cut(town: Town) -> End:
    for pipe in list(town.network.connections):
        if pipe.open:
            pipe.abortConnection()
    return lambda: None


def silent(town: Town) -> End:
    town.network.silent.add(town.port())
    cut(town)
    return lambda: town.network.silent.discard(town.port())


def closed_port(town: Town) -> End:
    port, server = town.port(), town.network.listening.pop(town.port())
    cut(town)
    return lambda: town.network.listening.__setitem__(port, server)


def busy(town: Town) -> End:
    port, server = town.port(), town.network.listening[town.port()]
    town.network.listening[port] = _Busy()
    cut(town)
    return lambda: town.network.listening.__setitem__(port, server)


def nameless(town: Town) -> End:
    """From the daemon's start on: later the last address would do."""
    host = next(options.host for *_, name, options in town.endpoints if name == town.meter)
    town.network.unresolvable.add(host)
    town.kill()
    town.start()
    return town.network.unresolvable.clear


def flapping(town: Town) -> End:
    """Its connections break every few seconds."""
    going = [True]

    def flap() -> None:
        for pipe in town.network.connections:
            if pipe.open and pipe.port == town.port():
                pipe.abortConnection()
        if going:
            town.network.callLater(7.0, flap)

    flap()
    return going.clear


def all_silent(town: Town) -> End:
    ports = {endpoint.port for _, endpoint, *_ in town.endpoints}
    town.network.silent |= ports
    cut(town)
    return lambda: town.network.silent.difference_update(ports)


def weather(kind: Callable[[Weather], End | None]) -> Callable[[Town], End]:
    def begin(town: Town) -> End:
        return kind(town.weather) or (lambda: None)

    return begin


def connack(code: int) -> Callable[[Town], End]:
    def begin(town: Town) -> End:
        town.broker.connack = code
        town.broker.drop()
        return lambda: setattr(town.broker, "connack", 0)

    return begin


def puback(code: int | None) -> Callable[[Town], End]:
    def begin(town: Town) -> End:
        town.broker.puback = lambda one: [] if code is None else [Ack(one.packet_id, code)]
        return lambda: setattr(town.broker, "puback", acknowledge)

    return begin


def takeover(town: Town) -> End:
    """Another client with the same id comes every few seconds."""
    going = [True]

    def take() -> None:
        for connection in tuple(town.broker.open):
            connection.transport.write(b"\xe0\x02\x8e\x00")  # DISCONNECT, session taken over
            connection.transport.loseConnection()
        if going:
            town.network.callLater(5.0, take)

    take()
    return going.clear


def clock_step(town: Town) -> End:
    town.offset += 3600
    return lambda: None


def full_disk(town: Town) -> End:
    town.vfs.refuse = lambda operation, _: FULL if operation == "write" else 0
    return lambda: setattr(town.vfs, "refuse", lambda *_: 0)


def slow(town: Town) -> End:
    town.network.delay = 1.5
    return lambda: setattr(town.network, "delay", 0.02)


@frozen
class Row:
    """``begin`` brings ``rule`` about within ``seconds``, and the first to do is ``action``;
    without a rule it raises nothing, because the daemon copes with it by itself. Afterwards it
    ``leaves`` another alarm, where something is lost.
    """

    name: str
    begin: Callable[[Town], End]
    rule: str
    action: str = ""
    seconds: float = 240.0
    most: float = 1500.0
    leaves: str = ""


TABLE: Final = (
    Row("noise", fault(FaultKind.NOISE), "hdlc-errors", "see-frames"),
    Row("bad-fcs", fault(FaultKind.BAD_FCS), "hdlc-errors", "see-frames", 700),
    Row("bad-hcs", fault(FaultKind.BAD_HCS), "hdlc-errors", "see-frames", 700),
    Row("trickle", fault(FaultKind.TRICKLE), ""),
    Row("silence", fault(FaultKind.SILENCE), "meter-mute", "check-device"),
    Row("reset", fault(FaultKind.RESET), "meter-closes", "test-meter"),
    Row("late", fault(FaultKind.LATE), "meter-slow", "longer-interval", 400),
    Row("truncated", fault(FaultKind.TRUNCATED), "hdlc-errors", "see-frames"),
    Row("residue", fault(FaultKind.RESIDUE), ""),
    Row("refuse", fault(FaultKind.REFUSE), "meter-refuses-us", "correct-password"),
    Row("dm", fault(FaultKind.DM), "meter-protocol", "see-frames"),
    # The rest of a broken transfer comes into the next association.
    Row(
        "lost-block",
        fault(FaultKind.LOST_BLOCK),
        "meter-mute",
        "check-device",
        leaves="meter-protocol",
    ),
    Row("doubled-block", fault(FaultKind.DOUBLED_BLOCK), ""),
    Row("no answer to TCP", silent, "meter-unanswered", "check-power"),
    Row("TCP refused", closed_port, "meter-not-listening", "check-address"),
    Row("serves another client", busy, "meter-busy", "end-other-client"),
    Row("no address", nameless, "meter-unresolved", "check-name"),
    Row("flapping", flapping, "breaker-open", "end-other-client"),
    Row("all connections break", cut, ""),
    Row("slow network", slow, "meter-slow", "longer-interval", 400, 1500),
    Row("everything unreachable", all_silent, "network-down", "check-network"),
    Row("broker down", weather(Weather._broker_down), "sink-unreachable", "start-broker"),
    Row("broker restart", weather(Weather._broker_restart), ""),
    Row("broker deaf", weather(Weather._broker_deaf), "sink-unreachable", "start-broker"),
    Row("login refused", connack(0x86), "sink-credentials", "correct-token"),
    Row("server unavailable", connack(0x88), "sink-unreachable", "start-broker"),
    Row("no PUBACK", puback(None), "sink-refused-topic", "grant-topic"),
    Row("topic denied", puback(0x87), "sink-refused-topic", "grant-topic"),
    Row("rate", puback(0x96), "sink-rate", "longer-interval"),
    Row("token used twice", takeover, "sink-takeover", "stop-other-user"),
    Row("wall clock steps", clock_step, "host-clock", "set-clock"),
    Row("disk full", full_disk, "disk-full", "free-disk", leaves="gaps-lost"),
)


class FaultTests(TownCase):
    """A test for each row."""

    def check(self, row: Row) -> None:
        town = self.town
        self.assertEqual(town.alarms(), {}, "it began in good weather")
        end = row.begin(town)
        found = self.appears(row)
        if not row.rule:
            self.assertIsNone(found)
            return
        self.assertIsNotNone(found, [one.rule for one in town.watch.findings])
        finding = next(one for one in town.watch.findings if one.rule == found)
        plan = Plan.of([finding], Language.of("en"), 0)
        self.assertEqual(plan.actions[0].id, row.action)
        self.assertEqual(len({one.rule for one in town.watch.findings}), 1, town.watch.findings)
        ended = int(town.wall() * 1000)
        end()
        for _ in range(round(row.most / 10)):
            town.run(10)
            if found not in town.alarms():
                break
        self.assertNotIn(found, town.alarms())
        (alarm,) = [one for one in town.alarms(standing=False).values() if one.rule == found]
        self.assertIsNotNone(alarm.cleared_at)
        town.run(900)
        everything = now(town.daemon.registry.alarms.list())
        late = {one.rule for one in everything if one.raised_at > ended} - {found}
        self.assertLessEqual(late, {row.leaves}, "what it left behind is no new trouble")
        self.assertEqual(town.alarms().keys() - {row.leaves}, set())

    def appears(self, row: Row) -> str | None:
        """The rule that was found, once it stands as an alarm too (if its disk lets it)."""
        for _ in range(round(row.seconds / 10)):
            self.town.run(10)
            assert self.town.daemon is not None
            if self.town.daemon.board.alarms.count:
                rules = [one.rule for one in self.town.watch.findings]
                if row.rule in rules or not row.rule:
                    return row.rule or (rules or ["?"])[0]
        return None


def _add(row: Row) -> None:
    name = "test_" + "".join(char if char.isalnum() else "_" for char in row.name)

    def test(self: FaultTests) -> None:
        self.check(row)

    test.__name__ = name
    setattr(FaultTests, name, test)


for _row in TABLE:
    _add(_row)


class TableTests(SynchronousTestCase):
    def test_every_fault_of_the_simulator_has_a_row(self) -> None:
        self.assertLessEqual({kind.value for kind in FaultKind}, {row.name for row in TABLE})

    def test_actions_exist(self) -> None:
        self.assertLessEqual({row.action for row in TABLE if row.action}, set(REMEDIES))
