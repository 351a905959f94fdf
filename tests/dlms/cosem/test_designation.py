"""Attributes and methods as people write them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.cosem.designation import (
    attribute_words,
    method_words,
    parse_attribute,
    parse_method,
)


class DesignationTests(SynchronousTestCase):
    def test_attributes_by_number_and_by_name(self) -> None:
        for text in (
            "8/0-0:1.0.0/2",
            "clock/0-0:1.0.0*255/time",
            "Clock/0.0.1.0.0.255/Time",
        ):
            self.assertEqual(str(parse_attribute(text)), "8/0-0:1.0.0/2")
        profile = parse_attribute("profile generic/1-0:99.1.0/capture-objects")
        self.assertEqual(str(profile), "7/1-0:99.1.0/3")
        self.assertEqual(attribute_words(profile), "Profile generic capture_objects")
        self.assertEqual(parse_attribute("9000/0-0:1.0.0/-1").attribute, -1)
        self.assertEqual(attribute_words(parse_attribute("9000/0-0:1.0.0/2")), "")

    def test_methods(self) -> None:
        for text in ("70/0-0:96.3.10/1", "disconnect-control/0-0:96.3.10/remote_disconnect"):
            self.assertEqual(str(parse_method(text)), "70/0-0:96.3.10/method 1")
        self.assertEqual(
            method_words(parse_method("70/0-0:96.3.10/2")), "Disconnect control remote_reconnect"
        )

    def test_what_is_none_is_told_with_what_there_is(self) -> None:
        for text, told in (
            ("8/0-0:1.0.0", "CLASS/OBIS/ATTRIBUTE"),
            ("clok/0-0:1.0.0/2", "no class"),
            ("0/0-0:1.0.0/2", "no class"),
            ("8/0-0:1/2", "no OBIS code"),
            ("8/0-0:1.0.0/tim", "2 time, 3 time_zone"),
            ("8/0-0:1.0.0/0", "2 time"),
            ("9000/0-0:1.0.0/x", "no attribute of class 9000"),
        ):
            error = self.assertRaises(ValueError, parse_attribute, text)
            self.assertIn(told, str(error))
