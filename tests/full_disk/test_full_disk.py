"""A full disk costs readings that are refused in words, and never one that was taken."""

from __future__ import annotations

from unittest.mock import patch

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from dlmsd.store.disk import Disk
from dlmsd.store.housekeeping import Housekeeping
from tests.full_disk.cycles import Seen, fill_and_free
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
        self.assertEqual(seen.wrong, [])
        self.assertEqual(seen.ballasts, CYCLES)
        self.assertGreaterEqual(seen.noticed, CYCLES - 2)
        self.assertGreater(seen.refused, CYCLES)

    async def test_one_that_makes_room_at_any_price_is_found(self) -> None:
        def make_way(house: Housekeeping) -> None:
            house._database.execute("DELETE FROM readings")

        with patch.object(Housekeeping, "make_way", make_way):
            seen = await self.cycles(1)
        self.assertIn("readings lost", " ".join(seen.wrong))

    async def test_one_that_never_looks_again_is_found(self) -> None:
        with (
            patch.object(Disk, "recovered", lambda disk, prove: False),
            patch("tests.full_disk.cycles.PROMISED", 3.0),
        ):
            seen = await self.cycles(1)
        self.assertIn("no reading for 3.0 s after there was space", seen.wrong)
