"""Compact data: with its description, dlmsd's compact-array gives back what was captured."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import decode
from dlmsd.dlms.axdr.length import encode_length
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.selective import CLOCK
from dlmsd.simulator.cosem import literal
from tests.simulator.cosem.bench import Bench

COMPACT = "0-0:66.0.1"


def unpacked(held: Bench) -> Any:
    buffer = held.value(COMPACT, "compact_buffer")
    description = held.value(COMPACT, "template_description")
    array, _ = decode(b"\x13" + description + encode_length(len(buffer)) + buffer)
    (row,) = array.value.elements  # type: ignore[union-attr]
    return row.value


class CompactDataTests(SynchronousTestCase):
    def test_what_it_holds(self) -> None:
        held = Bench()
        template, time, bought, sold = unpacked(held)
        self.assertEqual(template.value, held.value(COMPACT, "template_id"))
        self.assertEqual(time, held.read("0-0:1.0.0", "time"))
        self.assertEqual((bought, sold), (held.read("1-0:1.8.0"), held.read("1-0:2.8.0")))

    def test_other_columns_and_structures(self) -> None:
        held = Bench()
        wanted = [
            CLOCK,
            CaptureObject(held.attribute("1-0:1.8.0", "scaler_unit")),
            CaptureObject(held.attribute("1-0:1.8.0", "scaler_unit"), 2),
        ]
        held.write(COMPACT, "capture_objects", literal.array(*[each.data for each in wanted]))
        self.assertEqual(held.value(COMPACT, "template_id"), 2)
        _, scaler_unit, unit = unpacked(held)
        self.assertEqual(scaler_unit, held.read("1-0:1.8.0", "scaler_unit"))
        self.assertEqual(unit, literal.enum(30))

    def test_columns_that_cannot_be(self) -> None:
        held = Bench()
        itself = CaptureObject(held.attribute(COMPACT, "compact_buffer"))
        for value, result in (
            (literal.array(), DataAccessResult.OTHER_REASON),
            (literal.array(itself.data), DataAccessResult.OTHER_REASON),
            (literal.array(literal.NULL), DataAccessResult.TYPE_UNMATCHED),
        ):
            self.assertIs(held.write(COMPACT, "capture_objects", value), result)

    def test_captured_by_method(self) -> None:
        held = Bench()
        held.write(COMPACT, "capture_method", literal.enum(0))
        self.assertEqual(held.value(COMPACT, "compact_buffer"), b"")
        held.invoke(COMPACT, "capture", literal.integer(0))
        before = unpacked(held)
        held.t += 3600
        self.assertEqual(unpacked(held), before)
        held.invoke(COMPACT, "reset", literal.integer(0))
        self.assertEqual(held.value(COMPACT, "compact_buffer"), b"")
        wrong = held.write(COMPACT, "capture_method", literal.enum(2))
        self.assertIs(wrong, DataAccessResult.OTHER_REASON)
