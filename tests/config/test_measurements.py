from __future__ import annotations

from decimal import Decimal

from dlmsd.config.values import Measurement
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.catalogue import lookup
from dlmsd.dlms.cosem.obis import Obis
from tests.config.case import ConfigurationCase

METER = """\
[profiles.p]
password = "x"
[profiles.p.read]
voltage_l1 = { obis = "1-2:32.7.0", unit = "V", key = "u1" }
frequency = {}
odd = "1-0:99.1.0"
[[meters]]
name = "a"
host = "h"
profile = "p"
"""


def register(obis: str, class_id: int = 3, attribute: int = 2) -> AttributeDescriptor:
    return AttributeDescriptor(class_id, Obis.parse(obis), attribute)


class ReadTests(ConfigurationCase):
    def read(self, text: str) -> tuple[Measurement, ...]:
        (meter,) = self.load(METER + text).meters
        return meter.read

    def test_from_the_profile(self) -> None:
        known = lookup("frequency")
        assert known is not None
        self.assertEqual(
            self.read(""),
            (
                Measurement("voltage_l1", register("1-2:32.7.0"), "u1", unit="V"),
                Measurement("frequency", known.attribute, "frequency"),
                Measurement("odd", register("1-0:99.1.0"), "odd"),
            ),
        )

    def test_a_table_adds_changes_and_takes_away(self) -> None:
        self.assertEqual(
            self.read(
                "[meters.read]\n"
                "voltage_l1 = { every = 60 }\n"
                "odd = false\n"
                'clock = { obis = "0.0.1.0.0.255", class = 8 }\n'
                'voltage_l2 = { attribute = 3, scale = 2, unit = "kV" }\n'
                'frequency = { obis = "1-1:14.7.1*255", compact = "0-0:66.0.1" }\n'
            ),
            (
                Measurement("voltage_l1", register("1-2:32.7.0"), "u1", unit="V", every=60.0),
                Measurement(
                    "frequency",
                    register("1-1:14.7.1"),
                    "frequency",
                    compact=Obis.parse("0-0:66.0.1"),
                ),
                Measurement("clock", register("0-0:1.0.0", 8), "clock"),
                Measurement(
                    "voltage_l2",
                    register("1-1:52.7.0", attribute=3),
                    "voltage_l2",
                    unit="kV",
                    scale=Decimal(2),
                ),
            ),
        )

    def test_a_list_selects_from_profile_and_catalogue(self) -> None:
        self.assertEqual(
            self.read('read = ["voltage_l2", "voltage_l1"]'),
            (
                Measurement("voltage_l2", register("1-1:52.7.0"), "voltage_l2"),
                Measurement("voltage_l1", register("1-2:32.7.0"), "u1", unit="V"),
            ),
        )

    def test_refused(self) -> None:
        line = "dlmsd.toml:11: meters[0].read"
        unit = "expected a unit such as V, A, Hz, W, kW, Wh or kWh"
        factor = "expected a number other than 0, of size 1e-9 to 1e9"
        obis = "expected an OBIS code such as 1-1:32.7.0"
        self.expect(
            {
                'read = ["voltage_l4"]': (
                    f"{line}[0]: needs an OBIS code; known without one: "
                    "voltage_l3, voltage_l2, voltage_l1",
                ),
                "read.xyzzy = {}": (f"{line}.xyzzy: needs an OBIS code",),
                'read."".obis = "1-1:1.8.0"': (
                    f'{line}."": a name that is published: expected text of 1 to 64 printable '
                    "characters",
                ),
                "read = []": (
                    "dlmsd.toml:11: meters[0].read: nothing to read; name a profile, or list "
                    "measurements here",
                ),
                "read = 5": (
                    f"{line}: expected a table of measurements, or a list of their names",
                ),
                'read = ["frequency", "frequency"]': (f"{line}: a name stands here twice",),
                "read = [5]": (f"{line}: expected a list of names",),
                'read.a = "1-1:32"': (f"{line}.a: {obis}",),
                'read.a = "1-1:300.7.0"': (f"{line}.a: {obis}",),
                "read.a = true": (f"{line}.a: expected an OBIS code, a table, or false",),
                "read.a = false": (
                    f"{line}.a: false takes away what a profile reads; this is not",
                ),
                "read.frequency = { obis = 5 }": (f"{line}.frequency.obis: {obis}",),
                "read.frequency = { compact = 5 }": (f"{line}.frequency.compact: {obis}",),
                'read.frequency.unit = "volt"': (f"{line}.frequency.unit: {unit}",),
                'read.frequency.unit = ""': (f"{line}.frequency.unit: {unit}",),
                "read.frequency.scale = 0": (f"{line}.frequency.scale: {factor}",),
                "read.frequency.scale = nan": (f"{line}.frequency.scale: {factor}",),
                "read.frequency.scale = 1e999999": (f"{line}.frequency.scale: {factor}",),
                "read.frequency.scale = true": (f"{line}.frequency.scale: {factor}",),
                "read.frequency.every = -1": (
                    f"{line}.frequency.every: expected a number from 0 to 31622400",
                ),
                "read.frequency.class = 0": (
                    f"{line}.frequency.class: expected a whole number from 1 to 65535",
                ),
                "read.frequency.clas = 3": (
                    f'{line}.frequency.clas: unknown key; did you mean "class"?',
                ),
                "read.frequency.attribute = 128": (
                    f"{line}.frequency.attribute: expected a whole number from -128 to 127",
                ),
                "read.frequency.attribute = 0": (
                    f"{line}.frequency.attribute: attribute 0 is none; the value is 2",
                ),
                'read.frequency.key = "u1"': (
                    f"{line}.frequency: is published as u1, and so is voltage_l1",
                ),
                'read.voltage_l1.key = "frequency"': (
                    f"{line}.voltage_l1: is published as frequency, and so is frequency",
                ),
            },
            before=METER,
        )

    def test_wrong_and_unknown_are_told_together(self) -> None:
        text = "[meters.read]\nfrequency = { every = -1 }\nxyzzy = {}\n"
        self.assertEqual(
            self.problems(METER + text),
            [
                "dlmsd.toml:12: meters[0].read.frequency.every: expected a number from 0 to "
                "31622400",
                "dlmsd.toml:13: meters[0].read.xyzzy: needs an OBIS code",
            ],
        )
