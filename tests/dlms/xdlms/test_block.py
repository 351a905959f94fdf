"""General block transfer: the APDU, both machines, and both over a lossy channel."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.block import (
    MAX_BLOCKS,
    MAX_OCTETS,
    MAX_REPEATS,
    MAX_WINDOW,
    ApduReceived,
    ApduSent,
    BlockReceiver,
    BlockSender,
    GeneralBlockTransfer,
    SendBlocks,
    TransferFailed,
    TransferState,
)
from dlmsd.dlms.xdlms.notification import DataNotification
from dlmsd.errors import LocalError, MeterError
from tests.dlms.xdlms.lossy import Channel
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import services as vectors

BLOCKS = st.builds(
    GeneralBlockTransfer,
    st.booleans(),
    st.booleans(),
    st.integers(0, MAX_WINDOW),
    st.integers(0, 12) | st.integers(0, 0xFFFF),
    st.integers(0, 12) | st.integers(0, 0xFFFF),
    st.binary(max_size=200),
)


def block(
    number: int, data: bytes = b"", *, last: bool = False, more: bool = False
) -> GeneralBlockTransfer:
    """A block of the peer's; ``more`` is streaming."""
    return GeneralBlockTransfer(last, more, 1, number, 0, data)


def acknowledgement(acknowledged: int, window: int = 1, number: int = 1) -> GeneralBlockTransfer:
    return GeneralBlockTransfer(True, False, window, number, acknowledged, b"")


class ApduTests(ApduTestCase):
    def test_the_published_push(self) -> None:
        receiver = BlockReceiver(window=0)
        events: list[Any] = []
        for number, octets in enumerate(vectors.PUSH_BLOCKS, start=1):
            size = octets[6]
            apdu = GeneralBlockTransfer(number == 3, True, 0, number, 0, octets[7:])
            self.assertEqual(len(octets[7:]), size)
            self.assert_three_ways(octets, apdu)
            events += receiver.receive(apdu)
        (complete,) = events
        push = decode_apdu(complete.apdu)
        assert isinstance(push, DataNotification)
        # The meter sends its push object list first: 13 objects, so 12 values follow.
        self.assertEqual([len(push.body.value), len(push.body.value[0].value)], [13, 13])

    def test_control(self) -> None:
        for octets, apdu in (
            ("E0 01 0001 0000 00", GeneralBlockTransfer(False, False, 1, 1, 0, b"")),
            ("E0 BF 0102 0304 01AA", GeneralBlockTransfer(True, False, 63, 258, 772, b"\xaa")),
            ("E0 40 FFFF FFFF 00", GeneralBlockTransfer(False, True, 0, 65535, 65535, b"")),
        ):
            self.assert_three_ways(bytes.fromhex(octets), apdu)

    def test_a_window_has_six_bits(self) -> None:
        self.assertRaises(LocalError, GeneralBlockTransfer(False, False, 64, 1, 0, b"").encode)

    @given(BLOCKS)
    def test_round_trip(self, apdu: GeneralBlockTransfer) -> None:
        self.assertEqual(GeneralBlockTransfer.decode(apdu.encode()), apdu)


class ReceiverTests(SynchronousTestCase):
    def acknowledged(self, events: list[Any]) -> GeneralBlockTransfer:
        (event,) = events
        assert isinstance(event, SendBlocks)
        (apdu,) = event.blocks
        self.assertEqual(apdu.data, b"")
        return apdu

    def test_block_by_block(self) -> None:
        receiver = BlockReceiver()
        first = self.acknowledged(receiver.receive(block(1, b"ab")))
        self.assertEqual(first, GeneralBlockTransfer(True, False, 1, 1, 1, b""))
        second = self.acknowledged(receiver.receive(block(2, b"cd")))
        self.assertEqual((second.block_number, second.acknowledged), (2, 2))
        self.assertEqual(receiver.receive(block(3, b"e", last=True)), [ApduReceived(b"abcde")])
        self.assertIs(receiver.state, TransferState.COMPLETE)
        self.assertEqual(receiver.buffered, 0)

    def test_a_stream_is_acknowledged_at_its_end(self) -> None:
        receiver = BlockReceiver(window=5)
        self.assertEqual(receiver.receive(block(1, b"a", more=True)), [])
        self.assertEqual(receiver.receive(block(2, b"b", more=True)), [])
        told = self.acknowledged(receiver.receive(block(3, b"c")))
        self.assertEqual((told.acknowledged, told.window), (3, 5))

    def test_a_lost_block_alone_is_enough(self) -> None:
        receiver = BlockReceiver(window=5)
        receiver.receive(block(1, b"a", more=True))
        told = self.acknowledged(receiver.receive(block(3, b"c", last=True)))
        self.assertEqual(told.acknowledged, 1)
        self.assertEqual(receiver.receive(block(2, b"b")), [ApduReceived(b"abc")])

    def test_a_repeated_stream_is_not_joined_twice(self) -> None:
        receiver = BlockReceiver(window=5)
        receiver.receive(block(1, b"a", more=True))
        receiver.receive(block(3, b"c"))
        for number, data in ((1, b"a"), (2, b"b"), (3, b"c")):
            receiver.receive(block(number, data, more=True))
        self.assertEqual(receiver.receive(block(4, b"d", last=True)), [ApduReceived(b"abcd")])

    def test_after_the_end_a_repeat_is_acknowledged(self) -> None:
        receiver = BlockReceiver()
        receiver.receive(block(1, b"a", last=True))
        told = self.acknowledged(receiver.receive(block(1, b"a", last=True)))
        self.assertEqual(told.acknowledged, 1)
        self.assertEqual(receiver.receive(block(1, b"a", last=True, more=True)), [])
        self.assertEqual(receiver.timeout(), [])

    def test_time_passes(self) -> None:
        receiver = BlockReceiver(window=2)
        receiver.receive(block(1, b"a", more=True))
        for _ in range(MAX_REPEATS):
            self.assertEqual(self.acknowledged(receiver.timeout()).acknowledged, 1)
        (failed,) = receiver.timeout()
        assert isinstance(failed, TransferFailed)
        self.assertIsInstance(failed.error, MeterError)
        self.assertIn("block 2", str(failed.error))
        self.assertEqual(receiver.receive(block(2, b"b", last=True)), [])
        self.assertEqual(receiver.buffered, 0)

    def test_progress_gives_new_patience(self) -> None:
        receiver = BlockReceiver()
        for number in range(1, 4):
            for _ in range(MAX_REPEATS):
                self.acknowledged(receiver.timeout())
            self.acknowledged(receiver.receive(block(number, b"a")))

    def test_unconfirmed_a_gap_is_the_end(self) -> None:
        receiver = BlockReceiver(window=0)
        self.assertEqual(receiver.receive(block(1, b"a")), [])
        self.assertEqual(receiver.receive(block(3, b"c", last=True)), [])
        (failed,) = receiver.timeout()
        self.assertIn("block 2", str(failed.error))

    def test_counts_go_on(self) -> None:
        receiver = BlockReceiver(sent=4, received=2, more_to_send=True)
        self.assertEqual(self.acknowledged(receiver.receive(block(2, b"old"))).acknowledged, 2)
        told = self.acknowledged(receiver.receive(block(3, b"a")))
        self.assertEqual((told.block_number, told.acknowledged, told.last), (6, 3, False))
        self.assertEqual((receiver.sent, receiver.received), (6, 3))

    def test_contradictions(self) -> None:
        for blocks, words in (
            ((block(2, last=True), block(3)), "behind the last, 2"),
            ((block(3, last=True), block(2, last=True)), "block 2 came as the last"),
            ((block(3), block(2, last=True)), "block 2 came as the last"),
        ):
            receiver = BlockReceiver(window=5)
            *_, failed = [event for each in blocks for event in receiver.receive(each)]
            assert isinstance(failed, TransferFailed)
            self.assertIn(words, str(failed.error))

    def test_too_far_ahead_is_dropped(self) -> None:
        receiver = BlockReceiver(window=63)
        receiver.receive(block(64, b"a" * 9, more=True))
        self.assertEqual(receiver.buffered, 0)
        receiver.receive(block(63, b"a" * 9, more=True))
        self.assertEqual(receiver.buffered, 9)

    def test_a_block_behind_a_gap_is_held_once(self) -> None:
        receiver = BlockReceiver(window=5)
        for _ in range(3):
            receiver.receive(block(2, b"b" * 9, more=True))
        self.assertEqual(receiver.buffered, 9)
        receiver.receive(block(1, b"a", more=True))
        self.assertEqual(receiver.buffered, 10)

    def test_limits(self) -> None:
        receiver = BlockReceiver()
        for number in range(1, MAX_BLOCKS + 1):
            self.acknowledged(receiver.receive(block(number)))
        (failed,) = receiver.receive(block(MAX_BLOCKS + 1))
        self.assertIn(f"more than {MAX_BLOCKS} blocks", str(failed.error))
        receiver = BlockReceiver()
        size = 0xFFFF
        for number in range(1, MAX_OCTETS // size + 1):
            self.acknowledged(receiver.receive(block(number, bytes(size))))
        self.assertLessEqual(receiver.buffered, MAX_OCTETS)
        (failed,) = receiver.receive(block(MAX_OCTETS // size + 1, bytes(size)))
        self.assertIsInstance(failed, TransferFailed)
        self.assertEqual(receiver.buffered, 0)

    @settings(max_examples=200)
    @given(st.integers(0, 63), st.lists(BLOCKS | st.none(), max_size=60))
    def test_any_blocks(self, window: int, blocks: list[GeneralBlockTransfer | None]) -> None:
        """Whatever comes: no exception, one end at most, nothing held afterwards."""
        receiver = BlockReceiver(window)
        ends = 0
        for each in blocks:
            events = receiver.timeout() if each is None else receiver.receive(each)
            ends += sum(not isinstance(event, SendBlocks) for event in events)
            self.assertLessEqual(len(events), 1)
            if ends:
                self.assertEqual(receiver.buffered, 0)
        self.assertLessEqual(ends, 1)


class SenderTests(SynchronousTestCase):
    def stream(self, events: list[Any]) -> list[tuple[int, bytes, bool, bool]]:
        (event,) = events
        assert isinstance(event, SendBlocks)
        return [(each.block_number, each.data, each.streaming, each.last) for each in event.blocks]

    def test_block_by_block(self) -> None:
        sender = BlockSender(b"abcde", 2)
        self.assertEqual(self.stream(sender.start()), [(1, b"ab", False, False)])
        again = sender.receive(acknowledgement(1))
        self.assertEqual(self.stream(again), [(2, b"cd", False, False)])
        again = sender.receive(acknowledgement(2))
        self.assertEqual(self.stream(again), [(3, b"e", False, True)])
        self.assertEqual(sender.receive(acknowledgement(3)), [ApduSent()])
        self.assertIs(sender.state, TransferState.COMPLETE)
        self.assertEqual(sender.receive(acknowledgement(3)), [])
        self.assertEqual(sender.timeout(), [])

    def test_streams_as_long_as_the_window(self) -> None:
        sender = BlockSender(b"abcdef", 1, 2)
        self.assertEqual(
            self.stream(sender.start()), [(1, b"a", True, False), (2, b"b", False, False)]
        )
        self.assertEqual(
            self.stream(sender.receive(acknowledgement(2, window=3))),
            [(3, b"c", True, False), (4, b"d", True, False), (5, b"e", False, False)],
        )

    def test_goes_on_behind_what_was_received(self) -> None:
        sender = BlockSender(b"abcdef", 1, 4)
        sender.start()
        again = self.stream(sender.receive(acknowledgement(2, window=4)))
        self.assertEqual([each[0] for each in again], [3, 4, 5, 6])

    def test_the_same_again(self) -> None:
        sender = BlockSender(b"ab", 1)
        sender.start()
        for _ in range(MAX_REPEATS):
            again = self.stream(sender.receive(acknowledgement(0)))
            self.assertEqual(again, [(1, b"a", False, False)])
        self.assertEqual(sender.receive(acknowledgement(0)), [])
        self.stream(sender.receive(acknowledgement(1)))
        self.assertEqual(sender.receive(acknowledgement(0)), [])
        self.stream(sender.receive(acknowledgement(1)))

    def test_time_passes(self) -> None:
        sender = BlockSender(b"ab", 1)
        sender.start()
        for _ in range(MAX_REPEATS):
            self.assertEqual(self.stream(sender.timeout()), [(1, b"a", False, False)])
        (failed,) = sender.timeout()
        self.assertIn("block 1 was not acknowledged", str(failed.error))
        self.assertEqual(sender.receive(acknowledgement(1)), [])

    def test_what_was_never_sent_is_not_acknowledged(self) -> None:
        sender = BlockSender(b"abc", 1)
        sender.start()
        (failed,) = sender.receive(acknowledgement(2))
        self.assertIn("block 2 was acknowledged, sent 1", str(failed.error))

    def test_unconfirmed(self) -> None:
        sent, done = BlockSender(b"abc", 1, 0).start()
        self.assertEqual([each.streaming for each in sent.blocks], [True] * 3)
        self.assertEqual([each.last for each in sent.blocks], [False, False, True])
        self.assertEqual({each.window for each in sent.blocks}, {0})
        self.assertEqual(done, ApduSent())

    def test_counts_go_on(self) -> None:
        sender = BlockSender(b"abc", 2, 2, offer=7, sent=3, received=5)
        (sent,) = sender.start()
        self.assertEqual([each.block_number for each in sent.blocks], [4, 5])
        self.assertEqual({(each.acknowledged, each.window) for each in sent.blocks}, {(5, 7)})
        self.assertEqual(sender.receive(acknowledgement(5, number=6)), [ApduSent()])
        self.assertEqual((sender.sent, sender.received), (5, 6))

    def test_ours_to_get_right(self) -> None:
        self.assertRaises(LocalError, BlockSender, b"a", 0)
        self.assertRaises(LocalError, BlockSender, bytes(MAX_BLOCKS + 1), 1)
        self.assertRaises(LocalError, BlockSender, bytes(MAX_OCTETS + 1), 65000)
        sender = BlockSender(b"", 5)
        self.assertEqual(self.stream(sender.start()), [(1, b"", False, True)])
        self.assertRaises(LocalError, sender.start)

    @settings(max_examples=100)
    @given(st.integers(0, 63), st.binary(max_size=40), st.lists(BLOCKS | st.none(), max_size=60))
    def test_any_answers(
        self, window: int, apdu: bytes, answers: list[GeneralBlockTransfer | None]
    ) -> None:
        sender = BlockSender(apdu, 3, window)
        ends = len(sender.start()) - 1
        for each in answers:
            events = sender.timeout() if each is None else sender.receive(each)
            ends += sum(not isinstance(event, SendBlocks) for event in events)
            self.assertLessEqual(len(events), 1)
        self.assertLessEqual(ends, 1)


class ChannelTests(SynchronousTestCase):
    """Seeded: a failure names its seed."""

    def channel(self, seed: int, **losses: Any) -> tuple[bytes, Channel]:
        random = Random(seed)
        apdu = random.randbytes(random.choice((0, 1, 50, 700, 3000)))
        window = random.choice((1, 2, 5, 63))
        sender = BlockSender(apdu, random.choice((7, 20, 100)), random.choice((1, window)))
        return apdu, Channel(seed, sender, BlockReceiver(window), **losses)

    def test_without_loss_nothing_is_sent_twice(self) -> None:
        for window in (1, 2, 5, 63):
            receiver = BlockReceiver(window)
            channel = Channel(1, BlockSender(bytes(1000), 10, window), receiver, loss=0.0)
            channel.run()
            self.assertEqual(channel.apdu, bytes(1000))
            streams = -(-100 // window)
            # The blocks, an acknowledgement each stream; at the end the sender hears
            # nothing, repeats its last stream and hears.
            repeat = 100 - (streams - 1) * window + 1
            self.assertEqual(channel.carried, 100 + streams - 1 + repeat)

    def test_loss_and_doubles_and_disorder(self) -> None:
        for seed in range(150):
            apdu, channel = self.channel(seed, loss=0.05, double=0.1, reorder=True)
            channel.run()
            self.assertEqual(channel.failed, [], f"seed {seed}")
            self.assertEqual(channel.apdu, apdu, f"seed {seed}")
            self.assertTrue(channel.sent, f"seed {seed}")

    def test_a_sender_without_a_clock(self) -> None:
        for seed in range(150):
            apdu, channel = self.channel(seed, loss=0.05, sender_waits=False)
            channel.run()
            self.assertEqual(channel.failed, [], f"seed {seed}")
            self.assertEqual(channel.apdu, apdu, f"seed {seed}")

    def test_bad_loss_ends_in_the_apdu_or_in_an_error(self) -> None:
        outcomes = set()
        for seed in range(150):
            apdu, channel = self.channel(seed, loss=0.45, double=0.3, reorder=True)
            channel.run()
            if channel.apdu is None:
                self.assertTrue(channel.failed, f"seed {seed}")
            else:
                self.assertEqual(channel.apdu, apdu, f"seed {seed}")
            outcomes.add(channel.apdu is None)
        self.assertEqual(outcomes, {True, False})

    def test_doubled_datagrams_do_not_multiply(self) -> None:
        for seed in range(20):
            sender = BlockSender(bytes(2000), 10)
            channel = Channel(seed, sender, BlockReceiver(1), loss=0.0, double=0.2)
            channel.run()
            self.assertEqual(channel.apdu, bytes(2000))
            # Each block and its acknowledgement, as if all came twice.
            self.assertLess(channel.carried, 200 * (1 + MAX_REPEATS) * 2 * 2)
