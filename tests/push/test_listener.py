"""Ports, connections and datagrams: limits, ends, and the status of all that."""

from __future__ import annotations

import os
import termios
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from dlmsd.config.values import PushOptions
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.hdlc.control import POLL_FINAL, UI
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.notification import DataNotification, DataNotificationConfirm
from dlmsd.model import ListenerState, ListenerStatus
from dlmsd.push.assembly import PATIENCE, Arrived
from dlmsd.push.errors import ListenError
from dlmsd.push.framing import answer
from dlmsd.push.listener import MAX_CONNECTIONS, Listener
from dlmsd.push.wire import MAX_SENDERS, PushDatagrams
from tests.push.test_meter import power
from tests.vectors import push as vectors

WRAPPED = WrapperFrame(1, 1, power(7)).encode()


class Transport(StringTransport):
    """Closes when it is told to, as a socket does."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.alive = enabled

    def loseConnection(self) -> None:
        if not self.disconnecting:
            super().loseConnection()
            self.protocol.connectionLost(Failure(ConnectionDone()))

    abortConnection = loseConnection


class Heard:
    """A listener on a reactor in memory, and everything that it tells."""

    def __init__(self, options: PushOptions) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.arrived: list[tuple[Arrived, str]] = []
        self.replies: list[Any] = []
        self.statuses: list[ListenerStatus] = []
        self.listener = Listener(
            options,
            reactor=self.reactor,
            wall=lambda: 1_700_000_000.0,
            deliver=self._take,
            post=self.statuses.append,
        )
        Deferred.fromCoroutine(self.listener.start())

    def _take(self, one: Arrived, _: PushOptions, host: str, reply: Any) -> None:
        self.arrived.append((one, host))
        self.replies.append(reply)

    def connect(self, host: str = "192.0.2.1") -> tuple[Any, Transport]:
        """A connection to us; no protocol if it is refused."""
        factory = self.reactor.tcpServers[0][1]
        return self._wire(factory.buildProtocol(IPv4Address("TCP", host, 1)))

    def answer(self) -> tuple[Any, Transport]:
        """The serial server takes our newest connection."""
        factory = self.reactor.tcpClients[-1][2]
        return self._wire(factory.buildProtocol(IPv4Address("TCP", "192.0.2.9", 1)))

    def _wire(self, protocol: Any) -> tuple[Any, Transport]:
        transport = Transport()
        if protocol is not None:
            transport.protocol = protocol
            protocol.makeConnection(transport)
        return protocol, transport

    @property
    def status(self) -> ListenerStatus:
        self.reactor.advance(1)
        return self.statuses[-1]


TCP = PushOptions("han", listen="tcp:4059:interface=127.0.0.1")
OUT = PushOptions("head", connect="192.0.2.9:2001")


class ListenTests(SynchronousTestCase):
    def test_connections_and_what_they_bring(self) -> None:
        heard = Heard(TCP)
        port, _, _, interface = heard.reactor.tcpServers[0]
        self.assertEqual((port, interface), (4059, "127.0.0.1"))
        self.assertEqual(heard.status.state, ListenerState.LISTENING)
        one, _ = heard.connect("192.0.2.1")
        two, _ = heard.connect("192.0.2.2")
        one.dataReceived(vectors.KAIFA_1[:20])
        two.dataReceived(WRAPPED)
        one.dataReceived(vectors.KAIFA_1[20:] + b"\xff" * 7)
        self.assertEqual([host for _, host in heard.arrived], ["192.0.2.2", "192.0.2.1"])
        status = heard.status
        self.assertEqual((status.connections, status.messages), (2, 2))
        one.connectionLost(Failure(ConnectionDone()))
        status = heard.status
        self.assertEqual((status.connections, status.noise_bytes), (1, 7))

    def test_an_answer_goes_back_the_way_that_the_push_came(self) -> None:
        confirm = DataNotificationConfirm(0xC0000007)
        push = DataNotification(0xC0000007, None, Data(Tag.UNSIGNED, 5)).encode()
        frame = Frame(b"\x21", b"\x02\x23", UI, b"\xe6\xe7\x00" + push)
        for octets, answered in (
            (WrapperFrame(1, 16, push).encode(), WrapperFrame(16, 1, confirm.encode()).encode()),
            (
                frame.encode(),
                Frame(
                    b"\x02\x23", b"\x21", UI | POLL_FINAL, b"\xe6\xe6\x00" + confirm.encode()
                ).encode(),
            ),
        ):
            heard = Heard(TCP)
            one, transport = heard.connect()
            one.dataReceived(octets)
            ((arrived, _),) = heard.arrived
            heard.replies[0](answer(arrived.frame, confirm.encode()))
            self.assertEqual(transport.value(), answered)

    def test_a_connection_that_only_babbles(self) -> None:
        heard = Heard(TCP)
        one, transport = heard.connect()
        for _ in range(5):
            one.dataReceived(b"GET / HTTP/1.1\r\n" * 64)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(heard.status.connections, 0)

    def test_a_connection_that_says_nothing(self) -> None:
        heard = Heard(TCP)
        _, silent = heard.connect()
        talker, other = heard.connect()
        talker.dataReceived(WRAPPED)
        heard.reactor.advance(119)
        self.assertFalse(silent.disconnecting)
        heard.reactor.advance(1)
        self.assertTrue(silent.disconnecting)
        heard.reactor.advance(100_000)
        self.assertFalse(other.disconnecting)

    def test_an_unfinished_frame_is_given_up_after_a_pause(self) -> None:
        heard = Heard(TCP)
        one, _ = heard.connect()
        # A header of 64 KiB that never come, and a push behind it.
        one.dataReceived(bytes.fromhex("0001 0001 0001 FFFF 0F") + WRAPPED)
        self.assertEqual(heard.arrived, [])
        heard.reactor.advance(PATIENCE)
        self.assertEqual(len(heard.arrived), 1)

    def test_too_many(self) -> None:
        heard = Heard(TCP)
        for _ in range(MAX_CONNECTIONS):
            heard.connect()
        self.assertIsNone(heard.connect()[0])
        self.assertEqual((heard.status.connections, heard.status.refused), (MAX_CONNECTIONS, 1))

    def test_the_end_leaves_nothing(self) -> None:
        heard = Heard(TCP)
        for _ in range(3):
            one, _ = heard.connect()
            one.dataReceived(WRAPPED[:12])
        self.successResultOf(Deferred.fromCoroutine(heard.listener.stop()))
        self.assertEqual(heard.reactor.getDelayedCalls(), [])


class ConnectTests(SynchronousTestCase):
    def test_a_serial_server_is_dialled_again_and_again(self) -> None:
        heard = Heard(OUT)
        host, port, factory, _, _ = heard.reactor.tcpClients[0]
        self.assertEqual((host, port), ("192.0.2.9", 2001))
        connector = heard.reactor.connectors[0]
        factory.clientConnectionFailed(connector, Failure(ConnectionRefusedError()))
        status = heard.status
        self.assertEqual((status.state, status.error), (ListenerState.DOWN, "connection refused"))
        head, transport = heard.answer()
        self.assertEqual(heard.status.state, ListenerState.CONNECTED)
        heard.reactor.advance(100_000)
        self.assertFalse(transport.disconnecting)
        head.dataReceived(vectors.KAIFA_1)
        self.assertEqual(heard.arrived[0][1], "")
        self.assertEqual(heard.status.error, "")

    def test_a_last_push_while_it_stops_wakes_nothing(self) -> None:
        heard = Heard(OUT)
        factory, connector = heard.reactor.tcpClients[0][2], heard.reactor.connectors[0]
        head, _ = heard.answer()
        stopped = Deferred.fromCoroutine(heard.listener.stop())
        head.dataReceived(vectors.KAIFA_1)
        factory.clientConnectionLost(connector, Failure(ConnectionDone()))
        self.successResultOf(stopped)
        head._pause.stop()
        self.assertEqual(heard.reactor.getDelayedCalls(), [])
        self.assertEqual(len(heard.reactor.tcpClients), 1)

    def test_delays_grow_until_something_is_heard(self) -> None:
        heard = Heard(OUT)
        factory, connector = heard.reactor.tcpClients[0][2], heard.reactor.connectors[0]
        pauses = []
        for _ in range(3):
            factory.clientConnectionFailed(connector, Failure(ConnectionRefusedError()))
            pauses.append(factory.delay)
            heard.reactor.advance(factory.delay)
        self.assertEqual(pauses, sorted(pauses))
        head, _ = heard.answer()
        head.dataReceived(vectors.KAIFA_1)
        self.assertLess(factory.delay, pauses[0])
        self.assertEqual(len(heard.reactor.tcpClients), 4)

    def test_stop_while_dialling(self) -> None:
        heard = Heard(OUT)
        self.successResultOf(Deferred.fromCoroutine(heard.listener.stop()))
        self.assertEqual(heard.reactor.getDelayedCalls(), [])


class DatagramTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.arrived: list[tuple[Arrived, str]] = []
        self.port = PushDatagrams(
            "auto", self.clock, lambda one, host, _: self.arrived.append((one, host))
        )

    def test_each_sender_has_its_own_stream(self) -> None:
        first, second, third = vectors.ISKRAEMECO
        for host, datagram in (
            ("a", first),
            ("b", first),
            ("a", second),
            ("c", WRAPPED),
            ("a", third),
            ("b", second),
            ("b", third),
        ):
            self.port.datagramReceived(datagram, (host, 4059))
        self.assertEqual([host for _, host in self.arrived], ["c", "a", "b"])

    def test_half_a_wrapped_apdu_does_not_eat_the_next(self) -> None:
        for datagram in (WRAPPED[:15], WRAPPED, WRAPPED + WRAPPED):
            self.port.datagramReceived(datagram, ("a", 1))
        self.assertEqual([one.apdu for one, _ in self.arrived], [power(7)] * 3)

    def test_many_senders(self) -> None:
        for number in range(MAX_SENDERS + 50):
            self.port.datagramReceived(vectors.ISKRAEMECO[0], (f"h{number}", 1))
        self.assertEqual(len(self.port._senders), MAX_SENDERS)
        for datagram in vectors.ISKRAEMECO[1:]:
            self.port.datagramReceived(datagram, (f"h{MAX_SENDERS}", 1))
        self.assertEqual(len(self.arrived), 1)

    def test_noise(self) -> None:
        for _ in range(100):
            self.port.datagramReceived(b"\x7e\xff" * 700, ("a", 1))
            self.port.datagramReceived(b"", ("b", 1))
        self.port.datagramReceived(WRAPPED, ("c", 1))
        self.assertEqual(len(self.arrived), 1)
        self.assertGreater(self.port.noise, 100_000)


class RealPortTests(TestCase):
    """The parts that a reactor in memory has not."""

    async def test_a_serial_port(self) -> None:
        from twisted.internet import reactor

        outer, inner = os.openpty()
        heard: Deferred[bytes] = Deferred()
        gone: Deferred[str] = Deferred()
        states: list[ListenerState] = []

        def post(status: ListenerStatus) -> None:
            states.append(status.state)
            if status.state is ListenerState.DOWN and not gone.called:
                gone.callback(status.error)

        listener = Listener(
            PushOptions("usb", device=os.ttyname(inner), parity="even"),
            reactor=reactor,
            wall=lambda: 0.0,
            deliver=lambda one, *_: heard.called or heard.callback(one.apdu),
            post=post,
        )
        await listener.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(listener.stop()))
        self.assertEqual(termios.tcgetattr(inner)[4:6], [termios.B2400] * 2)
        os.close(inner)
        os.write(outer, vectors.KAIFA_13)
        self.assertEqual(len(await heard), 108)
        os.close(outer)
        self.assertTrue(await gone)
        self.assertEqual(states[:2], [ListenerState.CONNECTING, ListenerState.CONNECTED])

    def listener(self, listen: str) -> Listener:
        from twisted.internet import reactor

        return Listener(
            PushOptions("real", listen=listen),
            reactor=reactor,
            wall=lambda: 0.0,
            deliver=lambda *_: None,
            post=lambda _: None,
        )

    async def test_a_port_that_is_taken(self) -> None:
        for kind in ("tcp", "udp"):
            first = self.listener(f"{kind}:0:interface=127.0.0.1")
            await first.start()
            second = self.listener(f"{kind}:{first.port}:interface=127.0.0.1")
            error = await self.assertFailure(Deferred.fromCoroutine(second.start()), ListenError)
            self.assertIn("in use", str(error))
            await second.stop()
            await first.stop()
