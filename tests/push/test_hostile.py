"""What anybody on the network may send: nothing hangs, grows or speaks out of turn."""

from __future__ import annotations

import tracemalloc
from random import Random
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.notification import DataNotification
from dlmsd.errors import DecodeError, LocalError
from dlmsd.meter.payload import decode_push
from dlmsd.push.assembly import PATIENCE
from dlmsd.push.clock import told_ts
from dlmsd.push.stream import Stream
from dlmsd.push.values import Picker
from tests.dlms.axdr.trees import trees
from tests.push.desk import NOW, Room
from tests.push.pushes import meter
from tests.push.test_meter import power
from tests.push.test_security import METER, protect
from tests.vectors import push as vectors

PICKER = Picker(meter('read.voltage_l1 = { obis = "1-0:32.7.0", unit = "V" }'))
ANY = Picker(meter('profile = "kaifa-han"'))
NAMED = st.builds(
    lambda code, value: [Data(Tag.OCTET_STRING, bytes((1, 0, code, 7, 0, 255))), value],
    st.integers(0, 255),
    trees,
)


HEADS = (b"", b"\x0f\x40\0\0\0\0", b"\xc2\0", b"\x18\0")


class PayloadTests(SynchronousTestCase):
    @given(
        st.binary(max_size=200), st.sampled_from((b"", b"\x0f\x40\0\0\0\0", b"\xc2\0", b"\x18\0"))
    )
    def test_any_octets(self, octets: bytes, head: bytes) -> None:
        try:
            push = decode_push(head + octets)
        except DecodeError:
            return
        self.assertIsNotNone(ANY.pick(push, 0.0))

    @given(st.lists(NAMED, max_size=5), trees)
    def test_any_values_behind_names(self, pairs: list[list[Data]], first: Data) -> None:
        body = Data(Tag.STRUCTURE, (first, *(one for pair in pairs for one in pair)))
        try:
            push = decode_push(DataNotification(1, None, body).encode())
        except (DecodeError, LocalError):
            return
        for picker in (PICKER, ANY):
            picked = picker.pick(push, 0.0)
            self.assertEqual(set(picked.values), set(picked.units))
        told_ts(push, NOW)
        self.assertTrue(all(one.isprintable() for one in push.texts))

    def test_bombs(self) -> None:
        deep = Data(Tag.UNSIGNED, 1)
        for _ in range(16):
            deep = Data(Tag.STRUCTURE, (deep,))
        obis = Data(Tag.OCTET_STRING, bytes((1, 0, 1, 7, 0, 255)))
        wide = Data(Tag.STRUCTURE, (obis, Data(Tag.UNSIGNED, 1)) * 3000)
        empty = Data(Tag.ARRAY, (Data(Tag.STRUCTURE, ()),) * 4000)
        texts = Data(Tag.ARRAY, (Data(Tag.VISIBLE_STRING, "x" * 200),) * 300)
        for body in (deep, wide, empty, texts):
            apdu = DataNotification(1, None, body).encode()
            began = perf_counter()
            room = Room(meter())
            room.send_apdu(apdu)
            self.assertLess(perf_counter() - began, 1.0)
            self.assertLessEqual(sum(len(one.values) for one in room.readings), 1)
        liar = b"\x0f\x00\x00\x00\x01\x00" + b"\x01\x84\xff\xff\xff\xff" + encode(deep)
        self.assertRaises(DecodeError, decode_push, liar)


class FloodTests(SynchronousTestCase):
    def lines(self, room: Room, *apdus: bytes) -> int:
        seen: list[object] = []
        globalLogPublisher.addObserver(seen.append)
        self.addCleanup(globalLogPublisher.removeObserver, seen.append)
        for apdu in apdus:
            room.send_apdu(apdu)
        return len(seen)

    def test_refusals_of_many_kinds_do_not_fill_the_log(self) -> None:
        room = Room(METER)
        room.send_apdu(protect(power(1), 1000))
        bad = (power(1), protect(power(1), 5), protect(power(1), 2000)[:-1] + b"\0", b"\xdb\x08")
        self.assertLess(self.lines(room, *bad * 500), 10)
        self.assertEqual(room.status.failed, 1500)
        self.assertEqual(room.status.state.value, "reading")
        room.send_apdu(protect(power(2), 1001))
        self.assertEqual(len(room.readings), 2)

    def test_a_thousand_replays(self) -> None:
        room = Room(METER)
        recorded = [protect(power(number), number) for number in range(1, 1001)]
        random = Random(1)
        for apdu in recorded:
            room.send_apdu(apdu)
            room.send_apdu(random.choice(recorded[: len(room.readings)]))
        self.assertEqual(len(room.readings), 1000)
        self.assertEqual(room.status.failed, 1000)

    def test_endless_garbage_costs_no_memory(self) -> None:
        random = Random(2)
        pieces = [
            vectors.NETZ_NOE[0],
            vectors.ISKRAEMECO[0],
            WrapperFrame(1, 1, bytes(60_000)).encode()[:40_000],
            Frame(b"\x03", b"\x21", 0x03, bytes(2000), True).encode(),
            bytes.fromhex("0001000100010FFFE0400001000000"),
        ]
        streams = [Stream(framing) for framing in ("auto", "hdlc", "wrapper", "mbus")]
        tracemalloc.start()
        try:
            for number in range(2000):
                piece = random.choice(pieces) + random.randbytes(50)
                for stream in streams:
                    stream.feed(piece, number / 100)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 4 << 20)
        for stream in streams:
            stream.abandon(1000.0 + PATIENCE)
