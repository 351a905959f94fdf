"""Profiles of virtual meters, judged by dlmsd's own reader of rows and by the curves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.clock import ClockStatus
from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.axdr.value import DELTAS
from dlmsd.dlms.cosem.capture import CaptureObject
from dlmsd.dlms.cosem.profile import Row
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.selective import EntryDescriptor, RangeDescriptor, range_value
from dlmsd.simulator.cosem import literal
from dlmsd.simulator.curves import INSTALLED
from dlmsd.simulator.equipment import ClockOptions
from tests.simulator.client import NOON
from tests.simulator.cosem.profiles import (
    BERLIN,
    FALL,
    LOAD,
    PERIOD,
    bench,
    by_range,
    columns,
    rows,
    small,
    times,
    utc,
)


class LoadProfileTests(SynchronousTestCase):
    def test_ten_thousand_rows_are_exactly_those_meant(self) -> None:
        held = bench()
        found = rows(held)
        self.assertEqual(held.value(LOAD, "profile_entries"), 10_000)
        self.assertEqual(held.value(LOAD, "entries_in_use"), 10_000)
        last = NOON - NOON % PERIOD
        meant = [last - PERIOD * back for back in range(9_999, -1, -1)]
        self.assertEqual(times(found), meant)
        wanted = columns(held)
        self.assertEqual(len(wanted), 8)
        for row, t in zip(found, meant, strict=True):
            at = tuple(held.meter.read(each.attribute, t) for each in wanted[1:])
            self.assertEqual(row.values[1:], at)

    def test_rows_do_not_depend_on_when_they_are_asked_for(self) -> None:
        held = bench()
        before = rows(held)
        held.t += 10 * PERIOD
        self.assertEqual(rows(held)[:-10], before[10:])

    def test_a_young_meter(self) -> None:
        held = small(since=NOON - 5 * PERIOD - 1)
        self.assertEqual(held.value(LOAD, "entries_in_use"), 6)
        self.assertEqual(len(rows(held)), 6)
        self.assertEqual(rows(small(INSTALLED - 1)), [])

    def test_the_last_values_are_those_of_the_registers(self) -> None:
        held = small(NOON)
        self.assertEqual(rows(held)[-1].values[2], held.read("1-0:1.8.0"))

    def test_disconnected_rows(self) -> None:
        held = small(NOON + 1)
        held.invoke("0-0:96.3.10", "remote_disconnect")
        held.t = NOON + 2 * PERIOD
        currents = [row.values[7].value for row in rows(held)]
        self.assertEqual(currents[-2:], [0, 0])
        self.assertTrue(all(currents[:-2]))

    def test_clock_set_moves_no_row(self) -> None:
        held = small()
        before = rows(held)
        held.t += 1
        held.write("0-0:1.0.0", "time", literal.utc(NOON + 5000))
        self.assertEqual(rows(held), before)
        held.t = NOON + PERIOD
        self.assertEqual(rows(held)[-1].values[1], literal.unsigned(0x20))


class SelectionTests(SynchronousTestCase):
    @given(st.integers(-100, 45), st.integers(-100, 45), st.data())
    def test_a_range_is_the_filter_over_all_rows(self, first: int, last: int, draw: Any) -> None:
        held = draw.draw(st.sampled_from(HELD))
        start, end = NOON - first * 700, NOON - last * 700
        expected = [
            row for row, at in zip(rows(held), times(rows(held)), strict=True) if start <= at <= end
        ]
        self.assertEqual(values(rows(held, access=by_range(start, end))), values(expected))

    @given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 8), st.integers(0, 8))
    def test_entries_are_the_slice_of_all_rows(
        self, start: int, end: int, first: int, last: int
    ) -> None:
        if last and last < first:
            first, last = last, first
        held = HELD[0]
        access = EntryDescriptor(start, end, first, last).access
        chosen = columns(held)[first - 1 : last or 8]
        found = rows(held, access=access, columns=chosen)
        expected = [row.values[first - 1 : last or 8] for row in rows(held)]
        self.assertEqual(values(found), expected[start - 1 : end or None])

    def test_columns_of_a_range(self) -> None:
        held = small()
        wanted = (columns(held)[7], columns(held)[0])
        found = rows(held, access=by_range(NOON - 3600, NOON, columns=wanted), columns=wanted)
        self.assertEqual(values(found), [(row.values[7], row.values[0]) for row in rows(held)[-5:]])

    def test_a_range_of_another_column(self) -> None:
        held = small()
        energies = [row.values[2] for row in rows(held)]
        access = RangeDescriptor(energies[3], energies[7], columns(held)[2]).access
        self.assertEqual(values(rows(held, access=access)), values(rows(held)[3:8]))

    def test_what_cannot_be_selected(self) -> None:
        held = small()
        voltage = CaptureObject(held.attribute("1-0:52.7.0"))
        now = range_value(utc(NOON))
        violated, unmatched = (
            DataAccessResult.SCOPE_OF_ACCESS_VIOLATED,
            DataAccessResult.TYPE_UNMATCHED,
        )
        cases = (
            (by_range(0, NOON, columns=(voltage,)), violated),
            (by_range(0, NOON, restricting=voltage), violated),
            (EntryDescriptor(0).access, violated),
            (EntryDescriptor(1, 0, 1, 9).access, violated),
            ((3, literal.NULL), violated),
            ((1, literal.NULL), unmatched),
            ((2, literal.structure(literal.NULL)), unmatched),
            (RangeDescriptor(literal.NEVER, now).access, unmatched),
            (RangeDescriptor(now, literal.octets(b"")).access, unmatched),
        )
        for access, result in cases:
            self.assertIs(held.read(LOAD, "buffer", access), result, access)
        self.assertIs(
            held.read(LOAD, "capture_period", by_range(0, NOON)),
            DataAccessResult.SCOPE_OF_ACCESS_VIOLATED,
        )

    def test_meters_without_it(self) -> None:
        violated = DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        entries, ranges = EntryDescriptor(1, 2).access, by_range(0, NOON)
        for selectors, works, fails in (((2,), (entries,), (ranges,)), ((), (), (entries, ranges))):
            held = small(selectors=selectors)
            for access in works:
                self.assertEqual(len(rows(held, access=access)), 2)
            for access in fails:
                self.assertIs(held.read(LOAD, "buffer", access), violated)

    def test_local_time_without_deviation(self) -> None:
        held = small(FALL, ClockOptions("Europe/Berlin", deviation="none"))
        local = utc(FALL - 3 * PERIOD).astimezone(BERLIN)
        access = RangeDescriptor(
            range_value(local, deviation=False),
            range_value(utc(FALL).astimezone(BERLIN), deviation=False),
        ).access
        self.assertEqual(len(rows(held, access=access, timezone=BERLIN)), 4)


def values(found: list[Row]) -> list[tuple[Data, ...]]:
    return [row.values for row in found]


HELD = [
    small(),
    small(since=NOON - 7 * PERIOD),
    small(off_every=7 * PERIOD, off_for=2 * PERIOD),
    small(newest_first=True),
    small(ring_order=True),
]


class OptionTests(SynchronousTestCase):
    def test_nulls_mean_the_same(self) -> None:
        plain = rows(small(off_every=7 * PERIOD, off_for=2 * PERIOD))
        held = small(off_every=7 * PERIOD, off_for=2 * PERIOD, nulls=True)
        found = rows(held)
        self.assertEqual(times(found), times(plain))
        self.assertEqual([row.values[1:] for row in found], [row.values[1:] for row in plain])
        self.assertTrue(any(row.computed for row in found))
        self.assertFalse(all(row.computed for row in found[1:]))
        raw = held.value(LOAD, "buffer")
        self.assertTrue(any(row.value[1] == literal.NULL for row in raw))
        whole = encode(small(off_every=7 * PERIOD, off_for=2 * PERIOD).read(LOAD, "buffer"))
        self.assertLess(len(encode(held.read(LOAD, "buffer"))), len(whole))

    def test_nulls_and_deltas_mean_the_same_in_every_order(self) -> None:
        off = {"off_every": 7 * PERIOD, "off_for": 2 * PERIOD}
        for newest_first, direction in ((False, 1), (True, -1)):
            plain = rows(small(newest_first=newest_first, **off))
            for nulls, deltas in ((True, False), (False, True), (True, True)):
                held = small(newest_first=newest_first, nulls=nulls, deltas=deltas, **off)
                found = rows(held, direction=direction)
                self.assertEqual(times(found), times(plain))
                self.assertEqual(
                    [row.values[1:] for row in found], [row.values[1:] for row in plain]
                )
                self.assertEqual(any(row.computed for row in found), nulls)
                raw = held.value(LOAD, "buffer")
                sent = {value.tag for row in raw for value in row.value}
                self.assertEqual(len(sent & DELTAS) > 1, deltas)

    def test_a_selection_begins_with_a_whole_row(self) -> None:
        held = small(nulls=True)
        found = rows(held, access=EntryDescriptor(20, 30).access)
        self.assertEqual(times(found), times(rows(held))[19:30])

    def test_compact(self) -> None:
        held = small(compact=True)
        self.assertIs(held.read(LOAD, "buffer").tag, Tag.COMPACT_ARRAY)
        self.assertEqual(rows(held), rows(small()))
        nothing = held.read(LOAD, "buffer", by_range(1, 2))
        self.assertEqual(nothing, literal.array())

    def test_newest_first(self) -> None:
        held = small(newest_first=True)
        self.assertEqual(values(rows(held)), values(rows(small()))[::-1])
        self.assertEqual(held.value(LOAD, "sort_method"), 2)

    def test_ring_order(self) -> None:
        held = small(ring_order=True)
        found, plain = times(rows(held)), times(rows(small()))
        self.assertEqual(sorted(found), plain)
        self.assertEqual(sum(after < before for before, after in pairwise(found)), 1)
        held.t += PERIOD
        moved = times(rows(held))
        self.assertEqual(sum(one != other for one, other in zip(found, moved, strict=True)), 1)

    def test_off(self) -> None:
        held = small(off_every=7 * PERIOD, off_for=2 * PERIOD)
        found = rows(held)
        self.assertEqual(len(found), 40)
        self.assertTrue(all(at % (7 * PERIOD) >= 2 * PERIOD for at in times(found)))
        gaps = [after - before > PERIOD for before, after in pairwise(times(found))]
        returned = [row.values[1] == literal.unsigned(0x80) for row in found]
        self.assertEqual(returned[1:], gaps)

    def test_entries_in_use_may_lie(self) -> None:
        self.assertEqual(small(in_use=0).value(LOAD, "entries_in_use"), 0)

    def test_daylight_saving(self) -> None:
        for deviation in ("standard", "opposite", "none"):
            held = small(FALL, ClockOptions("Europe/Berlin", deviation=deviation))  # type: ignore[arg-type]
            found = rows(
                held,
                timezone=BERLIN if deviation == "none" else None,
                negate_deviation=deviation == "opposite",
            )
            self.assertEqual(times(found), times(rows(small(FALL))))
            summer = [
                bool(row.status and ClockStatus.DAYLIGHT_SAVING in row.status) for row in found
            ]
            end = FALL - 3 * 3600
            self.assertEqual(summer, [at < end for at in times(found)])
            self.assertEqual(summer, [bool(row.values[1].value & 8) for row in found])

    def test_status_unspecified(self) -> None:
        held = small(clock=ClockOptions(status=None))
        self.assertEqual({row.status for row in rows(held)}, {None})


class WritingTests(SynchronousTestCase):
    def test_reset(self) -> None:
        held = small()
        self.assertIs(held.invoke(LOAD, "reset"), ActionResult.SUCCESS)
        self.assertEqual(rows(held), [])
        self.assertEqual(held.value(LOAD, "entries_in_use"), 0)
        held.t += 2 * PERIOD
        self.assertEqual(times(rows(held)), [NOON + PERIOD, NOON + 2 * PERIOD])

    def test_capture(self) -> None:
        held = small(NOON + 100)
        held.invoke(LOAD, "capture", literal.integer(0))
        held.t = NOON + PERIOD
        self.assertEqual(times(rows(held))[-3:], [NOON, NOON + 100, NOON + PERIOD])
        self.assertEqual(len(rows(held)), 40)

    def test_another_period(self) -> None:
        held = small()
        self.assertIs(
            held.write(LOAD, "capture_period", literal.double_long_unsigned(300)),
            DataAccessResult.SUCCESS,
        )
        held.t += 900
        self.assertEqual(times(rows(held)), [NOON + 300, NOON + 600, NOON + 900])
        self.assertIs(
            held.write(LOAD, "capture_period", literal.double_long_unsigned(1)),
            DataAccessResult.OTHER_REASON,
        )

    def test_other_columns(self) -> None:
        held = small()
        scaler = CaptureObject(held.attribute("1-0:1.8.0", "scaler_unit"), 2)
        wanted = (columns(held)[0], scaler)
        done = held.write(LOAD, "capture_objects", literal.array(*[each.data for each in wanted]))
        self.assertIs(done, DataAccessResult.SUCCESS)
        self.assertEqual(columns(held), wanted)
        held.t += PERIOD
        self.assertEqual(rows(held)[0].values[1], literal.enum(30))

    def test_columns_that_cannot_be(self) -> None:
        held = small()
        energy = CaptureObject(held.attribute("1-0:1.8.0"))
        cases = (
            (literal.array(), DataAccessResult.OTHER_REASON),
            (literal.array(*[energy.data] * 65), DataAccessResult.OTHER_REASON),
            (literal.array(literal.NULL), DataAccessResult.TYPE_UNMATCHED),
            (literal.NULL, DataAccessResult.TYPE_UNMATCHED),
            (
                literal.array(CaptureObject(energy.attribute, 1).data),
                DataAccessResult.OTHER_REASON,
            ),
            (
                literal.array(CaptureObject(held.attribute(LOAD, "buffer")).data),
                DataAccessResult.OTHER_REASON,
            ),
        )
        for value, result in cases:
            self.assertIs(held.write(LOAD, "capture_objects", value), result)
