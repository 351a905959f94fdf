from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.cosem.catalogue import NAMES, lookup, near
from dlmsd.dlms.cosem.classes import scaler_attribute
from dlmsd.dlms.cosem.units import UNITS

# What the earlier system's users have in their configurations.
EARLIER = {
    "voltage_l1": ("1-1:32.7.0", "V"),
    "voltage_l2": ("1-1:52.7.0", "V"),
    "voltage_l3": ("1-1:72.7.0", "V"),
    "current_l1": ("1-1:31.7.0", "A"),
    "current_l2": ("1-1:51.7.0", "A"),
    "current_l3": ("1-1:71.7.0", "A"),
    "frequency": ("1-1:14.7.0", "Hz"),
    "active_power": ("1-1:1.7.0", "W"),
    "active_energy": ("1-1:1.8.0", "Wh"),
    "active_energy_export": ("1-1:2.8.0", "Wh"),
}
# IEC 62056-6-1, electricity: group C by phase, D, E.
STANDARD = {
    "current_neutral": ("1-1:91.7.0", "A"),
    "active_power_export": ("1-1:2.7.0", "W"),
    "active_power_l1": ("1-1:21.7.0", "W"),
    "active_power_l2": ("1-1:41.7.0", "W"),
    "active_power_l3": ("1-1:61.7.0", "W"),
    "active_power_export_l3": ("1-1:62.7.0", "W"),
    "reactive_power": ("1-1:3.7.0", "var"),
    "reactive_power_l2": ("1-1:43.7.0", "var"),
    "apparent_power": ("1-1:9.7.0", "VA"),
    "apparent_power_l1": ("1-1:29.7.0", "VA"),
    "apparent_power_export_l2": ("1-1:50.7.0", "VA"),
    "power_factor": ("1-1:13.7.0", ""),
    "power_factor_l1": ("1-1:33.7.0", ""),
    "power_factor_l2": ("1-1:53.7.0", ""),
    "power_factor_l3": ("1-1:73.7.0", ""),
    "voltage_angle_l2": ("1-1:81.7.1", "°"),
    "voltage_angle_l3": ("1-1:81.7.2", "°"),
    "phase_angle_l1": ("1-1:81.7.4", "°"),
    "phase_angle_l2": ("1-1:81.7.15", "°"),
    "phase_angle_l3": ("1-1:81.7.26", "°"),
    "active_energy_t1": ("1-1:1.8.1", "Wh"),
    "active_energy_export_t4": ("1-1:2.8.4", "Wh"),
    "active_energy_l2": ("1-1:41.8.0", "Wh"),
    "reactive_energy": ("1-1:3.8.0", "varh"),
    "reactive_energy_export": ("1-1:4.8.0", "varh"),
    "reactive_energy_q1": ("1-1:5.8.0", "varh"),
    "reactive_energy_q4": ("1-1:8.8.0", "varh"),
    "apparent_energy": ("1-1:9.8.0", "VAh"),
}


class CatalogueTests(SynchronousTestCase):
    def test_names(self) -> None:
        for name, (obis, symbol) in {**EARLIER, **STANDARD}.items():
            entry = lookup(name)
            assert entry is not None, name
            self.assertEqual((entry.name, str(entry.attribute.obis)), (name, obis))
            self.assertEqual((entry.attribute.class_id, entry.attribute.attribute), (3, 2))
            self.assertEqual(entry.unit, symbol, name)

    def test_unknown_names(self) -> None:
        for name in ("", "voltage", "VOLTAGE_L1", "voltage_l4", "1-1:32.7.0"):
            self.assertIs(lookup(name), None)

    def test_each_object_has_one_name(self) -> None:
        entries = [lookup(name) for name in NAMES]
        places = {entry.attribute for entry in entries if entry is not None}
        self.assertEqual(len(places), len(NAMES))
        self.assertEqual(len(set(NAMES)), len(NAMES))

    def test_each_has_a_scaler_and_a_unit_that_exists(self) -> None:
        symbols = {each.symbol for each in UNITS.values()}
        for name in NAMES:
            entry = lookup(name)
            assert entry is not None
            where = entry.attribute
            self.assertEqual(scaler_attribute(where.class_id, where.attribute), 3)
            self.assertIn(entry.unit, symbols)

    def test_near_names(self) -> None:
        self.assertEqual(near("voltage_L1")[0], "voltage_l1")
        self.assertEqual(near("activ_energy")[0], "active_energy")
        self.assertEqual(near("zzz"), ())
