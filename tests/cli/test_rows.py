"""Rows of a profile as CSV, JSON and table: exact, and harmless to who opens them."""

from __future__ import annotations

import csv
import datetime
import io
import json
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.rows import CsvRows, JsonRows, OutputError, TableRows, Written
from dlmsd.cli.terminal import printable
from dlmsd.config.values import Measurement
from dlmsd.dlms.axdr.clock import ClockStatus
from dlmsd.meter.installation import BARE
from dlmsd.meter.layout import Layout, ProfileRow
from tests.meter.profiles import ENERGY, MIDNIGHT, OBIS, ProfileSession

BOGOTA = ZoneInfo("America/Bogota")
KEY = "=evil"


def layout() -> Layout:
    session: Any = ProfileSession([])
    wanted = Measurement(KEY, ENERGY.attribute, KEY)
    reading = Deferred.fromCoroutine(Layout.read(session, OBIS, [wanted], BARE))
    found: list[Layout] = []
    reading.addCallback(found.append)
    return found[0]


def row(value: Any = Decimal("-136.50"), **more: Any) -> ProfileRow:
    told: dict[str, Any] = {
        "time": MIDNIGHT,
        "status": ClockStatus.DAYLIGHT_SAVING | ClockStatus(0x10),
        "computed": False,
        "values": {KEY: value},
        "units": {KEY: "Wh"},
        "absent": {},
    }
    return ProfileRow(**{**told, **more})


class RowsCase(SynchronousTestCase):
    def written(self, kind: Any, *rows: ProfileRow, complete: bool = True, **more: Any) -> str:
        file = io.StringIO()
        written = Written(kind(file, BOGOTA, *more.values()), layout)
        for each in rows:
            written.take(each)
        written.end(complete=complete)
        self.faulty = written.faulty
        return file.getvalue()


class CsvTests(RowsCase):
    def test_rows(self) -> None:
        missing = row(values={}, absent={KEY: "=no"}, computed=True, status=None)
        self.assertEqual(
            self.written(CsvRows, row(), missing).splitlines(),
            [
                "time,status,'=evil (Wh),note",
                "2026-02-28T19:00:00-05:00,daylight-saving 0x10,-136.50,",
                "2026-02-28T19:00:00-05:00,,,time computed; =evil: =no",
            ],
        )
        self.assertEqual(self.faulty, 1)

    def test_heads_without_rows(self) -> None:
        self.assertEqual(self.written(CsvRows), "time,status,'=evil (Wh),note\n")

    @given(st.text())
    def test_no_text_is_a_formula(self, text: str) -> None:
        (_, found) = csv.reader(io.StringIO(self.written(CsvRows, row(text)), newline=""))
        self.assertIn(found[2], (printable(text), f"'{printable(text)}"))
        self.assertNotIn(found[2][:1], set("=+-@\t\r"))


class JsonTests(RowsCase):
    def json(self, *rows: ProfileRow, **more: Any) -> Any:
        text = self.written(JsonRows, *rows, about={"host": "h"}, **more)
        return json.loads(text, parse_float=Decimal)

    def test_rows(self) -> None:
        told = self.json(row(), row(time=None, absent={"time": "none"}))
        self.assertEqual((told["host"], told["units"]), ("h", {KEY: "Wh"}))
        self.assertIs(told["complete"], True)
        first, second = told["rows"]
        self.assertEqual(str(first["values"][KEY]), "-136.50")
        self.assertEqual(first["status"], ["daylight-saving", "0x10"])
        self.assertEqual((second["time"], second["absent"]), (None, {"time": "none"}))

    def test_none_and_not_all(self) -> None:
        self.assertEqual(self.json()["rows"], [])
        self.assertIs(self.json(row(), complete=False)["complete"], False)


class TableTests(RowsCase):
    def test_in_parts(self) -> None:
        lines = self.written(TableRows, *([row()] * 1_001)).splitlines()
        self.assertEqual(len([line for line in lines if "=evil (Wh)" in line]), 3)
        self.assertEqual(len([line for line in lines if "-136.50" in line]), 1_001)


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class FullTests(SynchronousTestCase):
    def test_it_is_an_error_of_the_operator(self) -> None:
        written = Written(CsvRows(FullDisk(), datetime.UTC), layout)
        error = self.assertRaises(OutputError, written.take, row())
        self.assertEqual(error.culprit, "operator")
        self.assertIn("No space left", str(error))

    def test_nothing_is_written_of_what_was_never_read(self) -> None:
        file = io.StringIO()
        Written(JsonRows(file, datetime.UTC, {}), lambda: None).end(complete=False)
        self.assertEqual(file.getvalue(), "")
