from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish import troubles
from dlmsd.publish.codec import Login
from dlmsd.publish.connection import Connection, paced
from dlmsd.publish.episodes import Episodes
from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import MqttProtocol
from dlmsd.publish.version import VersionChoice
from tests.publish.broker import ModelBroker


class NoJitter(Random):
    def uniform(self, a: float, b: float) -> float:
        return 1.0


class Carrier:
    def __init__(self) -> None:
        self.session: MqttProtocol | None = None
        self.errors: list[troubles.Trouble] = []
        self.ups = 0
        self.arrives = True

    def up(self, session: MqttProtocol) -> None:
        self.session = session
        self.ups += 1

    def told(self, message: Message) -> bool:
        raise AssertionError("nothing was subscribed")

    def acknowledged(self, acknowledgements: Any) -> bool:
        return self.arrives

    def down(self, error: troubles.Trouble) -> None:
        self.session = None
        self.errors.append(error)


class ConnectionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.broker = ModelBroker(self.clock)
        self.carrier = Carrier()
        self.dials: list[float] = []

    def make(self, protocol: Any = "auto", connect: Any = None) -> Connection:
        def dial(factory: Any) -> Deferred[Any]:
            self.dials.append(self.clock.seconds())
            return (connect or self.broker.connect)(factory)

        return Connection(
            dial,
            Login("me", keepalive=0),
            VersionChoice(protocol),
            20,
            self.carrier,
            self.clock,
            NoJitter(),
            Episodes(self.clock.seconds, "me"),
        )

    def run_for(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(0.5)
            for _ in range(8):
                self.clock.advance(0)

    def stopped(self, connection: Connection, within: float = 1.5) -> None:
        stopping = connection.stop()
        self.run_for(within)
        self.assertIsNone(self.successResultOf(stopping))
        self.assertEqual((self.clock.getDelayedCalls(), self.broker.open), ([], []))
        dials = len(self.dials)
        self.run_for(200)
        self.assertEqual(len(self.dials), dials)


class ConnectionTests(ConnectionCase):
    def test_back_off_grows_to_a_minute(self) -> None:
        self.broker.deaf_to = (5,)
        self.make(protocol=5).start()
        self.run_for(250)
        self.assertEqual([int(at) for at in self.dials], [0, 1, 3, 7, 15, 31, 63, 123, 183, 243])
        self.assertIsInstance(self.carrier.errors[-1], troubles.ClosedTrouble)

    def test_a_broker_that_is_away_is_missed_for_seconds_only(self) -> None:
        self.broker.listening = False
        self.make().start()
        self.run_for(250)
        self.assertEqual(self.dials[:7], [0, 1, 3, 7, 12, 17, 22])
        self.assertEqual(len(self.dials), 52)
        self.assertIsInstance(self.carrier.errors[-1], troubles.UnreachableTrouble)
        # What it grew to meanwhile counts for everything else.
        self.broker.listening, self.broker.deaf_to = True, (4, 5)
        self.run_for(125)
        self.assertLess(len(self.dials), 56)

    def test_accepting_and_dropping_does_not_reset_the_back_off(self) -> None:
        self.make().start()
        for _ in range(200):
            self.run_for(0.5)
            self.broker.drop()
        self.assertEqual(self.carrier.ups, 2)  # silent after that, to see if it drops even then
        self.assertLess(len(self.dials), 9)

    def test_a_delivery_resets_the_back_off(self) -> None:
        self.broker.listening = False
        self.make().start()
        self.run_for(20)
        self.broker.listening = True
        self.run_for(3)
        assert self.carrier.session is not None
        self.carrier.session.publish(Message("a", b"x"))
        self.run_for(1)
        self.broker.drop()
        self.run_for(2)
        self.assertEqual(self.dials[-1] - self.dials[-2] < 4, True)
        self.assertEqual(self.carrier.ups, 2)

    def test_a_puback_that_delivers_nothing_does_not_reset(self) -> None:
        self.carrier.arrives = False
        self.make().start()
        for _ in range(100):
            self.run_for(0.5)
            if self.carrier.session is not None:
                self.carrier.session.publish(Message("a", b"x"))
            self.run_for(0.5)
            self.broker.drop()
        self.assertLess(len(self.dials), 9)

    def test_a_connection_that_lasted_resets_the_back_off(self) -> None:
        self.broker.listening = False
        self.make().start()
        self.run_for(31)
        self.broker.listening = True
        self.run_for(120)
        self.broker.drop()
        self.run_for(1.5)
        self.assertEqual(self.carrier.ups, 2)

    def test_bad_credentials_wait_a_minute(self) -> None:
        self.broker.connack = 0x86
        self.make().start()
        self.run_for(130)
        self.assertEqual([round(at) for at in self.dials], [0, 60, 120])
        self.assertIsInstance(self.carrier.errors[0], troubles.CredentialsTrouble)

    def test_fallback_in_words_is_remembered(self) -> None:
        for old in (False, True):
            self.setUp()
            self.broker.refused, self.broker.old = (5,), old
            self.make().start()
            self.run_for(5)
            self.assertEqual(self.carrier.ups, 1)
            self.broker.drop()
            self.run_for(10)
            self.assertEqual([one.version for one in self.broker.connects], [5, 4, 4])

    def test_fallback_after_silent_closes(self) -> None:
        self.broker.deaf_to = (5,)
        self.make().start()
        self.run_for(30)
        self.assertEqual([one.version for one in self.broker.connects], [5, 4, 5, 4])
        self.assertEqual(self.carrier.ups, 1)

    def test_a_port_forwarder_before_a_starting_broker_costs_no_version(self) -> None:
        self.broker.deaf_to = (5,)
        self.make().start()
        self.run_for(1.5)
        self.broker.deaf_to = ()
        self.run_for(20)
        self.assertEqual(self.broker.connects[-1].version, 5)
        self.assertEqual(self.carrier.ups, 1)

    def test_forced_versions(self) -> None:
        for protocol, level in ((5, 5), (311, 4)):
            self.setUp()
            self.broker.refused = (level,)
            self.make(protocol).start()
            self.run_for(20)
            self.assertEqual({one.version for one in self.broker.connects}, {level})
            self.assertIsInstance(self.carrier.errors[-1], troubles.VersionTrouble)

    def test_stop_when_up(self) -> None:
        connection = self.make()
        connection.start()
        self.run_for(1)
        self.stopped(connection)
        self.assertEqual(self.broker.disconnects, 1)

    def test_stop_while_waiting_for_connack(self) -> None:
        self.broker.connack = None
        connection = self.make()
        connection.start()
        self.run_for(1)
        self.stopped(connection)

    def test_stop_before_a_broker_that_ignores_fin(self) -> None:
        connection = self.make()
        connection.start()
        self.run_for(1)
        self.broker.deaf = True
        self.stopped(connection)

    def test_stop_during_back_off_and_before_start(self) -> None:
        self.broker.listening = False
        connection = self.make()
        self.stopped(connection)
        connection.start()
        self.run_for(5)
        self.stopped(connection)

    def test_stop_while_tcp_connects(self) -> None:
        attempt: Deferred[Any] = Deferred()
        connection = self.make(connect=lambda factory: attempt)
        connection.start()
        self.stopped(connection)
        self.assertTrue(attempt.called)

    def test_stop_twice(self) -> None:
        connection = self.make()
        connection.start()
        self.run_for(1)
        first = connection.stop()
        self.stopped(connection)
        self.successResultOf(first)


class ProofTests(ConnectionCase):
    """Whether the broker takes us: told by the session that stands, else by the next attempt."""

    def test_of_a_session_that_stands(self) -> None:
        connection = self.make()
        connection.start()
        self.run_for(40)
        self.assertLess(self.successResultOf(connection.prove()), 1)
        self.assertEqual(len(self.dials), 1)

    def test_of_an_attempt_that_goes_on(self) -> None:
        self.broker.connack = None
        connection = self.make()
        connection.start()
        self.run_for(1)
        proofs = [connection.prove(), connection.prove()]
        self.run_for(1)
        for one in proofs:
            self.assertNoResult(one)
        self.broker.drop()
        for one in proofs:
            self.assertNoResult(one)  # that may have been for MQTT 5
        self.broker.connack = 0
        self.run_for(6)
        for one in proofs:
            self.assertGreater(self.successResultOf(one), 1)

    def test_instead_of_a_pause(self) -> None:
        self.broker.connack = 0x86
        connection = self.make(protocol=5)
        connection.start()
        self.run_for(5)
        proof = connection.prove()
        self.run_for(1)
        self.failureResultOf(proof, troubles.CredentialsTrouble)
        self.assertEqual(len(self.dials), 2)
        self.broker.connack = 0
        proof = connection.prove()
        self.run_for(1)
        self.assertEqual(self.successResultOf(proof), 6.5)
        self.assertEqual((len(self.dials), self.carrier.ups), (3, 1))
        self.run_for(200)
        self.assertEqual((len(self.dials), self.carrier.ups), (3, 1))

    def test_of_a_broker_that_is_away(self) -> None:
        self.broker.listening = False
        connection = self.make()
        connection.start()
        self.run_for(1.5)
        proof = connection.prove()
        self.run_for(0.5)
        self.failureResultOf(proof, troubles.UnreachableTrouble)

    def test_of_one_that_refuses_a_version(self) -> None:
        self.broker.refused = (5,)
        connection = self.make()
        connection.start()
        proof = connection.prove()
        self.run_for(3)
        self.successResultOf(proof)
        self.assertEqual([one.version for one in self.broker.connects], [5, 4])

    def test_whoever_asks_gives_up(self) -> None:
        self.broker.connack = None
        connection = self.make()
        connection.start()
        proof = connection.prove()
        self.run_for(1)
        proof.cancel()
        self.failureResultOf(proof, CancelledError)
        self.stopped(connection)

    def test_when_it_ends(self) -> None:
        connection = self.make()
        self.failureResultOf(connection.prove(), troubles.Trouble)
        self.broker.connack = None
        connection.start()
        self.run_for(1)
        first = connection.prove()
        stopping = connection.stop()
        second = connection.prove()
        self.run_for(2)
        self.successResultOf(stopping)
        for one in (first, second):
            self.failureResultOf(one, troubles.Trouble)

    def test_when_it_ends_before_another_version(self) -> None:
        self.broker.deaf_to = (5,)
        connection = self.make()
        connection.start()
        proof = connection.prove()
        self.run_for(0.5)
        self.stopped(connection)
        self.failureResultOf(proof, troubles.Trouble)


class PacedTests(SynchronousTestCase):
    def test_at_most_so_many_a_second(self) -> None:
        clock, times = Clock(), []

        def connect(factory: Any) -> Deferred[Any]:
            times.append(clock.seconds())
            return succeed(None)

        gently = paced(clock, 20)(connect)
        fired = [gently(Factory()) for _ in range(100)]
        clock.pump([0.01] * 600)
        self.assertEqual([each.called for each in fired], [True] * 100)
        for second in range(5):
            count = sum(second <= at < second + 1 for at in times)
            self.assertTrue(18 <= count <= 21, count)
        gently(Factory())
        self.assertEqual(times[-1], clock.seconds())

    def test_cancelled_before_its_turn(self) -> None:
        clock, times = Clock(), []
        gently = paced(clock, 1)(lambda factory: times.append(1) or succeed(None))
        gently(Factory())
        second = gently(Factory())
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual((times, clock.getDelayedCalls()), ([1], []))
