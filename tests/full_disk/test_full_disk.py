"""A full disk costs readings that are refused in words, and never one that was taken."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal
from unittest.mock import patch

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from dlmsd.store.disk import Disk
from dlmsd.store.housekeeping import Housekeeping
from dlmsd.store.values import encode_values
from tests.full_disk.cycles import PROMISED, Seen, fill_and_free
from tests.full_disk.small import SmallDisk
from tests.full_disk.tmpfs import mounted

CYCLES = 5


class FullDiskTests(TestCase):
    timeout = 120

    async def cycles(self, count: int) -> Seen:
        return await fill_and_free(reactor, mounted(self), count, seed=1)

    async def test_filled_and_freed(self) -> None:
        seen = await self.cycles(CYCLES)
        print(
            f"{seen.cycles} cycles: {seen.acknowledged} taken, {seen.refused} refused, "
            f"next reading after {max(seen.times):.1f} s at most"
        )
        self.assertEqual(seen.violations, [])
        self.assertGreater(seen.refused, CYCLES)

    async def test_one_that_makes_room_at_any_price_is_found(self) -> None:
        def make_way(house: Housekeeping) -> None:
            house._database.execute("DELETE FROM readings")

        with patch.object(Housekeeping, "make_way", make_way):
            seen = await self.cycles(1)
        self.assertIn("readings lost", " ".join(seen.wrong))

    async def test_one_that_keeps_no_ballast_is_found(self) -> None:
        with patch.object(Disk, "keep_ballast", lambda disk: None):
            seen = await self.cycles(1)
        self.assertIn("the ballast was there 0 times in 1 cycles", seen.violations)

    async def test_one_that_mixes_readings_up_is_found(self) -> None:
        first = encode_values({"voltage_l1": Decimal(230)})
        with patch("dlmsd.store.batch.encode_values", lambda values: first):
            seen = await self.cycles(1)
        self.assertIn("readings with other values", " ".join(seen.violations))

    async def test_one_that_forgets_what_it_owes_is_found(self) -> None:
        mark = "UPDATE deliveries SET delivered_at = coalesce(delivered_at, 1)"

        def sweep(house: Housekeeping) -> None:
            house._database.execute(mark)

        with patch.object(Housekeeping, "make_way", sweep):
            seen = await self.cycles(2)
        self.assertIn("readings lost", " ".join(seen.wrong))

    async def test_one_that_never_looks_again_is_found(self) -> None:
        with (
            patch.object(Disk, "recovered", lambda disk, prove, within: False),
            patch("tests.full_disk.cycles.PROMISED", 3.0),
        ):
            seen = await self.cycles(1)
        self.assertIn("no reading for 3.0 s after there was space", seen.wrong)


class SmallDiskTests(TestCase):
    """The outbox itself is what fills it."""

    timeout = 120

    async def small(self, when_full: Literal["drop_oldest", "pause"]) -> SmallDisk:
        small = SmallDisk(self, reactor, mounted(self), when_full)
        await small.start()
        return small

    async def test_delivered_at_once(self) -> None:
        small = await self.small("drop_oldest")
        self.assertEqual(await small.read(500, PROMISED), 500)
        await small.stop()
        await small.start()
        self.assertEqual(await small.read(200, PROMISED), 200)
        account = await small.account()
        self.assertEqual((account.committed, account.dropped), (small.stored, 0))
        await small.stop()
        self.assertEqual(small.fatal, [])

    async def test_the_oldest_are_dropped_in_an_outage(self) -> None:
        small = await self.small("drop_oldest")
        small.delivers = False
        self.assertEqual(await small.read(500, PROMISED), 500)
        account = await small.account()
        self.assertEqual(account.committed, small.stored)
        self.assertGreater(account.dropped, 0)
        self.assertGreater(account.queued, 80 * 20)
        await small.drain()
        self.assertEqual(await small.read(50, PROMISED), 50)
        await small.stop()
        self.assertEqual(small.fatal, [])

    async def test_nothing_is_with_pause(self) -> None:
        small = await self.small("pause")
        small.delivers = False
        self.assertLess(await small.read(500, 4.0), 400)
        account = await small.account()
        self.assertEqual((account.queued, account.dropped), (small.stored, 0))
        await small.drain()
        self.assertEqual(await small.read(200, PROMISED), 200)
        account = await small.account()
        self.assertEqual((account.committed, account.dropped), (small.stored, 0))
        await small.stop()
        self.assertEqual(small.fatal, [])
