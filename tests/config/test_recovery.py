"""Thresholds of recovery: of the profile, of the meter, of neither."""

from __future__ import annotations

from attrs import evolve

from dlmsd.config.recovery import RecoveryOptions, of_line
from tests.config.case import METER, ConfigurationCase

PROFILE = """
[profiles.own]
password = "x"
read = ["frequency"]
[profiles.own.recovery]
silence = 60
losses = 3
"""
OF_PROFILE = '[[meters]]\nname = "a"\nhost = "h"\nprofile = "own"\n'


class RecoveryOptionsTests(ConfigurationCase):
    def test_the_earlier_system_s_values_are_the_defaults(self) -> None:
        (meter,) = self.load(METER).meters
        told = meter.recovery
        self.assertEqual(told, RecoveryOptions())
        self.assertEqual((told.silence, told.errors, told.losses, told.pause), (600, 15, 10, 300))
        self.assertEqual((told.failed_cycles, told.max_age), (1, 0))
        self.assertEqual((told.refused_pause, told.refusals), (900, 4))

    def test_a_meter_changes_what_it_says_and_no_more(self) -> None:
        (meter,) = self.load(PROFILE + OF_PROFILE + "recovery.losses = 5\n").meters
        self.assertEqual(meter.recovery, RecoveryOptions(silence=60.0, losses=5))
        (meter,) = self.load(PROFILE + OF_PROFILE).meters
        self.assertEqual(meter.recovery, RecoveryOptions(silence=60.0, losses=3))

    def test_problems(self) -> None:
        self.expect(
            {
                "recovery = 5": (
                    "dlmsd.toml:7: meters[0].recovery: expected a table of thresholds",
                ),
                "recovery.silense = 5": (
                    "dlmsd.toml:7: meters[0].recovery.silense: unknown key; "
                    'did you mean "silence"?',
                ),
                "recovery.pause = 0\nrecovery.losses = 1.5": (
                    "dlmsd.toml:7: meters[0].recovery.pause: expected a number from 1 to 31622400",
                    "dlmsd.toml:8: meters[0].recovery.losses: expected a whole number "
                    "from 0 to 10000",
                ),
            },
            METER,
        )

    def test_of_a_line_the_most_patient_word_counts(self) -> None:
        one = RecoveryOptions(busy_pause=10, max_delay=600, errors=5)
        two = RecoveryOptions(busy_pause=90, max_delay=30)
        self.assertEqual(of_line([one, two]), evolve(one, busy_pause=90, errors=15))
