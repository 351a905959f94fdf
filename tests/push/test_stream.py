"""From octets to APDUs: published pushes three ways, parts that are late or lost, noise."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.values import PushFraming
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly
from dlmsd.dlms.mbus import MBusFrame
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.block import BlockSender, GeneralBlockTransfer, SendBlocks, TransferState
from dlmsd.push.assembly import MAX_OCTETS, MAX_UNFINISHED, PATIENCE, Answer, Arrived
from dlmsd.push.framing import Route
from dlmsd.push.stream import Stream
from tests.vectors import hdlc
from tests.vectors import push as vectors

Wrap = Callable[[bytes], bytes]
LLC = b"\xe6\xe7\x00"
APDU = bytes.fromhex("0F40000000 00 0201 0600000037")
# Octets as they came, and the sizes of the APDUs in them.
PUBLISHED = (
    (vectors.KAIFA_1, [26]),
    (vectors.KAIFA_9, [88]),
    (vectors.KAIFA_13, [108]),
    (vectors.KAIFA_14, [122]),
    (vectors.KAIFA_18, [142]),
    (vectors.KAIFA_STREAM, [108, 26]),
    (vectors.AIDON_3, [362]),
    (vectors.KAMSTRUP, [215]),
    (b"".join(vectors.ISKRAEMECO), [340]),
    (vectors.LANDIS_GYR_CYPRUS, [493]),
    (b"".join(hdlc.PUSH_BLOCKS), [335]),
    (vectors.LANDIS_GYR_CIPHERED, [272]),
    (vectors.KAMSTRUP_CIPHERED, [477]),
    (b"".join(vectors.NETZ_NOE), [260]),
    (b"".join(vectors.VORARLBERG), [278]),
    (vectors.KMS_WEST, [88]),
    (b"".join(vectors.SAGEMCOM_MBUS), [260]),
    (WrapperFrame(1, 0x67, APDU).encode(), [len(APDU)]),
)


def ui(information: bytes, *, segmented: bool = False) -> bytes:
    return Frame(b"\xcf", b"\x02\x23", 0x03, information, segmented).encode()


def mbus(data: bytes, sequence: int, *, final: bool = False) -> bytes:
    return MBusFrame(1, 0x67, data, sequence, final).encode()


def framing(octets: bytes) -> PushFraming:
    kinds: dict[int, PushFraming] = {0x7E: "hdlc", 0x68: "mbus", 0x00: "wrapper"}
    return kinds[octets[0]]


def apdus(stream: Stream, octets: bytes, now: float = 0.0) -> list[bytes]:
    return [one.apdu for one in stream.feed(octets, now) if isinstance(one, Arrived)]


class PublishedTests(SynchronousTestCase):
    def test_three_ways(self) -> None:
        for octets, sizes in PUBLISHED:
            whole = Stream("auto")
            found = apdus(whole, octets)
            self.assertEqual([len(one) for one in found], sizes)
            self.assertEqual((whole.bad, whole.noise), (0, 0))
            slow = Stream("auto")
            parts = [octets[place:][:1] for place in range(len(octets))]
            self.assertEqual([one for part in parts for one in apdus(slow, part)], found)
            again = Stream("auto")
            self.assertEqual(apdus(again, octets + octets[:20]), found)
            again.abandon(PATIENCE)
            self.assertEqual(apdus(again, octets, PATIENCE), found)

    def test_a_named_framing_is_as_good(self) -> None:
        for octets, sizes in PUBLISHED:
            found = apdus(Stream(framing(octets)), octets)
            self.assertEqual([len(one) for one in found], sizes)

    def test_noise_before_the_first_frame(self) -> None:
        for octets, sizes in PUBLISHED:
            for noise in (b"\x00", b"\x7e\x00\x68\x00\x00\x01\x02", b"\xaa\x68\x68\x7e", b"OK\r\n"):
                stream = Stream("auto")
                found = apdus(stream, noise) + apdus(stream, octets)
                self.assertEqual([len(one) for one in found], sizes)


class SegmentTests(SynchronousTestCase):
    def test_pauses_up_to_five_seconds(self) -> None:
        stream = Stream("hdlc")
        self.assertEqual(apdus(stream, ui(LLC + APDU[:4], segmented=True), 0.0), [])
        self.assertEqual(apdus(stream, ui(APDU[4:8], segmented=True), 5.0), [])
        self.assertEqual(apdus(stream, ui(APDU[8:]), 10.0), [APDU])

    def test_a_longer_one_ends_it(self) -> None:
        stream = Stream("hdlc")
        apdus(stream, ui(LLC + APDU[:4], segmented=True), 0.0)
        self.assertEqual(apdus(stream, ui(LLC + APDU), PATIENCE + 1), [APDU])
        self.assertEqual(stream.bad, 1)

    def test_a_new_beginning_ends_it(self) -> None:
        stream = Stream("hdlc")
        apdus(stream, ui(LLC + APDU[:4], segmented=True))
        self.assertEqual(apdus(stream, ui(LLC + APDU)), [APDU])
        self.assertEqual(stream.bad, 1)

    def test_two_senders_do_not_mix(self) -> None:
        other = Frame(b"\xcf", b"\x04\x23", 0x03, LLC + APDU[:4], True)
        rest = Frame(b"\xcf", b"\x04\x23", 0x13, APDU[4:])
        stream = Stream("hdlc")
        octets = ui(LLC + APDU[:6], segmented=True) + other.encode()
        octets += ui(APDU[6:]) + rest.encode()
        self.assertEqual(apdus(stream, octets), [APDU, APDU])

    def test_one_that_never_ends(self) -> None:
        stream = Stream("hdlc")
        for _ in range(MAX_OCTETS // 1000 + 2):
            apdus(stream, ui(bytes(1000), segmented=True))
        self.assertEqual(stream.bad, 1)
        self.assertEqual(apdus(stream, ui(LLC + APDU)), [APDU])

    def test_many_that_never_end(self) -> None:
        stream = Stream("hdlc")
        for number in range(100):
            frame = Frame(b"\xcf", bytes((number << 1 | 1,)), 0x03, LLC + APDU[:4], True)
            apdus(stream, frame.encode(), float(number) / 100)
        self.assertEqual(stream.bad, 100 - MAX_UNFINISHED)

    def test_frames_that_are_no_information(self) -> None:
        stream = Stream("hdlc")
        for control in (0x93, 0x73, 0x11, 0x53):
            self.assertEqual(apdus(stream, Frame(b"\x03", b"\x21", control).encode()), [])


class MBusTests(SynchronousTestCase):
    def test_a_lost_frame_loses_its_apdu(self) -> None:
        first, second = vectors.NETZ_NOE
        stream = Stream("mbus")
        self.assertEqual(apdus(stream, second), [])
        self.assertEqual(apdus(stream, first), [])
        self.assertEqual(apdus(stream, first + second)[0][:2], b"\xdb\x08")
        self.assertEqual(stream.bad, 2)

    def test_frames_out_of_order(self) -> None:
        stream = Stream("mbus")
        octets = mbus(APDU[:4], 0) + mbus(APDU[8:], 2, final=True) + mbus(APDU[4:8], 1)
        self.assertEqual(apdus(stream, octets), [])
        self.assertEqual(apdus(stream, mbus(APDU, 0, final=True)), [APDU])

    def test_more_than_sixteen(self) -> None:
        octets = APDU * 3
        frames = [
            mbus(octets[n : n + 1], n, final=n + 1 == len(octets)) for n in range(len(octets))
        ]
        self.assertGreater(len(frames), 32)
        self.assertEqual(apdus(Stream("mbus"), b"".join(frames)), [octets])


class BlockTests(SynchronousTestCase):
    def blocks(self, apdu: bytes, size: int) -> list[bytes]:
        sent, _ = BlockSender(apdu, size, window=0).start()
        assert isinstance(sent, SendBlocks)
        return [WrapperFrame(1, 1, block.encode()).encode() for block in sent.blocks]

    def test_in_any_order_behind_the_first(self) -> None:
        first, *rest = self.blocks(APDU, 3)
        stream = Stream("wrapper")
        self.assertEqual(apdus(stream, b"".join((first, *reversed(rest)))), [APDU])

    def test_a_lost_block_loses_its_apdu(self) -> None:
        blocks = self.blocks(APDU, 3)
        stream = Stream("wrapper")
        self.assertEqual(apdus(stream, b"".join(blocks[:1] + blocks[2:])), [])
        self.assertEqual(apdus(stream, b"".join(blocks)), [APDU])
        self.assertEqual(stream.bad, 1)

    def test_one_that_never_ends(self) -> None:
        stream = Stream("wrapper")
        blocks = self.blocks(bytes(MAX_OCTETS * 2), 60_000)
        self.assertEqual(apdus(stream, b"".join(blocks[:2])), [])
        self.assertEqual(stream.bad, 1)
        self.assertEqual(apdus(stream, WrapperFrame(1, 1, APDU).encode()), [APDU])

    def test_the_first_block_may_come_late(self) -> None:
        first, second, *rest = self.blocks(APDU, 3)
        stream = Stream("wrapper")
        self.assertEqual(apdus(stream, b"".join((second, first, *rest))), [APDU])
        self.assertEqual(stream.bad, 0)

    def test_what_is_no_block(self) -> None:
        stream = Stream("wrapper")
        self.assertEqual(apdus(stream, WrapperFrame(1, 1, b"\xe0\x80\x00").encode()), [])
        self.assertEqual(stream.bad, 1)


class ConfirmedTests(SynchronousTestCase):
    """A sender with a window wants its blocks acknowledged, and repeats what was lost."""

    now = 0.0

    def send(
        self, stream: Stream, wrap: Wrap, apdu: bytes, loses: Callable[[], bool] = lambda: False
    ) -> list[bytes]:
        """What arrives while ``apdu`` is sent over a channel that loses; each push a minute
        after the one before, each repeat a second.
        """
        self.now += 60
        sender = BlockSender(apdu, 3, window=3)
        events: list[Any] = list(sender.start())
        got: list[bytes] = []
        while sender.state is TransferState.SENDING:
            blocks = [b for e in events if isinstance(e, SendBlocks) for b in e.blocks]
            answers: list[bytes] = []
            for block in blocks:
                found = [] if loses() else stream.feed(wrap(block.encode()), self.now)
                got += [one.apdu for one in found if isinstance(one, Arrived)]
                answers += [o.octets for o in found if isinstance(o, Answer) and not loses()]
            events = [e for octets in answers for e in sender.receive(self.block(octets))]
            if not events:
                self.now += 1
                events = list(sender.timeout())
        return got if sender.state is TransferState.COMPLETE else []

    def block(self, octets: bytes) -> GeneralBlockTransfer:
        if octets[0] == 0x7E:
            (frame,) = FrameReassembly().feed(octets)
            assert isinstance(frame, Frame)
            self.assertEqual((frame.destination, frame.source), (b"\x02\x23", b"\xcf"))
            return GeneralBlockTransfer.decode(frame.information.removeprefix(b"\xe6\xe6\x00"))
        self.assertEqual(octets[2:6], b"\x00\x67\x00\x01")
        return GeneralBlockTransfer.decode(octets[8:])

    def test_windows(self) -> None:
        for wrap in (lambda block: WrapperFrame(1, 0x67, block).encode(), ui):
            stream = Stream("auto")
            for number in range(5):
                apdu = APDU + bytes((number,))
                self.assertEqual(self.send(stream, wrap, apdu), [apdu])
                self.assertEqual(self.send(stream, wrap, apdu), [apdu])
            self.assertEqual(stream.bad, 0)

    @given(st.randoms(use_true_random=False))
    def test_lost_blocks_and_acknowledgements(self, random: Random) -> None:
        stream = Stream("hdlc")
        for number in range(3):
            apdu = APDU + bytes((number,))
            got = self.send(stream, ui, apdu, lambda: random.random() < 0.1)
            # A channel this bad may end a transfer; it must not make another of it.
            self.assertIn(got, ([apdu], []))
        self.assertEqual(self.send(stream, ui, APDU), [APDU])

    def test_an_apdu_that_was_given_up_is_no_part_of_the_next(self) -> None:
        stream = Stream("wrapper")
        for apdu, count in ((APDU + b"\1" * 9, 5), (APDU + b"\2" * 9, 99)):
            start, *_ = BlockSender(apdu, 4, window=63).start()
            assert isinstance(start, SendBlocks)
            octets = [WrapperFrame(1, 0x67, one.encode()).encode() for one in start.blocks]
            found = stream.feed(b"".join(octets[:count]), self.now)
            self.now += 5
        self.assertEqual([one.apdu for one in found if isinstance(one, Arrived)], [apdu])

    def test_m_bus_has_no_way_back(self) -> None:
        block = GeneralBlockTransfer(True, False, 1, 1, 0, APDU)
        (one,) = Stream("mbus").feed(mbus(block.encode(), 0, final=True), 0.0)
        self.assertEqual(one, Arrived(APDU, Route("mbus", b"\0\x01", b"\0\x67")))


class HostileTests(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from(PUBLISHED))
    def test_any_octets_and_the_good_ones_behind_them(
        self, noise: list[bytes], published: tuple[bytes, list[int]]
    ) -> None:
        octets, sizes = published
        stream = Stream(framing(octets))
        for part in (*noise, octets[:50], *noise):
            apdus(stream, part)
        stream.abandon(PATIENCE)
        found = apdus(stream, octets, 2 * PATIENCE)
        self.assertEqual([len(one) for one in found], sizes)

    @given(st.lists(st.binary(max_size=300), max_size=8))
    def test_detection_survives_anything(self, noise: list[bytes]) -> None:
        stream = Stream("auto")
        for part in noise:
            apdus(stream, part)
        stream.abandon(PATIENCE)

    def test_endless_octets_of_one_value(self) -> None:
        for octet in range(256):
            stream = Stream("auto")
            for _ in range(20):
                stream.feed(bytes((octet,)) * 1000, 0.0)
            self.assertEqual(stream.feed(b"", 0.0), [])
            self.assertGreaterEqual(stream.noise + stream.idle, 4096)
