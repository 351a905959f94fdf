"""What a connection may bring that nobody asked for, and what it may not."""

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.wrapper import WrapperFrame, WrapperReassembly
from dlmsd.meter.protocol import MAX_BABBLE, MeterProtocol, Reassembly


class Waiting:
    """A conversation that takes every frame, and may wait for one."""

    def __init__(self, mine: bool = True, waits: bool = True) -> None:
        self.mine, self.waits = mine, waits
        self.frames: list[Any] = []

    def recognises(self, frame: Any) -> bool:
        return self.mine

    def frame_received(self, frame: Any) -> bool:
        self.frames.append(frame)
        return self.waits


class BabbleTests(SynchronousTestCase):
    def protocol(self, reassembly: Reassembly, conversation: Waiting) -> MeterProtocol:
        self.babbled = 0

        def babble(why: str) -> None:
            self.babbled += 1

        protocol = MeterProtocol(
            reassembly, [conversation], lambda wire: None, lambda reason: None, babble
        )
        protocol.makeConnection(StringTransport())
        return protocol

    def test_a_long_wrapped_apdu_in_pieces_is_no_babble(self) -> None:
        conversation = Waiting()
        protocol = self.protocol(WrapperReassembly(frozenset({(1, 16)})), conversation)
        octets = WrapperFrame(1, 16, bytes(60_000)).encode()
        for start in range(0, len(octets), 1000):
            protocol.dataReceived(octets[start : start + 1000])
        self.assertEqual((self.babbled, len(conversation.frames)), (0, 1))

    def test_good_frames_that_nobody_waits_for_are_babble(self) -> None:
        octets = Frame(b"\x03", b"\x21", 0x30, bytes(100)).encode()
        for conversation in (Waiting(mine=False), Waiting(waits=False)):
            protocol = self.protocol(FrameReassembly(), conversation)
            for _ in range(MAX_BABBLE // len(octets)):
                protocol.dataReceived(octets)
            self.assertEqual(self.babbled, 0)
            protocol.dataReceived(octets * 2)
            self.assertEqual(self.babbled, 1)

    def test_good_frames_that_are_waited_for_are_none(self) -> None:
        protocol = self.protocol(FrameReassembly(), Waiting())
        for _ in range(1000):
            protocol.dataReceived(Frame(b"\x03", b"\x21", 0x30, bytes(100)).encode())
        self.assertEqual(self.babbled, 0)
