"""Moments of a command line."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.moment import moment

NOW = datetime.datetime(2026, 3, 10, 3, 30, tzinfo=datetime.UTC)
BOGOTA = ZoneInfo("America/Bogota")


class MomentTests(SynchronousTestCase):
    def expect(self, text: str, wanted: str) -> None:
        found = moment(text, NOW, BOGOTA).astimezone(datetime.UTC)
        self.assertEqual(found.strftime("%Y-%m-%d %H:%M:%S"), wanted, text)

    def test_days_and_times_are_local(self) -> None:
        self.expect("2026-03-01", "2026-03-01 05:00:00")
        self.expect("2026-03-01T12:30", "2026-03-01 17:30:00")
        self.expect("2026-03-01 12:30:15", "2026-03-01 17:30:15")

    def test_unless_they_tell_their_zone(self) -> None:
        self.expect("2026-03-01T12:30Z", "2026-03-01 12:30:00")
        self.expect("2026-03-01T12:30+02:00", "2026-03-01 10:30:00")

    def test_from_now(self) -> None:
        for text, wanted in (
            ("now", "2026-03-10 03:30:00"),
            ("-2d", "2026-03-08 03:30:00"),
            ("-6h", "2026-03-09 21:30:00"),
            ("-30m", "2026-03-10 03:00:00"),
            ("-1w", "2026-03-03 03:30:00"),
            # It is still the ninth there.
            ("today", "2026-03-09 05:00:00"),
            ("yesterday", "2026-03-08 05:00:00"),
        ):
            self.expect(text, wanted)

    def test_this_machines_zone(self) -> None:
        found = moment("2026-03-01", NOW)
        self.assertEqual(found, datetime.datetime(2026, 3, 1).astimezone())

    def test_what_is_none(self) -> None:
        for text in ("", "tomorrow", "-2", "2d", "-999999w", "2026-13-01", "0001-01-01", "12:30"):
            error = self.assertRaises(ValueError, moment, text, NOW, ZoneInfo("Asia/Tokyo"))
            self.assertIn("is no moment", str(error))

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        try:
            self.assertIsNotNone(moment(text, NOW, BOGOTA).tzinfo)
        except ValueError as error:
            self.assertIn("is no moment", str(error))
