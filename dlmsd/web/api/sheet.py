"""Entries of meters as CSV or JSON, and where in the text each of them stands."""

from __future__ import annotations

import csv
import io
import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, TypeAlias

import msgspec
from attrs import field, frozen

from dlmsd.web.api.entry import KEYS, Entry

Form: TypeAlias = Literal["csv", "json"]
Spot: TypeAlias = tuple[int, int]
"""Line and column from 1; the column of CSV is a cell's number, that of JSON a character's."""

_LISTS: Final = ("sinks", "measurements")
_SEPARATORS: Final = (",", ";", "\t")
# More digits fit nowhere, and Python refuses to read thousands.
_MOST_DIGITS: Final = 40
_INTEGER: Final = re.compile(rf"-?[0-9]{{1,{_MOST_DIGITS}}}", re.ASCII)
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode
_BLANK: Final = " \t\r\n"


@frozen
class Fault:
    """What is wrong, where, and with which key."""

    spot: Spot
    key: str
    message: str


@frozen
class Row:
    """An entry, where it begins, and where its keys stand."""

    entry: Entry = field(repr=False)
    spot: Spot
    spots: Mapping[str, Spot]

    def fault(self, key: str, message: str) -> Fault:
        """At the place of ``key``, or of the row if that is nowhere in it."""
        first = key.partition(".")[0].partition("[")[0]
        return Fault(self.spots.get(first, self.spot), key, message)


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _MOST_DIGITS else Decimal(digits)


def _decimal(number: str) -> Decimal:
    """What is beyond all bounds is so, and is refused where it stands."""
    try:
        return Decimal(number)
    except InvalidOperation:
        return Decimal("Infinity")


_DECODER: Final = json.JSONDecoder(parse_float=_decimal, parse_int=_whole)


def form_of(text: str) -> Form:
    """By the first character: nothing but JSON begins with a bracket."""
    return "json" if text.lstrip("\ufeff" + _BLANK)[:1] in ("[", "{") else "csv"


def write(entries: Sequence[Entry], form: Form) -> str:
    """A document of these."""
    if form == "json":
        lines = ",\n".join(_ENCODE(one).decode() for one in entries)
        return f"[\n{lines}\n]\n" if entries else "[]\n"
    columns = list(dict.fromkeys(("name", "host", *(key for one in entries for key in one))))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(one.get(key)) for key in columns] for one in entries)
    return out.getvalue()


def read(text: str) -> tuple[list[Row], list[Fault]]:
    """The rows of a document, and what keeps others from being some."""
    text = text.removeprefix("\ufeff")
    return _read_json(text) if form_of(text) == "json" else _read_csv(text)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return ";".join(value)
    return _ENCODE(value).decode()


def _read_csv(text: str) -> tuple[list[Row], list[Fault]]:
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(_SEPARATORS, key=head.count), strict=True)
    rows: list[Row] = []
    faults: list[Fault] = []
    columns: list[str] = []
    line = 1
    try:
        for cells in reader:
            if not columns:
                columns = [one.strip() for one in cells]
                faults += _columns(columns)
                if "name" not in columns:
                    break  # what stands here are no names, and may be secrets
            elif any(one.strip() for one in cells):
                if len(cells) > len(columns):
                    spot = line, len(columns) + 1
                    faults.append(Fault(spot, "", "more cells than the first line has columns"))
                rows.append(_row(columns, cells, line))
            line = reader.line_num + 1
    except csv.Error as error:
        faults.append(Fault((line, 1), "", f"no CSV: {error}"))
    return rows, faults


def _columns(columns: Sequence[str]) -> Iterable[Fault]:
    if "name" not in columns:
        yield Fault((1, 1), "", "the first line names the columns, and name is not among them")
        return
    times: Counter[str] = Counter()
    for number, name in enumerate(columns, 1):
        times[name] += 1
        if times[name] == 2:
            yield Fault((1, number), name, "stands here twice")


def _row(columns: Sequence[str], cells: Sequence[str], line: int) -> Row:
    entry = {
        key: _value(key, cell.strip())
        for key, cell in zip(columns, cells, strict=False)
        if cell.strip()
    }
    spots = {key: (line, number) for number, key in enumerate(columns, 1)}
    return Row(entry, (line, 1), spots)


def _value(key: str, cell: str) -> object:
    """What a cell means in its column; what does not fit there stays text, and is refused."""
    kind = KEYS.get(key, "")
    if cell[0] in "[{" and "str" not in kind and "Secret" not in kind:
        try:
            return _DECODER.decode(cell)
        except (ValueError, RecursionError):
            return cell
    if key in _LISTS:
        return [one.strip() for one in cell.split(";") if one.strip()]
    if "bool" in kind and cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    if "int" in kind and _INTEGER.fullmatch(cell):
        return int(cell)
    if "float" in kind or "Decimal" in kind:
        try:
            return Decimal(cell)
        except InvalidOperation:
            return cell
    return cell


def _read_json(text: str) -> tuple[list[Row], list[Fault]]:
    ends = [index for index, one in enumerate(text) if one == "\n"]

    def spot(index: int) -> Spot:
        line = bisect_right(ends, index - 1)
        return line + 1, index - (ends[line - 1] if line else -1)

    rows: list[Row] = []
    faults: list[Fault] = []
    try:
        at = _past(text, 0, "[")
        while text[at : at + 1] != "]":
            value, end = _DECODER.raw_decode(text, at)
            if isinstance(value, dict):
                spots = {key: spot(index) for key, index in _keys(text, at)}
                rows.append(Row(value, spot(at), spots))
            else:
                faults.append(Fault(spot(at), "", "expected an object, which is a meter"))
            at = _blank(text, end)
            if text[at : at + 1] != "]":
                at = _past(text, at, ",")
        if text[at + 1 :].strip():
            faults.append(Fault(spot(at + 1), "", "the list of meters ends before this"))
    except json.JSONDecodeError as error:
        faults.append(Fault((error.lineno, error.colno), "", f"no JSON: {error.msg}"))
    except RecursionError:
        faults.append(Fault((1, 1), "", "is nested too deeply"))
    return rows, faults


def _keys(text: str, at: int) -> Iterable[tuple[str, int]]:
    """The keys of the object that begins there, which is known to be a good one."""
    at = _blank(text, at + 1)
    while text[at] == '"':
        key, end = _DECODER.raw_decode(text, at)
        yield key, at
        at = _past(text, _blank(text, end), ":")
        _, end = _DECODER.raw_decode(text, at)
        at = _blank(text, end)
        if text[at] == ",":
            at = _blank(text, at + 1)


def _past(text: str, at: int, sign: str) -> int:
    """Where something begins again behind ``sign``, which must stand there."""
    at = _blank(text, at)
    if text[at : at + 1] != sign:
        raise json.JSONDecodeError(f"{sign} expected", text, at)
    return _blank(text, at + 1)


def _blank(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _BLANK:
        at += 1
    return at


def decoded(octets: bytes) -> str:
    """The text of a file: UTF-8, or what a spreadsheet of the West writes. Raises nothing."""
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")
