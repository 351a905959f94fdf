"""Image transfer: what arrived is what was sent, in whatever order, and no less is taken."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.cosem.image import Status
from dlmsd.simulator.equipment import Equipment, ImageOptions
from tests.simulator.cosem.bench import Bench

IMAGE = "0-0:44.0.0"
FIRMWARE = "1-0:0.2.0"
NAME = b"VM-2.0"
SIZE = 64
OCTETS = bytes(range(256)) * 4 + b"the end"
SUCCESS, OTHER = ActionResult.SUCCESS, ActionResult.OTHER_REASON


def bench(**options: Any) -> Bench:
    return Bench(Equipment(image=ImageOptions(**{"block_size": SIZE, **options})))


def blocks(image: bytes) -> list[bytes]:
    return [image[at : at + SIZE] for at in range(0, len(image), SIZE)]


def initiate(held: Bench, image: bytes = OCTETS) -> ActionResult:
    size = literal.double_long_unsigned(len(image))
    parameters = literal.structure(literal.octets(NAME), size)
    return held.invoke(IMAGE, "image_transfer_initiate", parameters)


def send(held: Bench, number: int, block: bytes) -> ActionResult:
    parameters = literal.structure(literal.double_long_unsigned(number), literal.octets(block))
    return held.invoke(IMAGE, "image_block_transfer", parameters)


def send_all(held: Bench, image: bytes = OCTETS) -> None:
    assert initiate(held, image) is SUCCESS
    for number, block in enumerate(blocks(image)):
        assert send(held, number, block) is SUCCESS


def verify(held: Bench) -> ActionResult:
    return held.invoke(IMAGE, "image_verify", literal.integer(0))


def activate(held: Bench) -> ActionResult:
    return held.invoke(IMAGE, "image_activate", literal.integer(0))


def status(held: Bench) -> Status:
    return Status(held.value(IMAGE, "image_transfer_status"))


def transferred(held: Bench) -> str:
    return str(held.value(IMAGE, "image_transferred_blocks_status"))


class TransferTests(SynchronousTestCase):
    def test_before_anything(self) -> None:
        held = bench()
        self.assertEqual(held.value(IMAGE, "image_block_size"), SIZE)
        self.assertEqual(status(held), Status.NOT_INITIATED)
        self.assertEqual(transferred(held), "")
        self.assertEqual(held.value(IMAGE, "image_to_activate_info"), ())
        for result in (send(held, 0, b""), verify(held), activate(held)):
            self.assertIs(result, OTHER)
        self.assertEqual(status(held), Status.NOT_INITIATED)

    def test_the_whole_way(self) -> None:
        held = bench()
        self.assertEqual(held.value(FIRMWARE), b"VM-1.0")
        send_all(held)
        self.assertEqual(transferred(held), "1" * 17)
        self.assertEqual(held.value(IMAGE, "image_first_not_transferred_block_number"), 17)
        self.assertIs(verify(held), SUCCESS)
        self.assertEqual(status(held), Status.VERIFICATION_SUCCESSFUL)
        (info,) = held.value(IMAGE, "image_to_activate_info")
        size, name, digest = (part.value for part in info.value)
        self.assertEqual((size, name), (len(OCTETS), NAME))
        self.assertEqual(digest, hashlib.sha256(OCTETS).digest())
        self.assertIs(activate(held), SUCCESS)
        self.assertEqual(status(held), Status.ACTIVATION_SUCCESSFUL)
        self.assertEqual(held.value(FIRMWARE), NAME)
        held.t += 1
        codes = [row.value[1].value for row in held.value("0-0:99.98.0", "buffer")]
        self.assertEqual(codes[-2:], [17, 18])

    @given(st.binary(min_size=1, max_size=9 * SIZE), st.randoms(use_true_random=False), st.data())
    def test_in_any_order_and_resumed(self, image: bytes, random: Any, draw: Any) -> None:
        held = bench()
        initiate(held, image)
        order = list(enumerate(blocks(image)))
        random.shuffle(order)
        lost = draw.draw(st.integers(0, len(order)))
        sent = {number for number, block in order[lost:] if send(held, number, block) is SUCCESS}
        self.assertEqual(sent, {number for number, _ in order[lost:]})
        bits = "".join("1" if number in sent else "0" for number in range(len(order)))
        self.assertEqual(transferred(held), bits)
        self.assertIs(verify(held), OTHER if lost else SUCCESS)
        # A client that comes back goes by what the meter says.
        while (number := held.value(IMAGE, "image_first_not_transferred_block_number")) < len(bits):
            self.assertNotIn(number, sent)
            self.assertIs(send(held, number, blocks(image)[number]), SUCCESS)
            sent.add(number)
        self.assertIs(verify(held), SUCCESS)
        (info,) = held.value(IMAGE, "image_to_activate_info")
        self.assertEqual(info.value[2].value, hashlib.sha256(image).digest())

    def test_blocks_that_do_not_fit(self) -> None:
        held = bench()
        initiate(held)
        for number, block in ((17, b"x" * SIZE), (0, b"x"), (16, b"x" * SIZE), (0, b"x" * 65)):
            self.assertIs(send(held, number, block), OTHER)
        self.assertEqual(transferred(held), "0" * 17)
        self.assertIs(send(held, 16, OCTETS[-7:]), SUCCESS)

    def test_images_that_do_not_fit(self) -> None:
        held = bench(most=100)
        for image, result in ((b"", OTHER), (b"x" * 101, OTHER), (b"x" * 100, SUCCESS)):
            self.assertIs(initiate(held, image), result)

    def test_wrong_types(self) -> None:
        held = bench()
        for name in ("image_transfer_initiate", "image_block_transfer", "image_verify"):
            for wrong in (literal.structure(), literal.long(1)):
                result = held.invoke(IMAGE, name, wrong)
                self.assertIs(result, ActionResult.TYPE_UNMATCHED)

    def test_disabled(self) -> None:
        held = bench()
        send_all(held)
        held.write(IMAGE, "image_transfer_enabled", literal.boolean(False))
        for result in (initiate(held), send(held, 0, b""), verify(held), activate(held)):
            self.assertIs(result, ActionResult.OBJECT_UNAVAILABLE)
        held.write(IMAGE, "image_transfer_enabled", literal.boolean(True))
        self.assertIs(verify(held), SUCCESS)

    def test_a_new_one_forgets_the_old(self) -> None:
        held = bench()
        send_all(held)
        initiate(held, OCTETS[:70])
        self.assertEqual(transferred(held), "00")
        self.assertEqual(status(held), Status.INITIATED)


class VerificationTests(SynchronousTestCase):
    def test_incomplete(self) -> None:
        held = bench()
        initiate(held)
        self.assertIs(verify(held), OTHER)
        self.assertEqual(status(held), Status.VERIFICATION_FAILED)
        self.assertIs(activate(held), OTHER)
        self.assertEqual(status(held), Status.ACTIVATION_FAILED)
        self.assertEqual(held.value(FIRMWARE), b"VM-1.0")

    def test_it_takes_time(self) -> None:
        held = bench(verifying=30.0, activating=60.0)
        send_all(held)
        for wait in (29.0, 1.0):
            self.assertIs(verify(held), ActionResult.TEMPORARY_FAILURE)
            self.assertEqual(status(held), Status.VERIFICATION_INITIATED)
            held.t += wait
        self.assertEqual(status(held), Status.VERIFICATION_SUCCESSFUL)
        self.assertIs(verify(held), SUCCESS)
        self.assertIs(activate(held), ActionResult.TEMPORARY_FAILURE)
        self.assertEqual(status(held), Status.ACTIVATION_INITIATED)
        self.assertEqual(held.value(FIRMWARE), b"VM-1.0")
        held.t += 60
        self.assertEqual(held.value(FIRMWARE), NAME)
        self.assertEqual(status(held), Status.ACTIVATION_SUCCESSFUL)
        self.assertIs(activate(held), SUCCESS)

    def test_sealed(self) -> None:
        for image, result in (
            (OCTETS + hashlib.sha256(OCTETS).digest(), SUCCESS),
            (OCTETS, OTHER),
            (OCTETS + hashlib.sha256(OCTETS + b"!").digest(), OTHER),
            (b"short", OTHER),
        ):
            held = bench(sealed=True)
            send_all(held, image)
            self.assertIs(verify(held), result)
            self.assertIs(activate(held), result)

    def test_activated_without_verification(self) -> None:
        held = bench()
        send_all(held)
        self.assertIs(activate(held), SUCCESS)
        self.assertEqual(held.value(FIRMWARE), NAME)

    def test_blocks_after_a_good_verification(self) -> None:
        held = bench()
        send_all(held)
        verify(held)
        self.assertIs(send(held, 0, OCTETS[:SIZE]), OTHER)
