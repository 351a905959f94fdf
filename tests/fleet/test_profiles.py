"""The load profile of a meter, asked for by name and time."""

from __future__ import annotations

import msgspec

from dlmsd.dlms.cosem.obis import Obis
from dlmsd.meter import excerpt
from dlmsd.meter.excerpt import Excerpt
from dlmsd.orders import (
    UnknownProfileError,
)
from tests.fleet.orders_case import TurnsCase
from tests.meter.fleet import START

PROFILE = Obis.parse("1-0:99.1.0")
QUARTER = 900_000


class ProfileTests(TurnsCase):
    def profile(self, hours: float, seconds: float = 30.0, start: int = 0) -> Excerpt:
        end = int(START * 1000)
        first = start or end - int(hours * 3_600_000)
        asked = self.order(self.orders.profile(self.names[0], first, end), seconds)
        found: Excerpt = self.successResultOf(asked)
        return found

    def test_every_row_of_a_day_while_cycles_go_on(self) -> None:
        self.begin(interval=5.0, load_profile=PROFILE)
        before = len(self.readings)
        found = self.profile(24)
        start = int(START - 86_400) // 900 * QUARTER
        self.assertEqual(list(found.rows), list(range(start, start + 97 * QUARTER, QUARTER)))
        self.assertTrue(found.complete)
        self.assertIn("active_energy", next(iter(found.rows.values())))
        self.assertEqual(found.units["active_energy"], "Wh")
        self.assertGreaterEqual(len(self.readings) - before, 5)

    def test_a_long_time_is_given_in_pieces_that_fit(self) -> None:
        self.begin(interval=60.0, load_profile=PROFILE)
        rows: list[int] = []
        start = 0
        for _ in range(100):
            found = self.profile(24 * 40, start=start)
            rows += found.rows
            if found.complete:
                break
            self.assertGreater(found.reached, rows[-1])
            start = found.reached
        self.assertEqual(rows, sorted(set(rows)))
        self.assertEqual(len(rows), 40 * 96 + 1)

    def test_no_more_than_a_message_holds(self) -> None:
        self.patch(excerpt, "MOST_OCTETS", 3000)
        self.begin(interval=60.0, load_profile=PROFILE)
        found = self.profile(24)
        told = [{"ts": ts, "values": dict(values)} for ts, values in found.rows.items()]
        size = len(msgspec.json.Encoder(decimal_format="number").encode(told))
        self.assertTrue(2000 < size <= 3000, size)
        self.assertEqual((found.full, found.complete), (True, False))
        rest = self.profile(24, start=found.reached)
        self.assertEqual(min(rest.rows), found.reached)
        self.assertEqual(found.reached - max(found.rows), QUARTER)

    def test_nothing_there(self) -> None:
        self.begin(interval=60.0, load_profile=PROFILE)
        end = int(START * 1000)
        order = self.orders.profile(self.names[0], end + QUARTER, end + 2 * QUARTER - 1000)
        found = self.successResultOf(self.order(order))
        self.assertEqual((dict(found.rows), found.complete), ({}, True))

    def test_no_profile(self) -> None:
        self.begin(interval=60.0)
        asked = self.order(self.orders.profile(self.names[0], 1, 2))
        failure = self.failureResultOf(asked, UnknownProfileError)
        assert isinstance(failure.value, UnknownProfileError)
        self.assertIn("`load_profile =", failure.value.advice)
