from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.cosem.classes import CLASSES, by_id, scaler_attribute


class ClassTests(SynchronousTestCase):
    def test_attributes_and_methods(self) -> None:
        # Blue Book: class_id, number of attributes, number of methods.
        sizes = {
            each.class_id: (len(each.attributes), len(each.methods)) for each in CLASSES.values()
        }
        self.assertEqual(sizes, {1: (2, 0), 3: (3, 1), 4: (5, 1), 5: (9, 2), 8: (9, 6)})

    def test_indices_start_at_one(self) -> None:
        for each in CLASSES.values():
            self.assertEqual(each.attributes[1], "logical_name")
            self.assertEqual(list(each.attributes), list(range(1, len(each.attributes) + 1)))

    def test_by_id(self) -> None:
        register = by_id(3)
        assert register is not None
        self.assertEqual(
            (register.name, register.attributes[register.value]), ("Register", "value")
        )
        self.assertIs(by_id(7777), None)

    def test_the_default_attribute(self) -> None:
        found = {each.class_id: each.attributes[each.value] for each in CLASSES.values()}
        self.assertEqual(
            found, {1: "value", 3: "value", 4: "value", 5: "current_average_value", 8: "time"}
        )

    def test_scalers(self) -> None:
        found = {
            (class_id, index): scaler_attribute(class_id, index)
            for class_id in (0, 1, 3, 4, 5, 8)
            for index in range(0, 10)
            if scaler_attribute(class_id, index) is not None
        }
        self.assertEqual(found, {(3, 2): 3, (4, 2): 3, (5, 2): 4, (5, 3): 4})

    def test_scalers_lead_to_scalers(self) -> None:
        for each in CLASSES.values():
            for index in each.scaled.values():
                self.assertEqual(each.attributes[index], "scaler_unit")
