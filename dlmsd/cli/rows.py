"""Rows of a load profile as CSV, JSON or a table, written as they come."""

from __future__ import annotations

import csv
import datetime
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TextIO

import msgspec

from dlmsd.cli.language import say
from dlmsd.cli.terminal import printable, show_table
from dlmsd.dlms.axdr.clock import ClockStatus
from dlmsd.errors import DlmsdError
from dlmsd.meter.layout import Layout, ProfileRow
from dlmsd.model import Value

_JSON: Final = msgspec.json.Encoder(decimal_format="number")
# A table is shown in parts, each as wide as its rows need.
_PAGE: Final = 500
# Spreadsheets take text that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@")
# The columns around those of the profile.
FIXED: Final = ("time", "status", "note")


class OutputError(DlmsdError):
    """What was read cannot be written; check the disk, and who reads from the pipe."""

    culprit = "operator"


class Rows(Protocol):
    """Where rows go. Each method may raise OSError."""

    def begin(self, layout: Layout) -> None:
        """Before the first row."""

    def row(self, row: ProfileRow) -> None:
        """A row."""

    def end(self, *, complete: bool) -> None:
        """No more rows come."""


class CsvRows:
    """``time, status, KEY (UNIT)..., note``; text that a spreadsheet might take for a
    formula begins with an apostrophe.
    """

    def __init__(self, file: TextIO, zone: datetime.tzinfo) -> None:
        self._file = file
        self._writer = csv.writer(file, lineterminator="\n")
        self._zone = zone
        self._keys: Sequence[str] = ()

    def begin(self, layout: Layout) -> None:
        self._keys = layout.keys
        self._write(_heads(layout))

    def row(self, row: ProfileRow) -> None:
        self._write(_cells(row, self._keys, self._zone))

    def end(self, *, complete: bool) -> None:
        self._file.flush()

    def _write(self, cells: Sequence[Value]) -> None:
        self._writer.writerow([_harmless(c) if isinstance(c, str) else c for c in cells])


class JsonRows:
    """One object: ``about``, ``units``, ``rows``, and whether they are ``complete``."""

    def __init__(self, file: TextIO, zone: datetime.tzinfo, about: dict[str, Any]) -> None:
        self._file = file
        self._zone = zone
        self._about = about
        self._open = False
        self._separator = "\n"

    def begin(self, layout: Layout) -> None:
        head = _JSON.encode({**self._about, "units": dict(layout.units)}).decode()
        self._file.write(head[:-1] + ',"rows":[')
        self._open = True

    def row(self, row: ProfileRow) -> None:
        told = {
            "time": _time(row, self._zone),
            "status": _words(row.status),
            "computed": row.computed,
            "values": dict(row.values),
            "absent": dict(row.absent),
        }
        self._file.write(self._separator + _JSON.encode(told).decode())
        self._separator = ",\n"

    def end(self, *, complete: bool) -> None:
        if self._open:
            self._file.write('\n],"complete":' + ("true" if complete else "false") + "}\n")
        self._file.flush()


class TableRows:
    """For people."""

    def __init__(self, file: TextIO, zone: datetime.tzinfo) -> None:
        self._file = file
        self._zone = zone
        self._heads: Sequence[str] = ()
        self._keys: Sequence[str] = ()
        self._page: list[list[str]] = []

    def begin(self, layout: Layout) -> None:
        said = {name: say(name) for name in FIXED}
        self._heads = [said.get(head, head) for head in _heads(layout)]
        self._keys = layout.keys

    def row(self, row: ProfileRow) -> None:
        self._page.append([str(cell) for cell in _cells(row, self._keys, self._zone)])
        if len(self._page) == _PAGE:
            self._show()

    def end(self, *, complete: bool) -> None:
        if self._page:
            self._show()

    def _show(self) -> None:
        show_table(self._heads, self._page, self._file)
        self._page = []


class Written:
    """Takes rows as a ProfileReading gives them; OutputError when they cannot be written."""

    def __init__(self, rows: Rows, layout: Callable[[], Layout | None]) -> None:
        self._rows = rows
        self._layout = layout
        self._begun = False
        self.faulty = 0

    def take(self, row: ProfileRow) -> None:
        """A row."""
        self._begin()
        self.faulty += bool(row.absent)
        _written(lambda: self._rows.row(row))

    def end(self, *, complete: bool) -> None:
        """No more rows come."""
        self._begin()
        _written(lambda: self._rows.end(complete=complete))

    def _begin(self) -> None:
        layout = self._layout()
        if layout is not None and not self._begun:
            self._begun = True
            _written(lambda: self._rows.begin(layout))


def _harmless(text: str) -> str:
    shown = printable(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _written(write: Callable[[], None]) -> None:
    try:
        write()
    except BrokenPipeError as error:
        # What is left in the buffer would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(str(error)) from error
    except OSError as error:
        raise OutputError(str(error)) from error


def _heads(layout: Layout) -> list[str]:
    units = layout.units
    named = [f"{key} ({units[key]})" if units.get(key) else key for key in layout.keys]
    return [*FIXED[:2], *named, *FIXED[2:]]


def _cells(row: ProfileRow, keys: Sequence[str], zone: datetime.tzinfo) -> list[Value]:
    values = [row.values.get(key, "") for key in keys]
    notes = [f"{key}: {reason}" for key, reason in row.absent.items()]
    if row.computed:
        notes.insert(0, "time computed")
    return [_time(row, zone) or "", " ".join(_words(row.status)), *values, "; ".join(notes)]


def _time(row: ProfileRow, zone: datetime.tzinfo) -> str | None:
    return row.time.astimezone(zone).isoformat() if row.time else None


def _words(status: ClockStatus | None) -> list[str]:
    """The bits of a clock status that are set, by name; reserved ones by their value."""
    if not status:
        return []
    known = [each for each in ClockStatus if each in status]
    rest = int(status) & ~sum(known)
    words = [str(each.name).lower().replace("_", "-") for each in known]
    return words + ([f"0x{rest:02x}"] if rest else [])
