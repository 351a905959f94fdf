"""A fault of ours in an attempt to connect is logged, and not the end of the attempts."""

import termios
from functools import partial
from typing import Any

from twisted.internet import error
from twisted.internet.defer import succeed
from twisted.internet.protocol import ClientFactory
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from dlmsd.errors import DlmsdError
from dlmsd.meter.way import Connector, Way
from tests.meter.factory import FactoryCase, Transport

FAULT = "a fault of dlmsd; the log has the details"


class Pitfall(Way):
    """Attempts that end in ``error``, each."""

    half_open = True

    def __init__(self, error: Exception) -> None:
        self.error = error

    def unresolved(self) -> str | None:
        return "192.0.2.7"

    def connect(self, factory: ClientFactory) -> Connector:
        raise self.error


class AtOnce(Way):
    """Connections that stand at once."""

    def __init__(self) -> None:
        self.transports: list[Transport] = []

    def connect(self, factory: ClientFactory) -> Connector:
        self.transports.append(Transport())
        self.protocol: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
        self.protocol.makeConnection(self.transports[-1])
        return self

    def disconnect(self) -> None:
        self.transports[-1].loseConnection()


class FaultTests(FactoryCase):
    def test_an_attempt_that_ends_by_a_fault_of_ours_is_logged_and_not_the_last(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for fault in (KeyError("x"), OSError(5, "x"), termios.error(5, "x"), AssertionError()):
            events.clear()
            self.downs.clear()
            left: list[float] = []
            leave = partial(left.append, 0.0)
            self.factory = self.make(lambda _, leave=leave: succeed(leave), way=Pitfall(fault))
            self.factory.start()
            for attempts in range(1, 10):
                self.assertEqual((self.factory.connects, len(left)), (attempts, attempts))
                self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
                self.reactor.advance(300)
            self.assertEqual(self.factory.delay, 300)
            self.assertEqual({str(down) for down in self.downs}, {FAULT})
            self.assertEqual(len(self.flushLoggedErrors(type(fault))), 10)
            self.assertEqual([event["meter"] for event in events], ["planta-a"] * 10)
            self.factory.hang_up()

    def test_a_fault_where_a_name_was_last_is_not_the_last(self) -> None:
        self.factory = self.make(succeed, way=Pitfall(ValueError()))
        self.factory.clientConnectionFailed(None, Failure(error.DNSLookupError()))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertIsNotNone(self.factory.next_attempt)

    def test_a_fault_of_who_hears_of_a_connection_ends_it_and_not_the_next(self) -> None:
        way = AtOnce()
        self.factory = self.make(succeed, way=way)
        faults = [ValueError()]

        def up() -> None:
            if faults:
                raise faults.pop()
            self.up()

        self.members[0].up = up
        self.factory.start()
        self.assertTrue(way.transports[0].disconnected)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        way.protocol.connectionLost(Failure(error.ConnectionAborted()))
        self.assertEqual([str(down) for down in self.downs], [FAULT])
        self.reactor.advance(3)
        self.assertEqual((self.ups, len(way.transports)), (1, 2))

    def test_a_fault_of_who_hears_of_a_failure_does_not_end_the_attempts(self) -> None:
        self.factory.start()

        def down(reason: DlmsdError) -> None:
            raise ValueError

        self.members[0].down = down
        self.assertRaises(ValueError, self.refuse)
        self.reactor.advance(3)
        self.assertEqual(len(self.reactor.tcpClients), 2)
