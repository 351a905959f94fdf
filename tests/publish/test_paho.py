"""What dlmsd relies on in paho's client beside what its documentation promises."""

from __future__ import annotations

import inspect

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.publish.codec import Codec, Login, Wire


class PahoContractTests(SynchronousTestCase):
    """What is used of paho beyond its documentation; a new paho must keep it."""

    def test_create_socket_is_where_reconnect_gets_its_socket(self) -> None:
        self.assertIn("self._create_socket()", inspect.getsource(paho.Client.reconnect))
        self.assertEqual(list(inspect.signature(paho.Client._create_socket).parameters), ["self"])
        self.assertIn("_create_socket", vars(Codec))

    def test_bytes_go_through_the_socket_like_object_at_once(self) -> None:
        written: list[bytes] = []

        class Record:
            def write(self, data: bytes) -> None:
                written.append(data)

        codec = Codec(Wire(Record()), Login("me"), 311)
        self.assertEqual(codec.reconnect(), MQTTErrorCode.MQTT_ERR_SUCCESS)
        # MQTT 3.1.1, 3.1: "MQTT", level 4, clean session, keep alive 30, client id "me"
        self.assertEqual(written, [bytes.fromhex("100e00044d5154540402001e00026d65")])

    def test_a_packet_in_pieces_of_paho_s_choosing(self) -> None:
        wire = Wire(None)
        wire.packet = b"abc"
        self.assertEqual((wire.recv(1), wire.recv(9), wire.pending()), (b"a", b"bc", 0))
        with self.assertRaises(BlockingIOError):
            wire.recv(1)

    def test_an_identifier_in_flight_gives_queue_size(self) -> None:
        codec = Codec(Wire(None), Login("me"), 5)
        codec.publish("a", b"", 1)
        codec._last_mid = 0
        info = codec.publish("a", b"", 1)
        self.assertIs(info.rc, MQTTErrorCode.MQTT_ERR_QUEUE_SIZE)

    def test_what_is_forgotten_leaves_nothing_and_frees_its_identifier(self) -> None:
        codec = Codec(Wire(None), Login("me"), 5)
        codec.reconnect()
        info = codec.publish("a", b"", 1)
        self.assertEqual((len(codec._out_messages), codec._inflight_messages), (1, 1))
        codec.forget(info.mid)
        self.assertTrue(info.is_published())
        self.assertEqual((len(codec._out_messages), codec._inflight_messages), (0, 0))
        with self.assertRaises(LookupError):
            codec.forget(info.mid)
        codec._last_mid = 0
        self.assertEqual(codec.publish("a", b"", 1).mid, 1)
