from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish import troubles
from dlmsd.publish.codec import Login
from dlmsd.publish.message import Message
from dlmsd.publish.mqtt import MqttProtocol
from dlmsd.publish.version import Version
from dlmsd.secret import Secret
from tests.publish.broker import Ack, ModelBroker, Published
from tests.publish.transport import MemoryTransport


class Witness:
    """An owner that notes what it is told."""

    def __init__(self) -> None:
        self.sessions: list[MqttProtocol] = []
        self.acknowledgements: list[tuple[int, int]] = []
        self.messages: list[Message] = []
        self.knows = False
        self.error: troubles.Trouble | None = None

    def accepted(self, session: MqttProtocol) -> None:
        self.sessions.append(session)

    def acknowledged(self, acknowledgements: Any) -> None:
        self.acknowledgements += acknowledgements

    def told(self, message: Message) -> bool:
        self.messages.append(message)
        if self.knows:
            self.sessions[0].publish(Message("answer", message.payload))
        return self.knows

    def lost(self, session: MqttProtocol, error: troubles.Trouble) -> None:
        assert self.error is None, "lost twice"
        self.error = error


class ProtocolCase(SynchronousTestCase):
    version: Version = 5

    def setUp(self) -> None:
        self.clock = Clock()
        self.broker = ModelBroker(self.clock)
        self.witness = Witness()

    def dial(self, login: Login | None = None, inflight: int = 20) -> MqttProtocol:
        session = MqttProtocol(
            login or Login("me"), self.version, inflight, self.clock, self.witness
        )
        MemoryTransport.join(self.clock, session, self.broker.buildProtocol(None))
        self.turn()
        return session

    def turn(self, seconds: float = 0.0) -> None:
        for _ in range(round(seconds)):
            self.clock.advance(1)
            for _turn in range(5):
                self.clock.advance(0)
        for _turn in range(10):
            self.clock.advance(0)

    def test_connect_says_all_of_the_login(self) -> None:
        will = Message("dlmsd/status", b"offline", retain=True)
        self.dial(Login("me", Secret("bob"), Secret("pw"), 17, will))
        connect = self.broker.connects[0]
        self.assertEqual(connect.version, 5 if self.version == 5 else 4)
        self.assertTrue(connect.clean)
        self.assertEqual((connect.client_id, connect.keepalive), ("me", 17))
        self.assertEqual((connect.username, connect.password), (b"bob", b"pw"))
        self.assertEqual(connect.will, ("dlmsd/status", b"offline", True))

    def test_a_token_has_no_password(self) -> None:
        self.dial(Login("me", Secret("token")))
        self.assertEqual(self.broker.connects[0].password, None)

    def test_publish_and_puback(self) -> None:
        session = self.dial()
        packet_id = session.publish(Message("a/b", b"x" * 300, retain=True))
        self.assertEqual(session.room, 19)
        self.turn()
        self.assertEqual(self.witness.acknowledgements, [(packet_id, 0)])
        published = self.broker.published[0]
        self.assertEqual((published.topic, published.payload), ("a/b", b"x" * 300))
        self.assertTrue(published.retain)
        self.assertEqual(session.room, 20)

    def test_no_room_before_connack_and_after_the_end(self) -> None:
        self.broker.connack = None
        session = self.dial()
        self.assertEqual(session.room, 0)
        self.broker.connack = 0
        session = self.dial()
        self.assertEqual(session.room, 20)
        session.disconnect()
        self.assertEqual(session.room, 0)

    def test_foreign_and_second_pubacks_are_counted_and_ignored(self) -> None:
        def puback(published: Published) -> list[Ack]:
            return [Ack(999), Ack(published.packet_id), Ack(published.packet_id)]

        self.broker.puback = puback
        session = self.dial()
        packet_id = session.publish(Message("a", b"x"))
        self.turn()
        self.assertEqual(self.witness.acknowledgements, [(packet_id, 0)])
        self.assertEqual(session.unknown_acknowledgements, 2)
        self.assertEqual(self.witness.error, None)

    def test_half_an_identifier_acknowledges_nothing(self) -> None:
        self.broker.puback = lambda published: []
        self.assertEqual(self.dial().publish(Message("a", b"x")), 1)
        self.turn()
        self.broker.open[0].transport.write(b"\x40\x01\x01")
        self.turn(20)
        self.assertEqual(self.witness.acknowledgements, [])
        self.assertIsInstance(self.witness.error, troubles.ProtocolTrouble)

    def test_a_packet_identifier_in_flight_is_not_used_again(self) -> None:
        self.broker.puback = lambda published: []
        session = self.dial()
        self.assertEqual(session.publish(Message("a", b"x")), 1)
        session._paho._last_mid = 65535  # as after 65,534 more
        self.assertEqual(session.publish(Message("a", b"x")), 2)
        self.turn()
        self.assertEqual([one.packet_id for one in self.broker.published], [1, 2])

    def test_connack_that_never_comes(self) -> None:
        self.broker.connack = None
        self.dial()
        self.turn(14)
        self.assertEqual(self.witness.error, None)
        self.turn(2)
        self.assertIsInstance(self.witness.error, troubles.SilentTrouble)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_puback_that_never_comes(self) -> None:
        self.broker.puback = lambda published: []
        session = self.dial()
        session.publish(Message("a", b"x"))
        self.turn(59)
        self.assertEqual(self.witness.error, None)
        self.turn(8)
        self.assertIsInstance(self.witness.error, troubles.UnacknowledgedTrouble)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_idle_connection_pings(self) -> None:
        self.dial(Login("me", keepalive=30))
        self.turn(300)
        self.assertEqual(self.witness.error, None)
        self.assertTrue(10 <= self.broker.pinged <= 20, self.broker.pinged)

    def test_no_answer_to_a_ping(self) -> None:
        self.broker.pings = False
        self.dial(Login("me", keepalive=30))
        self.turn(60)
        self.assertIsInstance(self.witness.error, troubles.SilentTrouble)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_keepalive_of_zero_never_pings(self) -> None:
        self.dial(Login("me", keepalive=0))
        self.turn(300)
        self.assertEqual((self.broker.pinged, self.witness.error), (0, None))

    def test_disconnect_spares_the_will(self) -> None:
        session = self.dial(Login("me", will=Message("w", b"offline")))
        session.disconnect()
        self.turn()
        self.assertEqual((self.broker.disconnects, self.broker.wills), (1, []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_abort_publishes_the_will(self) -> None:
        self.dial(Login("me", will=Message("w", b"offline")))
        self.broker.drop()
        self.turn()
        self.assertEqual(self.broker.wills, [("w", b"offline", False)])
        self.assertIsInstance(self.witness.error, troubles.ClosedTrouble)

    def test_a_broker_that_ignores_the_fin_is_left_after_a_second(self) -> None:
        session = self.dial()
        self.broker.deaf = True
        session.disconnect()
        self.turn()
        self.assertEqual(self.witness.error, None)
        self.turn(1)
        self.assertIsNotNone(self.witness.error)
        self.assertEqual((self.broker.open, self.clock.getDelayedCalls()), ([], []))

    def test_garbage_ends_the_connection_and_nothing_else(self) -> None:
        for garbage in (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\x20\x01\x00",
            b"\x20\x02\x00\x00" * 2,
            b"\x40\xff\xff\xff\xff",
            b"\x00\x00",
            b"\x90\x01\x00",
            b"\x62\x00",
        ):
            self.setUp()
            self.broker.deaf = True
            self.dial()
            self.broker.open[0].transport.write(garbage)
            self.turn(20)
            self.assertIsInstance(self.witness.error, troubles.Trouble, repr(garbage))
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_unasked_message_is_harmless(self) -> None:
        session = self.dial()
        tail = b"\x00" if self.version == 5 else b""
        self.broker.open[0].send(0x30, b"\x00\x01a" + tail + b"hello")
        self.turn()
        self.assertEqual((self.witness.error, session.room), (None, 20))

    def test_what_is_subscribed_is_heard_and_may_be_answered_at_once(self) -> None:
        self.witness.knows = True
        self.broker.retained["wanted/b"] = b"kept"
        session = self.dial()
        session.subscribe(())
        session.subscribe(("wanted/+", "x"))
        self.turn()
        for number in range(30):
            self.broker.tell("wanted/a", b"%d" % number)
            self.broker.tell("unwanted", b"")
            self.turn()
        self.assertEqual(self.broker.subscribed, ["wanted/+", "x"])
        self.assertEqual(self.witness.messages[0], Message("wanted/b", b"kept", retain=True))
        expected = [Message("wanted/a", b"%d" % number) for number in range(30)]
        self.assertEqual(self.witness.messages[1:], expected)
        answers = [published.payload for published in self.broker.published]
        self.assertEqual(answers, [message.payload for message in self.witness.messages])
        self.assertEqual((session.told, session.room), (0, 20))

    def test_a_message_that_is_too_long_ends_nothing(self) -> None:
        """Somebody may have published it retained, to a topic that is subscribed to."""
        self.witness.knows = True
        session = self.dial()
        session.subscribe(("wanted/+",))
        self.turn()
        for _ in range(3):
            self.broker.tell("wanted/x", bytes(100_000))
        self.broker.tell("wanted/x", b"short")
        self.turn()
        self.assertEqual(self.witness.messages, [Message("wanted/x", b"short")])
        self.assertEqual((self.witness.error, session.told), (None, 3))
        # Else the broker would soon have none more in flight.
        self.assertEqual(self.broker.open[0].taken, {1, 2, 3, 4})

    def test_a_refused_subscription_is_named(self) -> None:
        lines: list[str] = []
        observer = lambda event: lines.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.broker.unheard = True
        session = self.dial()
        session.subscribe(("wanted/+",))
        self.turn()
        self.assertEqual(
            len([line for line in lines if "may not subscribe to wanted/+" in line]), 1
        )
        self.assertEqual((self.witness.error, session.room), (None, 20))

    def test_a_broker_that_talks_cannot_fill_the_log(self) -> None:
        lines: list[str] = []
        observer = lambda event: lines.append(formatEvent(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        session = self.dial()
        tail = b"\x00" if self.version == 5 else b""
        for _ in range(50):
            self.broker.open[0].send(0x30, b"\x00\x03a\x1b\n" + tail + b"x")
        self.turn()
        (line,) = [line for line in lines if "was told by the broker" in line]
        self.assertNotIn("\x1b", line)
        self.assertEqual(session.told, 50)


class Mqtt5Tests(ProtocolCase):
    def test_session_expiry_and_packet_size(self) -> None:
        self.dial()
        # 3.1.2.11: 0x11 session expiry interval, 0x27 maximum packet size
        self.assertEqual(
            self.broker.connects[0].properties, b"\x11\x00\x00\x00\x00\x27\x00\x01\x00\x00"
        )

    def test_receive_maximum_narrows_the_window(self) -> None:
        self.broker.connack_properties = b"\x21\x00\x07"
        self.assertEqual(self.dial().room, 7)

    def test_server_keep_alive_replaces_ours(self) -> None:
        self.broker.connack_properties = b"\x13\x00\x04"
        self.dial(Login("me", keepalive=600))
        self.turn(40)
        self.assertGreaterEqual(self.broker.pinged, 10)

    def test_a_refusing_puback_carries_its_reason(self) -> None:
        self.broker.puback = lambda published: [Ack(published.packet_id, 0x97)]
        session = self.dial()
        packet_id = session.publish(Message("a", b"x"))
        self.turn()
        self.assertEqual(self.witness.acknowledgements, [(packet_id, 0x97)])

    def test_reason_of_a_disconnect_without_properties(self) -> None:
        """paho issue 860: paho gives 'unspecified error' for these bytes."""
        self.dial()
        self.broker.open[0].disconnect(0x8E)
        self.turn()
        self.assertIsInstance(self.witness.error, troubles.TakenOverTrouble)

    def test_refusals(self) -> None:
        for code, kind in (
            (0x84, troubles.VersionTrouble),
            (0x86, troubles.CredentialsTrouble),
            (0x88, troubles.UnavailableTrouble),
        ):
            self.setUp()
            self.broker.connack = code
            self.assertFalse(self.dial().answered)
            self.assertIs(type(self.witness.error), kind)

    def test_refused_in_the_form_of_311(self) -> None:
        self.broker.refused, self.broker.old = (5,), True
        self.dial()
        self.assertIsInstance(self.witness.error, troubles.VersionTrouble)


class Mqtt311Tests(ProtocolCase):
    version = 311

    def test_refusals(self) -> None:
        for code, kind in (
            (1, troubles.VersionTrouble),
            (2, troubles.ClientIdTrouble),
            (4, troubles.CredentialsTrouble),
            (5, troubles.CredentialsTrouble),
        ):
            self.setUp()
            self.broker.connack = code
            self.dial()
            self.assertIs(type(self.witness.error), kind)
            self.assertEqual(len(self.broker.connects), 1)


del ProtocolCase  # only its versions are tests
