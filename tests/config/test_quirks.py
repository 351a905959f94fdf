"""Quirks in a configuration: by name, where they have an effect, and never silently weaker."""

from __future__ import annotations

from attrs import evolve

from dlmsd.config.quirks import weakening
from dlmsd.config.security import CIPHERED, HIGH
from dlmsd.dlms.quirks import NEGATE_DEVIATION, QUIRKS, WRONG_FCS
from tests.config.case import METER, ConfigurationCase

PROFILE = '[profiles.p]\nauthentication = "none"\nquirks = ["wrong-fcs"]\nread = ["frequency"]\n'
USER = '[[meters]]\nname = "b"\nhost = "h"\nprofile = "p"\n'


class QuirksTests(ConfigurationCase):
    def test_by_name(self) -> None:
        (meter,) = self.load(METER).meters
        self.assertEqual(meter.quirks, frozenset())
        (meter,) = self.load(METER + 'quirks = ["wrong-fcs", "negate-deviation"]\n').meters
        self.assertEqual(meter.quirks, {WRONG_FCS, NEGATE_DEVIATION})

    def test_a_meters_list_stands_in_for_its_profiles(self) -> None:
        (meter,) = self.load(PROFILE + USER).meters
        self.assertEqual(meter.quirks, {WRONG_FCS})
        (meter,) = self.load(PROFILE + USER + "quirks = []\n").meters
        self.assertEqual(meter.quirks, frozenset())

    def test_what_is_no_quirk(self) -> None:
        known = f"expected names of quirks; there are {', '.join(sorted(QUIRKS))}"
        where = "dlmsd.toml:7: meters[0].quirks: "
        self.expect(
            {
                'quirks = ["wrong-crc"]': (where + known,),
                'quirks = "wrong-fcs"': (where + "expected a list of names",),
                'quirks = ["wrong-fcs", "wrong-fcs"]': (where + "a name stands here twice",),
            },
            METER,
        )

    def test_one_without_effect_is_refused_where_it_is_written(self) -> None:
        problem = 'wrong-fcs needs framing = "hdlc"'
        self.assertEqual(
            self.problems(METER + 'framing = "wrapper"\nquirks = ["wrong-fcs"]\n'),
            [f"dlmsd.toml:8: meters[0].quirks: {problem}"],
        )
        self.assertEqual(
            self.problems(PROFILE + USER + 'framing = "wrapper"\n'),
            [f"dlmsd.toml:3: profiles.p.quirks: {problem}"],
        )

    def test_what_each_needs(self) -> None:
        ciphered = " or ".join(f'"{one}"' for one in CIPHERED)
        high = " or ".join(f'"{one}"' for one in HIGH)
        keys = 'security = "encrypted"\nsystem_title = "DLM00001"\n'
        keys += f'encryption_key = "{"5A" * 16}"\n'
        where = "meters[0].quirks: "
        self.expect(
            {
                'quirks = ["unproved-meter"]': (
                    f"dlmsd.toml:7: {where}unproved-meter needs authentication = {high}",
                ),
                'quirks = ["clear-aarq"]': (
                    f"dlmsd.toml:7: {where}clear-aarq needs security = {ciphered}",
                ),
                f'{keys}quirks = ["clear-aarq"]': (),
                f'{keys}dedicated_key = true\nquirks = ["clear-aarq"]': (
                    f"dlmsd.toml:11: {where}clear-aarq needs dedicated_key = false",
                ),
                'quirks = ["pre-established"]': (
                    f'dlmsd.toml:7: {where}pre-established needs authentication = "none"',
                ),
                'authentication = "none"\nquirks = ["pre-established"]': (),
                f'{keys}authentication = "none"\nquirks = ["pre-established"]': (
                    f"dlmsd.toml:11: {where}pre-established needs meter_system_title: no answer "
                    "to an AARQ tells it",
                ),
            },
            METER,
        )

    def test_what_weakens_is_warned_of_and_nothing_else(self) -> None:
        (meter,) = self.load(METER).meters
        meter = evolve(meter, quirks=frozenset(QUIRKS.values()))
        weak = [QUIRKS[name] for name in sorted(QUIRKS) if QUIRKS[name].weakens]
        self.assertEqual(weakening(meter), weak)
        self.assertEqual(len(weak), 3)
