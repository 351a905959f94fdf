"""Every frame of a session against dlms-cosem 21.3.2, and its frames against our reassembly.

What it cannot do, and so does not judge: UA without information, server addresses of four
octets, devices numbered 0 in two octets, the final bit of RR, RNR, DM, FRMR, and SNRM with
parameters.
"""

from __future__ import annotations

from dlms_cosem.hdlc import frames as judge
from dlms_cosem.hdlc.address import HdlcAddress
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.dlms.hdlc.control import KINDS, Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import HdlcLink
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.link import Transmit
from tests.dlms.hdlc.server import Server

CLIENT = HdlcAddress(16, None, "client")


def rebuilt(frame: Frame, client: HdlcAddress, server: HdlcAddress, *, to_server: bool) -> bytes:
    """The octets that the judge makes of a frame's parts."""
    ends = (server, client) if to_server else (client, server)
    numbers = {"receive_sequence_number": frame.control >> 5}
    kinds = {
        Kind.SNRM: lambda: judge.SetNormalResponseModeFrame(*ends),
        Kind.DISC: lambda: judge.DisconnectFrame(*ends),
        Kind.UA: lambda: judge.UnNumberedAcknowledgmentFrame(*ends, payload=frame.information),
        Kind.RR: lambda: judge.ReceiveReadyFrame(*ends, **numbers),
        Kind.UI: lambda: judge.UnnumberedInformationFrame(
            *ends, payload=frame.information, final=frame.final
        ),
        Kind.I: lambda: judge.InformationFrame(
            *ends,
            payload=frame.information,
            segmented=frame.segmented,
            final=frame.final,
            send_sequence_number=frame.control >> 1 & 7,
            **numbers,
        ),
    }
    return bytes(kinds[frame.kind]().to_bytes())


class JudgeTests(SynchronousTestCase):
    def session(self, address: ServerAddress) -> tuple[list[Frame], list[Frame]]:
        """Twelve exchanges, some of them in segments, and the end: both sides' frames."""
        server = Server(lambda request: request * 3)
        server.parameters = LinkParameters().encode()
        link = HdlcLink(16, address)
        ours: list[Frame] = []
        theirs: list[Frame] = []

        def carry(events: list[object]) -> None:
            for event in events:
                if isinstance(event, Transmit):
                    for frame in FrameReassembly().feed(event.octets):
                        assert isinstance(frame, Frame)
                        ours.append(frame)
                        known = Frame(b"\x03", b"\x21", *parts(frame))
                        for answer in server.take(known):
                            answer = Frame(b"\x21", address.octets, *parts(answer))
                            theirs.append(answer)
                            carry(list(link.receive(answer)))

        carry(list(link.connect()))
        for number in range(12):
            carry(list(link.send(bytes(range(10 + 20 * number)))))
        carry(list(link.disconnect()))
        return ours, theirs

    def test_a_session_both_ways(self) -> None:
        for address, server in (
            (ServerAddress(0, 1), HdlcAddress(1, None, "server")),
            (ServerAddress(1, 17), HdlcAddress(1, 17, "server")),
        ):
            ours, theirs = self.session(address)
            self.assertEqual(
                {frame.kind for frame in ours}, {Kind.DISC, Kind.SNRM, Kind.I, Kind.RR}
            )
            self.assertGreater(sum(frame.segmented for frame in ours), 5)
            self.assertGreater(sum(frame.segmented for frame in theirs), 5)
            for frame in ours:
                self.assertEqual(rebuilt(frame, CLIENT, server, to_server=True), frame.encode())
            for frame in theirs:
                if frame.kind is Kind.DM or not judged(frame):
                    continue
                octets = rebuilt(frame, CLIENT, server, to_server=False)
                self.assertEqual(octets, frame.encode())
                self.assertEqual(FrameReassembly().feed(octets), [frame])

    def test_it_parses_what_we_send(self) -> None:
        """With a server of one octet, where its parser does not care which end is which."""
        parsers = {
            Kind.I: judge.InformationFrame,
            Kind.RR: judge.ReceiveReadyFrame,
            Kind.DISC: judge.DisconnectFrame,
            Kind.UA: judge.UnNumberedAcknowledgmentFrame,
        }
        ours, theirs = self.session(ServerAddress(0, 1))
        parsed = 0
        for frame in [*ours, *theirs]:
            if frame.kind not in parsers or not judged(frame):
                continue
            theirs_of_it = parsers[frame.kind].from_bytes(frame.encode())
            self.assertEqual(theirs_of_it.to_bytes(), frame.encode())
            if frame.kind is Kind.I:
                self.assertEqual(theirs_of_it.payload, frame.information)
                self.assertEqual(theirs_of_it.segmented, frame.segmented)
                self.assertEqual(theirs_of_it.send_sequence_number, frame.control >> 1 & 7)
                self.assertEqual(theirs_of_it.final, frame.final)
            if frame.kind in (Kind.I, Kind.RR):
                self.assertEqual(theirs_of_it.receive_sequence_number, frame.control >> 5)
            parsed += 1
        self.assertGreater(parsed, 60)

    def test_unnumbered_information(self) -> None:
        for final in (False, True):
            frame = Frame(b"\x21", b"\x03", 0x13 if final else 0x03, b"\xe6\xe7\x00\x0fpush")
            self.assertIs(KINDS[frame.control], Kind.UI)
            server = HdlcAddress(1, None, "server")
            self.assertEqual(rebuilt(frame, CLIENT, server, to_server=False), frame.encode())


def judged(frame: Frame) -> bool:
    """It writes a header check into a UA without information, and wants one there."""
    return frame.kind is not Kind.UA or bool(frame.information)


def parts(frame: Frame) -> tuple[int, bytes, bool]:
    """All but the addresses."""
    return frame.control, frame.information, frame.segmented
