"""Recorded sessions of each virtual meter, every frame and APDU judged by dlms-cosem 21.3.2.

Left out is what it does not know: DM, UA without information and SNRM with parameters;
published frames judge those in tests/dlms/hdlc. Everything else must come out of its codecs,
and of ours, octet by octet as it went over the wire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from dlms_cosem.connection import XDlmsApduFactory
from dlms_cosem.hdlc.address import HdlcAddress
from dlms_cosem.protocol.xdlms import GetResponseNormal

from dlmsd.dlms.axdr.data import encode
from dlmsd.dlms.hdlc.control import Kind
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.link import LLC_FROM_METER, LLC_TO_METER
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.simulator.personality import MICROSTAR, NO_LISTS, PLAIN, SMALL, WINDOW, Personality
from tests.dlms.hdlc.test_judge import rebuilt
from tests.meter.fleet import FleetCase
from tests.network import Pipe

CLIENT = HdlcAddress(1, None, "client")


class RecordedCase(FleetCase):
    """Records what goes over the wire, and judges what is plain."""

    def record_session(self, personality: Personality, **changes: Any) -> list[tuple[str, Frame]]:
        """Frames of half a minute of cycles and of the goodbye."""
        frames: list[tuple[str, Frame]] = []
        streams = {"sent": FrameReassembly(), "received": FrameReassembly()}

        def record(direction: str, pass_on: Callable[[bytes], None], octets: bytes) -> None:
            frames.extend((direction, frame) for frame in streams[direction].feed(octets))
            pass_on(octets)

        def connected(pipe: Pipe) -> None:
            pipe.write = partial(record, "sent", pipe.write)
            pipe.arrive = partial(record, "received", pipe.arrive)

        self.network.connected = connected
        self.simulate(personality=personality)
        (options,) = self.options(address_size=personality.address_size, **changes)
        self.read([options])
        self.run_for(30)
        self.stop()
        return frames

    def judge_apdu(self, information: bytes) -> str:
        """LLC off, decoded and encoded again by both."""
        self.assertIn(information[:3], (LLC_TO_METER, LLC_FROM_METER))
        apdu = information[3:]
        ours, theirs = decode_apdu(apdu), XDlmsApduFactory.apdu_from_bytes(apdu)
        self.assertEqual(ours.encode(), apdu)
        if isinstance(theirs, GetResponseNormal):
            # Its encoder of this one always raises; what it decoded is judge enough.
            self.assertEqual(theirs.data, encode(ours.result))
            self.assertEqual(theirs.invoke_id_and_priority.invoke_id, ours.invoke & 0x0F)
        else:
            self.assertEqual(bytes(theirs.to_bytes()), apdu)
        return type(ours).__name__


class RecordedTests(RecordedCase):
    def judge(self, personality: Personality) -> Counter[str]:
        """How many of each kind of frame and APDU were judged."""
        judged: Counter[str] = Counter()
        logical = personality.logical_device or personality.physical_device
        physical = personality.physical_device if personality.logical_device else None
        server = HdlcAddress(logical, physical, "server")
        pending = b""
        for direction, frame in self.record_session(personality):
            if not known(frame):
                continue
            again = rebuilt(frame, CLIENT, server, to_server=direction == "sent")
            self.assertEqual(again, frame.encode())
            judged[frame.kind.value] += 1
            if frame.kind is Kind.I:
                pending += frame.information
                if not frame.segmented:
                    judged[self.judge_apdu(pending)] += 1
                    pending = b""
        return judged

    def test_microstar(self) -> None:
        judged = self.judge(MICROSTAR)
        self.assertGreaterEqual(judged["GetResponseWithList"], 6)
        self.assertEqual((judged["Aarq"], judged["Aare"], judged["DISC"]), (1, 1, 2))

    def test_two_octets_of_address(self) -> None:
        self.assertGreaterEqual(self.judge(PLAIN)["GetRequestWithList"], 6)

    def test_one_by_one(self) -> None:
        judged = self.judge(NO_LISTS)
        self.assertGreaterEqual(judged["GetResponseNormal"], 30)
        self.assertEqual(judged["ExceptionResponse"], 1)

    def test_blocks(self) -> None:
        judged = self.judge(SMALL)
        self.assertGreaterEqual(judged["GetResponseWithBlock"], 12)
        self.assertGreaterEqual(judged["GetRequestNext"], 6)

    def test_segments(self) -> None:
        self.assertGreaterEqual(self.judge(WINDOW)["RR"], 1)


def known(frame: Frame) -> bool:
    """Whether the judge has such a frame."""
    if frame.kind is Kind.UA:
        return bool(frame.information)
    return frame.kind is not Kind.DM and not (frame.kind is Kind.SNRM and frame.information)
