"""An independent client proves itself to our virtual meters and ciphers: dlms-cosem 21.3.2.

What it judges: HLS with GMAC both ways, glo-initiate-request and -response, and
general-glo-ciphering, authenticated and encrypted, under suites 0, 1 and 2; over WRAPPER
and HDLC.

What it cannot judge, because that release has it not: the mechanisms but GMAC, glo- and
ded- forms of services, dedicated keys, a policy of authentication or encryption alone (it
always sets both bits), general-ciphering and -signing, and all that suites 1 and 2 have
beside AES-GCM.
It gives its proof the counter of the request around it, so that one initialization vector
serves for two messages; it deciphers by its own security control and by the title of AARE,
whatever an answer says; it writes the length of what it ciphers in one octet, so no request
may have more than 127; and it waits for ever when the meter closes the connection.
"""

from __future__ import annotations

import logging
import socket
from typing import Any

from dlms_cosem import enumerations, utils
from dlms_cosem.clients.blocking_tcp_transport import BlockingTcpTransport
from dlms_cosem.clients.dlms_client import DataResultError, DlmsClient, HLSError
from dlms_cosem.clients.hdlc_transport import SerialHdlcTransport
from dlms_cosem.exceptions import DlmsClientException
from dlms_cosem.security import SecurityControlField
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.simulated import SimulatorProcess
from tests.integration.test_judge import INTERFACE, Socket, attribute, value

# Those of the Green Book's examples.
ENCRYPTION = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
AUTHENTICATION = bytes.fromhex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
TITLE = b"DLMSDCLT"
GMAC = enumerations.AuthenticationMechanism.HLS_GMAC
COUNTER = (0, 0, 43, 1, 0)
VOLTAGE = (1, 1, 32, 7, 0)


class Closed(Exception):
    """The meter closed the connection."""


class Transport(BlockingTcpTransport):
    """Its own, but for the end of a connection, which it does not notice."""

    def _recv_bytes(self, amount: int) -> bytes:
        octets = b""
        while len(octets) < amount:
            piece = self.tcp_socket.recv(amount - len(octets))
            if not piece:
                raise Closed
            octets += piece
        return octets


def wrapped(endpoint: dict, client: int) -> Transport:
    return Transport(endpoint["host"], endpoint["port"], client, endpoint["logical"], timeout=3)


def framed(endpoint: dict, client: int, line: Socket) -> SerialHdlcTransport:
    transport = SerialHdlcTransport(
        client_logical_address=client,
        server_logical_address=endpoint["logical"],
        server_physical_address=endpoint["physical"],
        serial_port="",
        serial=line,
    )
    transport.hdlc_connection.max_data_size = 128
    return transport


def secured(endpoint: dict, transport: Any, **options: Any) -> DlmsClient:
    """Client 1 with the meter's keys, unless ``options`` say otherwise."""
    settings = {
        "authentication_method": GMAC,
        "encryption_key": ENCRYPTION,
        "authentication_key": AUTHENTICATION,
        "client_system_title": TITLE,
        "client_initial_invocation_counter": 1,
        **options,
    }
    client = DlmsClient(
        client_logical_address=1,
        server_logical_address=endpoint["logical"],
        io_interface=transport,
        block_transfer=True,
        **settings,
    )
    client.connect()
    return client


def public(endpoint: dict) -> DlmsClient:
    client = DlmsClient(
        client_logical_address=16,
        server_logical_address=endpoint["logical"],
        io_interface=wrapped(endpoint, 16),
    )
    client.connect()
    return client


class SecureJudgeTests(SynchronousTestCase):
    def setUp(self) -> None:
        # It logs each deciphered APDU as a warning.
        log = logging.getLogger("dlms_cosem.connection")
        log.disabled = True
        self.addCleanup(setattr, log, "disabled", False)

    def simulate(self, personality: str = "secure-wrapper") -> dict[str, Any]:
        """A virtual meter until the test ends; where it is."""
        process = SimulatorProcess("--personality", personality)
        process.__enter__()
        self.addCleanup(process.__exit__, None, None, None)
        return process.endpoints[0]

    def reach(self, endpoint: dict, **options: Any) -> DlmsClient:
        client = secured(endpoint, wrapped(endpoint, 1), **options)
        self.addCleanup(self.leave, client)
        return client

    def leave(self, client: DlmsClient) -> None:
        opened: socket.socket | None = client.io_interface.tcp_socket
        if opened is not None:
            opened.close()

    def reads(self, client: DlmsClient) -> None:
        volts = value(client, INTERFACE.REGISTER, 2, *VOLTAGE)
        scaler, unit = value(client, INTERFACE.REGISTER, 3, *VOLTAGE)
        self.assertTrue(225 < volts * 10.0**scaler < 235)
        self.assertEqual(unit, 35)

    def test_wrapper(self) -> None:
        client = self.reach(self.simulate())
        aare = client.associate()
        self.assertEqual(aare.system_title, b"DLS00001")
        self.assertEqual(len(aare.authentication_value), 16)
        # Of AARE, the proof and its ACTION, the last.
        proved = client.dlms_connection.meter_invocation_counter
        self.reads(client)
        self.assertEqual(client.dlms_connection.meter_system_title, b"DLS00001")
        self.assertEqual(client.dlms_connection.meter_invocation_counter, proved + 2)
        client.release_association()

    def over_hdlc(self, personality: str, **options: Any) -> None:
        endpoint = self.simulate(personality)
        line = Socket(endpoint["host"], endpoint["port"])
        self.addCleanup(line.close)
        client = secured(endpoint, framed(endpoint, 1, line), **options)
        client.associate()
        self.reads(client)
        client.release_association()

    def test_hdlc(self) -> None:
        self.over_hdlc("secure")

    def test_suite_1(self) -> None:
        self.over_hdlc("suite-1", security_suite=1)

    def test_suite_2(self) -> None:
        keys = {"encryption_key": ENCRYPTION * 2, "authentication_key": AUTHENTICATION * 2}
        self.over_hdlc("suite-2", security_suite=2, **keys)

    def test_unknown_object(self) -> None:
        client = self.reach(self.simulate())
        client.associate()
        error = self.assertRaises(
            DataResultError, value, client, INTERFACE.REGISTER, 2, 1, 1, 99, 9, 9
        )
        self.assertIn("OBJECT_UNDEFINED", str(error))
        self.reads(client)

    def test_object_list(self) -> None:
        client = self.reach(self.simulate())
        client.associate()
        found = client.get(attribute(INTERFACE.ASSOCIATION_LN, 2, 0, 0, 40, 0, 0))
        objects = utils.parse_as_dlms_data(found)
        self.assertGreater(len(objects), 50)
        classes = {bytes(one[2]): one[0] for one in objects}
        self.assertEqual(classes[bytes((*VOLTAGE, 255))], 3)
        self.assertEqual(classes[bytes((*COUNTER, 255))], 1)

    def test_the_counter_tells_where_to_go_on(self) -> None:
        endpoint = self.simulate()
        first = self.reach(endpoint, client_initial_invocation_counter=77)
        first.associate()
        self.reads(first)
        stranger = public(endpoint)
        self.addCleanup(self.leave, stranger)
        stranger.associate()
        seen = value(stranger, INTERFACE.DATA, 2, *COUNTER)
        # It counts from 77: AARQ, ACTION, two values.
        self.assertEqual(seen, 80)
        late = self.reach(endpoint, client_initial_invocation_counter=seen)
        self.assertRaises(Closed, late.associate)
        next_one = self.reach(endpoint, client_initial_invocation_counter=seen + 1)
        next_one.associate()
        self.reads(next_one)

    def test_wrong_keys_are_refused(self) -> None:
        endpoint = self.simulate()
        for options in ({"encryption_key": bytes(16)}, {"authentication_key": bytes(16)}):
            client = self.reach(endpoint, **options)
            error = self.assertRaises(DlmsClientException, client.associate)
            self.assertIn("REJECTED_PERMANENT", str(error))
        self.reach(endpoint).associate()

    def test_a_wrong_proof_is_refused(self) -> None:
        client = self.reach(self.simulate())
        genuine = client.dlms_connection.get_hls_reply
        client.dlms_connection.get_hls_reply = lambda: genuine()[:-1] + b"?"
        self.assertRaises(HLSError, client.associate)

    def test_security_control_on_the_wire(self) -> None:
        """Its decoder and ours agree on what is behind the title."""
        client = self.reach(self.simulate())
        client.associate()
        seen: list[Any] = []
        unprotect = client.dlms_connection.unprotect
        client.dlms_connection.unprotect = lambda event: seen.append(event) or unprotect(event)
        self.reads(client)
        both = SecurityControlField(security_suite=0, authenticated=True, encrypted=True)
        for event in seen:
            self.assertEqual(event.security_control, both)
            self.assertEqual(event.system_title, b"DLS00001")
