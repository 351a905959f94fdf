"""The factory connects again and again, gently, and closes what it opened."""

import errno
from binascii import unhexlify
from collections.abc import Callable

from twisted.internet import error
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from dlmsd.config.recovery import RecoveryOptions
from dlmsd.errors import (
    BusyError,
    ClosedError,
    CrowdedError,
    LinkError,
    NotListeningError,
    RefusedError,
    SilenceError,
    UnansweredError,
    UnreachableError,
    UnresolvedError,
)
from dlmsd.meter.ends import explain
from dlmsd.meter.way import TcpWay
from tests.meter.factory import FactoryCase

SILENCE = SilenceError("no answer")


class FactoryTests(FactoryCase):
    def test_connects_to_host_and_port_with_a_timeout(self) -> None:
        self.factory.start()
        host, port, factory, timeout, _ = self.reactor.tcpClients[0]
        self.assertEqual((host, port, factory, timeout), ("meter.example", 3333, self.factory, 10))

    def test_a_connection_is_told_and_made_quick(self) -> None:
        self.factory.start()
        transport = self.connect()
        self.assertEqual(self.ups, 1)
        self.assertTrue(transport.no_delay)
        self.assertTrue(transport.keep_alive)
        self.assertTrue(self.members[0].session.attached)

    def test_waits_to_be_admitted(self) -> None:
        gate = Deferred[Callable[[], None]]()
        factory = self.make(lambda _: gate)
        factory.start()
        self.assertEqual(self.reactor.tcpClients, [])
        gate.callback(lambda: None)
        self.assertEqual(len(self.reactor.tcpClients), 1)

    def test_failures_grow_the_delay_to_five_minutes(self) -> None:
        self.factory.start()
        pauses = []
        for _ in range(12):
            before, attempts = self.reactor.seconds(), len(self.reactor.tcpClients)
            self.refuse()
            while len(self.reactor.tcpClients) == attempts:
                self.reactor.advance(0.5)
            pauses.append(self.reactor.seconds() - before)
        self.assertEqual(pauses, sorted(pauses))
        self.assertLess(pauses[0], 5)
        self.assertEqual(pauses[-1], 300)
        self.assertIsInstance(self.downs[-1], LinkError)

    def test_only_a_good_read_makes_it_hurry_again(self) -> None:
        self.factory.start()
        for _ in range(3):
            self.refuse()
            self.reactor.advance(300)
        slow = self.factory.delay
        self.connect()
        self.lose(error.ConnectionDone())
        self.assertGreater(self.factory.delay, slow)
        self.reactor.advance(300)
        self.connect()
        self.factory.succeeded()
        self.assertEqual(self.factory.delay, self.factory.initialDelay)

    def test_a_meter_that_needs_a_rest_gets_it(self) -> None:
        """OSGP's head-end leaves its meters alone for 20 s between connections."""
        self.factory = self.make(succeed, least_pause=20.0)
        self.factory.start()
        for attempts, growing in ((2, 2.71), (3, 7.4), (4, 60.0)):
            self.connect()
            self.lose(error.ConnectionDone())
            self.reactor.advance(20.0)
            self.assertEqual(len(self.reactor.tcpClients), attempts - 1)
            self.reactor.advance(growing + 0.1)
            self.assertEqual(len(self.reactor.tcpClients), attempts)

    def test_a_meter_that_closes_at_once_is_busy_and_left_alone_for_a_minute(self) -> None:
        self.factory.start()
        for number in (1, 2, 3):
            self.assertEqual(len(self.reactor.tcpClients), number)
            self.connect()
            self.lose(error.ConnectionDone())
            self.reactor.advance(21 if number < 3 else 59.9)
        self.assertEqual([type(down) for down in self.downs], [ClosedError, ClosedError, BusyError])
        self.assertEqual(self.downs[-1].cause, "busy")
        self.assertEqual(len(self.reactor.tcpClients), 3)
        self.reactor.advance(0.2)
        self.assertEqual(len(self.reactor.tcpClients), 4)

    def test_who_speaks_or_stays_is_not_busy(self) -> None:
        self.factory.start()
        for number in range(8):
            self.connect()
            if number < 4:
                self.protocol.dataReceived(b"x")
            else:
                self.reactor.advance(11)
            self.lose(error.ConnectionDone())
            self.reactor.advance(300)
        self.assertEqual({type(down) for down in self.downs}, {ClosedError})

    def test_no_attempt_while_nobody_needs_one(self) -> None:
        self.factory = self.make(succeed, members=2)
        self.factory.start()
        self.members[0].not_before, self.members[1].not_before = 500.0, 400.0
        self.refuse()
        self.assertEqual(self.factory.next_attempt, 400.0)
        self.reactor.advance(399)
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.reactor.advance(1.1)
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_an_old_connection_is_made_anew_at_once_when_nobody_reads(self) -> None:
        self.factory = self.make(succeed, members=2, recovery=RecoveryOptions(max_age=1800))
        self.factory.start()
        transport = self.connect()
        self.reactor.advance(1799)
        self.assertFalse(self.factory.renew())
        self.reactor.advance(1)
        self.members[1].reading = True
        self.assertFalse(self.factory.renew())
        self.members[1].reading = False
        self.assertTrue(self.factory.renew())
        self.assertTrue(transport.disconnecting)
        self.lose(error.ConnectionDone())
        self.assertEqual(self.downs, [])
        self.reactor.advance(0)
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_a_name_without_an_address_is_reached_where_it_last_was(self) -> None:
        self.factory.start()
        unresolved = Failure(error.DNSLookupError())
        self.factory.clientConnectionFailed(None, unresolved)
        self.assertIsInstance(self.downs[-1], UnresolvedError)
        self.reactor.advance(3)
        transport = self.connect()
        self.lose(error.ConnectionDone())
        self.reactor.advance(8)
        self.factory.clientConnectionFailed(None, unresolved)
        hosts = [host for host, *_ in self.reactor.tcpClients]
        self.assertEqual(hosts, [*["meter.example"] * 3, transport.getPeer().host])
        self.refuse()
        self.reactor.advance(300)
        self.assertEqual(self.reactor.tcpClients[-1][0], "meter.example")

    def test_an_attempt_leaves_its_place_at_its_end_whichever_it_is(self) -> None:
        left: list[float] = []
        self.factory = self.make(lambda _: succeed(lambda: left.append(self.reactor.seconds())))
        self.factory.start()
        self.assertEqual(len(left), 0)
        self.refuse()
        self.assertEqual(len(left), 1)
        self.reactor.advance(3)
        self.connect()
        self.assertEqual(len(left), 2)
        self.lose(error.ConnectionDone())
        self.assertEqual(len(left), 2)

    def test_fifteen_bad_frames_in_a_row_are_enough(self) -> None:
        self.factory.start()
        transport = self.connect()
        bad = bytearray(unhexlify("7ea00703219383277e"))
        bad[-2] ^= 1
        for _ in range(14):
            self.protocol.dataReceived(bytes(bad))
        self.assertFalse(transport.disconnecting)
        self.protocol.dataReceived(bytes(bad))
        self.assertTrue(transport.disconnecting)
        self.lose(error.ConnectionDone())
        self.assertEqual(str(self.downs[-1]), "15 bad frames in a row")

    def test_lost_twice_in_one_turn_plans_one_attempt(self) -> None:
        self.factory.start()
        self.refuse()
        self.refuse()
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)

    def test_a_lost_connection_is_explained_to_each_meter(self) -> None:
        self.factory = self.make(succeed, members=3)
        self.factory.start()
        self.connect()
        self.lose(error.ConnectionLost())
        self.assertEqual([type(down) for down in self.downs], [ClosedError] * 3)
        self.assertFalse(any(member.session.attached for member in self.members))

    def test_one_dead_meter_of_three_keeps_the_connection(self) -> None:
        self.factory = self.make(succeed, members=3)
        self.factory.start()
        transport = self.connect()
        for _ in range(9):
            self.assertFalse(self.factory.failed(self.members[0], SILENCE))
            self.factory.succeeded()
        self.factory.failed(self.members[0], SILENCE)
        self.factory.failed(self.members[1], SILENCE)
        self.assertFalse(transport.disconnecting)
        self.assertTrue(self.factory.failed(self.members[2], SilenceError("no answer to SNRM")))
        self.assertTrue(transport.disconnecting)
        self.lose(error.ConnectionDone())
        self.assertEqual([str(down) for down in self.downs], ["no answer to SNRM"] * 3)

    def test_who_fails_twice_while_nobody_is_read_gets_a_new_connection_at_once(self) -> None:
        self.factory = self.make(succeed, members=3)
        self.factory.start()
        for connections in (1, 2, 3):
            transport = self.connect()
            self.assertFalse(self.factory.failed(self.members[0], SILENCE))
            self.assertTrue(self.factory.failed(self.members[0], SILENCE))
            self.assertTrue(transport.disconnecting)
            self.lose(error.ConnectionDone())
            self.reactor.advance(0)
            self.assertEqual(len(self.reactor.tcpClients), connections + 1)
        # For the others it was no end, and for it one that it knows of.
        self.assertEqual(self.downs, [])

    def test_nobody_who_is_being_read_loses_the_connection_for_another(self) -> None:
        self.factory = self.make(succeed, members=3)
        self.factory.start()
        transport = self.connect()
        first, second, _ = self.members
        second.reading = True
        for _ in range(3):
            self.assertFalse(self.factory.failed(first, SILENCE))
        self.assertFalse(transport.disconnecting)
        # That one has found it dead too, and may go on trying.
        self.factory.failed(second, SILENCE)
        self.assertTrue(self.factory.failed(first, SILENCE))
        self.assertTrue(transport.disconnecting)

    def test_a_refusal_shows_that_the_connection_works(self) -> None:
        self.factory = self.make(succeed, members=2)
        self.factory.start()
        self.connect()
        for _ in range(3):
            refused = RefusedError("authentication-failure")
            self.assertFalse(self.factory.failed(self.members[0], refused))

    def test_a_call_is_not_ended_for_one_who_fails(self) -> None:
        class Call(TcpWay):
            at_will = False

        self.factory = self.make(succeed, members=2, way=Call("meter.example", 1, self.reactor))
        self.factory.start()
        self.connect()
        for _ in range(3):
            self.assertFalse(self.factory.failed(self.members[0], SILENCE))
        self.assertTrue(self.factory.failed(self.members[1], SILENCE))

    def test_stop_closes_with_a_fin_and_waits_for_the_end(self) -> None:
        self.factory.start()
        transport = self.connect()
        stopped = Deferred.fromCoroutine(self.factory.stop())
        self.assertTrue(transport.disconnecting)
        self.assertNoResult(stopped)
        self.lose(error.ConnectionDone())
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop_drops_a_peer_that_does_not_close(self) -> None:
        self.factory.start()
        transport = self.connect()
        Deferred.fromCoroutine(self.factory.stop())
        self.reactor.advance(1)
        self.assertTrue(transport.disconnected)

    def test_stopped_while_waiting_it_attempts_nothing_more(self) -> None:
        self.factory.start()
        self.refuse()
        self.successResultOf(Deferred.fromCoroutine(self.factory.stop()))
        self.reactor.advance(1000)
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_ends_are_named_by_their_culprit(self) -> None:
        for reason, kind, words in (
            (error.ConnectionRefusedError(), NotListeningError, "refused"),
            (error.TimeoutError(), UnansweredError, "no answer"),
            (error.DNSLookupError(), UnresolvedError, "host name"),
            (error.NoRouteError(), UnreachableError, "no route"),
            (error.ConnectionDone(), ClosedError, "closed"),
            (error.ConnectionLost(), ClosedError, "broke"),
            (error.ConnectBindError(errno.EMFILE, "Too many"), CrowdedError, "open files"),
            (OSError(), LinkError, "OSError"),
        ):
            found = explain(Failure(reason))
            self.assertIs(type(found), kind)
            self.assertIn(words, str(found))
