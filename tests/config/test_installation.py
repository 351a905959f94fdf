"""Where a meter stands and what transformers are before it: exact, from meter or profile."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from tests.config.case import METER, ConfigurationCase


class InstallationTests(ConfigurationCase):
    def test_ratios_are_exact(self) -> None:
        (meter,) = self.load(METER + "ct_ratio = 40\nvt_ratio = 114.9999999999999999999\n").meters
        self.assertEqual(meter.ct_ratio, Decimal(40))
        self.assertEqual(meter.vt_ratio, Decimal("114.9999999999999999999"))

    def test_timezone(self) -> None:
        (meter,) = self.load(METER + 'timezone = "America/Bogota"\n').meters
        self.assertEqual(meter.timezone, ZoneInfo("America/Bogota"))

    def test_unless_they_are_said(self) -> None:
        (meter,) = self.load(METER).meters
        self.assertEqual((meter.ct_ratio, meter.vt_ratio, meter.timezone), (1, 1, None))
