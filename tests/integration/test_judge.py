"""An independent client reads our virtual meters: dlms-cosem 21.3.2, over real TCP.

What it cannot judge, because that release has it not: a UA without information (its parser
demands some, so DISC is left out), server addresses of four octets (its parser of them
always raises), windows above 1, RNR, FRMR and DM, link parameters in SNRM, invoke-ids that
count, and a list that comes back in blocks. It writes no zero octets of an address, so that
device 0/1 becomes the one octet 03 there too, and takes a deviation of 0 minutes for none.
"""

from __future__ import annotations

import datetime
import socket
from typing import ClassVar

from dlms_cosem import cosem, enumerations, utils
from dlms_cosem.clients.dlms_client import ActionError, DataResultError, DlmsClient
from dlms_cosem.clients.hdlc_transport import SerialHdlcTransport
from dlms_cosem.cosem import CosemAttribute, Obis
from dlms_cosem.exceptions import DlmsClientException
from dlms_cosem.protocol import xdlms
from dlms_cosem.time import datetime_from_bytes
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.simulated import SimulatorProcess

LOW = enumerations.AuthenticationMechanism.LLS
INTERFACE = enumerations.CosemInterface
FLAG = b"\x7e"


class Socket:
    """What its HDLC transport wants of a serial port, on TCP."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=3)
        self._buffer = b""
        self._inside = 0

    def write(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def read_until(self, end: bytes) -> bytes:
        """A flag, or a frame and the flag behind it, found by the frame's length.

        The judge takes each 7E in a frame for its end, finds it wrong, and reads once more;
        what it waits for then is there already.
        """
        assert end == FLAG
        if self._inside:
            self._inside -= 1
            return b""
        length = 1
        if self._peek(1) != FLAG:
            length += int.from_bytes(self._peek(2)) & 0x7FF
        found = self._peek(length)
        self._buffer = self._buffer[length:]
        self._inside = found[:-1].count(FLAG)
        return found

    def _peek(self, length: int) -> bytes:
        while len(self._buffer) < length:
            octets = self._socket.recv(4096)
            if not octets:
                raise ConnectionError("the meter closed the connection")
            self._buffer += octets
        return self._buffer[:length]

    def close(self) -> None:
        self._socket.close()


class Judge:
    """The judge's client for one virtual meter, for the time of a ``with``."""

    def __init__(
        self,
        endpoint: dict,
        password: bytes = b"22222222",
        max_information: int = 128,
        client: int = 1,
    ) -> None:
        self._endpoint = endpoint
        self._client = client
        self._password = password
        self._max_information = max_information

    def __enter__(self) -> DlmsClient:
        self.socket = Socket(self._endpoint["host"], self._endpoint["port"])
        transport = SerialHdlcTransport(
            client_logical_address=self._client,
            server_logical_address=self._endpoint["logical"],
            server_physical_address=self._endpoint["physical"],
            serial_port="",
            serial=self.socket,
        )
        # It takes its limit from nowhere else, not even from UA.
        transport.hdlc_connection.max_data_size = self._max_information
        client = DlmsClient(
            client_logical_address=self._client,
            server_logical_address=self._endpoint["logical"],
            io_interface=transport,
            authentication_method=LOW,
            password=self._password,
            block_transfer=True,
        )
        client.connect()
        return client

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def attribute(kind: INTERFACE, number: int, *groups: int) -> CosemAttribute:
    return CosemAttribute(kind, Obis(*groups), number)


def value(client: DlmsClient, kind: INTERFACE, number: int, *groups: int) -> object:
    return utils.parse_as_dlms_data(client.get(attribute(kind, number, *groups)))


class JudgeTests(SynchronousTestCase):
    # What a plausible meter shows: raw value times ten to the scaler, and the unit's code.
    REGISTERS: ClassVar = (
        ((1, 1, 32, 7, 0), 225, 235, 35),
        ((1, 1, 52, 7, 0), 225, 235, 35),
        ((1, 1, 72, 7, 0), 225, 235, 35),
        ((1, 1, 31, 7, 0), 0.1, 60, 33),
        ((1, 1, 14, 7, 0), 49.9, 50.1, 44),
        ((1, 1, 1, 7, 0), 100, 30000, 27),
        ((1, 1, 1, 8, 0), 1e6, 1e10, 30),
    )

    def read_registers(self, client: DlmsClient) -> None:
        for groups, low, high, unit in self.REGISTERS:
            raw = value(client, INTERFACE.REGISTER, 2, *groups)
            scaler, found = value(client, INTERFACE.REGISTER, 3, *groups)
            self.assertTrue(low < raw * 10.0**scaler < high, (groups, raw, scaler))
            self.assertEqual(found, unit)
            name = value(client, INTERFACE.REGISTER, 1, *groups)
            self.assertEqual(bytes(name), bytes((*groups, 255)))

    def read_clock(self, client: DlmsClient) -> None:
        octets = value(client, INTERFACE.CLOCK, 2, 0, 0, 1, 0, 0)
        moment, _ = datetime_from_bytes(bytes(octets))
        away = datetime.datetime.now(datetime.UTC) - moment.replace(tzinfo=datetime.UTC)
        self.assertLess(abs(away.total_seconds()), 60)

    def whole_session(self, endpoint: dict) -> None:
        with Judge(endpoint) as client:
            aare = client.associate()
            self.assertIs(aare.result, enumerations.AssociationResult.ACCEPTED)
            self.read_registers(client)
            self.read_clock(client)
            client.release_association()

    def test_microstar(self) -> None:
        with SimulatorProcess("--meters", "2") as simulator:
            for endpoint in simulator.endpoints:
                self.whole_session(endpoint)
        self.assertEqual((simulator.exit_code, simulator.errors), (0, ""))

    def test_again_and_again(self) -> None:
        """Sequence numbers run over, and a second session finds the meter as new."""
        with SimulatorProcess("--personality", "no-lists") as simulator:
            self.whole_session(simulator.endpoints[0])
            self.whole_session(simulator.endpoints[0])

    def test_gateway(self) -> None:
        with SimulatorProcess("--meters", "3", "--gateway") as simulator:
            for endpoint in simulator.endpoints:
                with Judge(endpoint) as client:
                    client.associate()
                    serial = value(client, INTERFACE.DATA, 2, 0, 0, 96, 1, 0)
                    self.assertEqual(int(bytes(serial)), endpoint["physical"])

    def test_blocks(self) -> None:
        """Frames of 32 octets both ways, and a clock that comes in blocks of 4 octets."""
        with (
            SimulatorProcess("--personality", "small") as simulator,
            Judge(simulator.endpoints[0], max_information=32) as client,
        ):
            client.associate()
            self.read_clock(client)
            self.read_registers(client)

    def test_segments(self) -> None:
        """Our information fields have 32 octets, and AARE more."""
        with SimulatorProcess("--personality", "window") as simulator:
            self.whole_session(simulator.endpoints[0])

    def test_list(self) -> None:
        with SimulatorProcess() as simulator, Judge(simulator.endpoints[0]) as client:
            client.associate()
            wanted = [
                cosem.CosemAttributeWithSelection(attribute(INTERFACE.REGISTER, 2, *groups), None)
                for groups, *_ in self.REGISTERS
            ]
            response = client.get_many(wanted)
            self.assertIsInstance(response, xdlms.GetResponseWithList)

    def test_wrong_password(self) -> None:
        with SimulatorProcess() as simulator, Judge(simulator.endpoints[0], b"wrong") as client:
            error = self.assertRaises(DlmsClientException, client.associate)
            self.assertIn("AUTHENTICATION_FAILED", str(error))

    def test_unknown_object(self) -> None:
        with SimulatorProcess() as simulator, Judge(simulator.endpoints[0]) as client:
            client.associate()
            error = self.assertRaises(
                DataResultError, value, client, INTERFACE.REGISTER, 2, 1, 1, 99, 9, 9
            )
            self.assertIn("OBJECT_UNDEFINED", str(error))

    def test_written_and_invoked(self) -> None:
        """A time zone, and the disconnector; what is refused is refused."""
        with (
            SimulatorProcess() as simulator,
            Judge(simulator.endpoints[0], b"11111111", client=32) as client,
        ):
            client.associate()
            zone = attribute(INTERFACE.CLOCK, 3, 0, 0, 1, 0, 0)
            response = client.set(zone, b"\x10\xff\xc4")
            self.assertIs(response.result, enumerations.DataAccessResult.SUCCESS)
            self.assertEqual(value(client, INTERFACE.CLOCK, 3, 0, 0, 1, 0, 0), -60)
            refused = client.set(attribute(INTERFACE.REGISTER, 2, 1, 1, 32, 7, 0), b"\x12\x00\x00")
            self.assertIs(refused.result, enumerations.DataAccessResult.READ_WRITE_DENIED)
            for number, connected in ((1, False), (2, True)):
                name = Obis(0, 0, 96, 3, 10)
                method = cosem.CosemMethod(INTERFACE.DISCONNECT_CONTROL, name, number)
                client.action(method, b"\x0f\x00")
                found = value(client, INTERFACE.DISCONNECT_CONTROL, 2, 0, 0, 96, 3, 10)
                self.assertIs(bool(found), connected)
            missing = cosem.CosemMethod(INTERFACE.DISCONNECT_CONTROL, name, 9)
            self.assertRaises(ActionError, client.action, missing, b"\x0f\x00")
