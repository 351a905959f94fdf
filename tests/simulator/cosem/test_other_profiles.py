"""Profiles beside the load profile: of days, of billing periods, of events."""

from __future__ import annotations

import datetime
from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.equipment import ClockOptions
from tests.simulator.client import NOON
from tests.simulator.cosem.profiles import (
    BERLIN,
    BILLING,
    DAILY,
    FALL,
    LOG,
    bench,
    rows,
    times,
)


class OtherProfileTests(SynchronousTestCase):
    def test_daily_at_local_midnight(self) -> None:
        held = bench(FALL, ClockOptions("Europe/Berlin"))
        found = rows(held, DAILY)
        self.assertEqual(len(found), 62)
        for row in found:
            assert row.time is not None
            self.assertEqual(row.time.astimezone(BERLIN).time(), datetime.time())
        gaps = {after - before for before, after in pairwise(times(found))}
        self.assertEqual(gaps, {86_400})
        held.t += 86_400
        self.assertEqual(times(rows(held, DAILY))[-1] - times(found)[-1], 90_000)

    def test_billing(self) -> None:
        held = bench()
        found = rows(held, BILLING)
        self.assertEqual(len(found), 24)
        for row in found:
            assert row.time is not None
            self.assertEqual((row.time.day, row.time.hour), (1, 0))
        energies = [row.values[1].value for row in found]
        self.assertEqual(energies, sorted(energies))

    def test_event_log(self) -> None:
        held = bench(off_every=86_400 * 3, off_for=1800)
        found = rows(held, LOG)
        self.assertEqual(len(found), 100)
        self.assertEqual(times(found), sorted(times(found)))
        self.assertLessEqual(times(found)[-1], NOON)
        self.assertEqual({row.values[1].value for row in found}, {1, 2, 40, 41})

    def test_what_is_done_to_it_is_logged(self) -> None:
        held = bench()
        held.invoke("0-0:96.3.10", "remote_disconnect")
        held.invoke("0-0:96.3.10", "remote_reconnect")
        held.t += 60
        held.write("0-0:1.0.0", "time", literal.utc(NOON))
        codes = [row.values[1].value for row in rows(held, LOG)]
        self.assertEqual(codes[-3:], [62, 63, 5])
        held.invoke(LOG, "reset")
        self.assertEqual(rows(held, LOG), [])

    def test_fixed_ones_cannot_be_changed(self) -> None:
        held = bench()
        for code in (DAILY, BILLING, LOG):
            period = literal.double_long_unsigned(900)
            self.assertIs(
                held.write(code, "capture_period", period), DataAccessResult.READ_WRITE_DENIED
            )
