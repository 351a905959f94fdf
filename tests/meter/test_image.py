"""Firmware for virtual meters: sent, broken off, resumed, verified, activated."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

from attrs import evolve

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import ClosedError, ReadOnlyError
from dlmsd.meter.image import Image, ImageError, ImageTransfer, Status
from dlmsd.meter.session import Session
from dlmsd.simulator.equipment import Equipment, ImageOptions
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.personality import MICROSTAR, Personality
from tests.meter.test_services import ServiceCase

FIRMWARE = AttributeDescriptor(1, Obis.parse("1-0:0.2.0"), 2)
BODY = Random(3).randbytes(7_777)
SEALED = BODY + hashlib.sha256(BODY).digest()
IMAGE = Image(b"VM-2.0", SEALED)


def meter(**options: Any) -> Personality:
    image = ImageOptions(sealed=True, **options)
    return evolve(MICROSTAR, equipment=Equipment(image=image))


class ImageTests(ServiceCase):
    def setUp(self) -> None:
        super().setUp()
        self.told: list[tuple[int, int]] = []

    def progress(self, done: int, total: int) -> None:
        self.told.append((done, total))

    def transfer(self, image: Image = IMAGE) -> ImageTransfer:
        return ImageTransfer(image, self.network)

    async def whole(self, session: Session, image: Image = IMAGE) -> bytes:
        """All of it; the signature that the meter tells."""
        transfer = self.transfer(image)
        await transfer.send(session, self.progress)
        told = await transfer.verify(session)
        await transfer.activate(session)
        return told.signature

    def test_what_arrives_is_what_was_sent_and_runs(self) -> None:
        async def work(session: Session) -> Data:
            self.assertEqual(await self.whole(session), hashlib.sha256(SEALED).digest())
            return await session.get(FIRMWARE)

        for options in ({}, {"block_size": 64}, {"verifying": 30.0, "activating": 20.0}):
            with self.subTest(options=options):
                self.setUp()
                firmware = self.visit(work, meter(**options))
                self.assertEqual(firmware, Data(Tag.OCTET_STRING, b"VM-2.0"))
                blocks = self.told[-1][1]
                self.assertEqual(self.told[-1], (blocks, blocks))
                self.assertEqual(sorted(self.told), self.told)
                self.end()

    def test_a_broken_line_costs_no_block_twice(self) -> None:
        transfer = self.transfer()

        async def broken(session: Session) -> None:
            self.simulation.inject([Fault(FaultKind.RESET, every=20)])
            await self.fails(ClosedError, "", transfer.send(session, self.progress))
            self.simulation.inject([])

        async def again(session: Session) -> Status:
            await transfer.send(session, self.progress)
            await transfer.verify(session)
            return await transfer.status(session)

        self.visit(broken, meter())
        sent, blocks = self.told[-1]
        self.assertGreater(sent, 5)
        self.told.clear()
        self.assertIs(self.again(again), Status.VERIFICATION_SUCCESSFUL)
        # The block under way may have arrived though its answer was lost.
        self.assertIn(self.told[0][0], (sent, sent + 1))
        self.assertEqual(len(self.told), blocks - self.told[0][0] + 2)

    def test_another_run_resumes_only_if_it_is_asked_to(self) -> None:
        async def half(session: Session) -> None:
            self.simulation.inject([Fault(FaultKind.RESET, every=20)])
            await self.fails(ClosedError, "", self.transfer().send(session, self.progress))
            self.simulation.inject([])

        self.visit(half, meter())
        sent = self.told[-1][0]
        for resume, first in ((True, (sent, sent + 1)), (False, (0,))):
            self.told.clear()

            async def go(session: Session, resume: bool = resume) -> None:
                await self.transfer().send(session, self.progress, resume=resume)

            self.again(go)
            self.assertIn(self.told[0][0], first)

    def test_a_damaged_image_is_not_activated(self) -> None:
        async def work(session: Session) -> Data:
            wrong = Image(b"VM-2.0", SEALED[:-1] + b"\x00")
            await self.fails(ImageError, "image_verify", self.whole(session, wrong))
            return await session.get(FIRMWARE)

        for seconds in (0.0, 30.0):
            with self.subTest(seconds=seconds):
                self.setUp()
                firmware = self.visit(work, meter(verifying=seconds))
                self.assertEqual(firmware, Data(Tag.OCTET_STRING, b"VM-1.0"))
                self.end()

    def test_a_meter_that_wants_none(self) -> None:
        async def too_large(session: Session) -> None:
            await self.fails(ImageError, "initiate", self.transfer().send(session, self.progress))

        async def off(session: Session) -> None:
            enabled = AttributeDescriptor(18, Obis.parse("0-0:44.0.0"), 5)
            await session.set(enabled, Data(Tag.BOOLEAN, False))
            await self.fails(ImageError, "enabled", self.transfer().send(session, self.progress))

        self.visit(too_large, meter(most=1000))
        self.again(off)

    def test_not_to_a_meter_that_is_only_read(self) -> None:
        async def work(session: Session) -> None:
            await self.fails(ReadOnlyError, "writing", self.transfer().send(session, self.progress))

        self.visit(work, meter(), writing=False)
