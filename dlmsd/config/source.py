"""One configuration file: its text, what it says, and where it says it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Final

from attrs import field, frozen

from dlmsd.config.lines import KeyPath, Lines, dotted
from dlmsd.errors import ConfigurationError, Problem

_PLACE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_PLAIN: Final = (
    ("Invalid value", "a value is missing or not understood here; text needs quotes"),
    ("Cannot overwrite a value", "this key is already set above"),
    ("Cannot declare", "this table is already written above"),
    ("Unterminated string", "a text is not closed"),
    ("Unclosed array", "an array is not closed"),
    ("Illegal character", "a text is not closed on its line, or holds a control character"),
    ("Invalid statement", "expected a key, a [table] or a comment"),
)


@frozen(eq=False)
class Source:
    """One file of the configuration, read and parsed.

    ``file`` is the name that problems show. Numbers with a point are Decimal, so that
    factors stay exact.
    """

    file: str
    text: str = field(repr=False)
    table: Mapping[str, object] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Source:
        """Raises ConfigurationError for a file that cannot be read or is no TOML."""
        file = str(path)
        try:
            raw = path.read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise _error(file, 0, f"cannot be read: {reason}") from error
        try:
            text = raw.decode("utf-8-sig")  # editors on Windows write the mark
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            # Without "from": the exception would carry the file's bytes, secrets too.
            raise _error(file, line, "is not UTF-8 here; save the file as UTF-8") from None
        try:
            table = tomllib.loads(text, parse_float=_decimal)
        except RecursionError:
            raise _error(file, 0, "arrays or tables are nested too deeply") from None
        except ValueError as error:
            raise _error(file, *_plain(str(error), text)) from None
        return cls(file, text, table)

    @cached_property
    def lines(self) -> Lines:
        """Found only when the first problem asks: a good file needs no lines."""
        return Lines(self.text)


@frozen(eq=False)
class Place:
    """A key of a file."""

    source: Source
    path: KeyPath = ()

    def at(self, *parts: str | int) -> Place:
        """The place below this one."""
        return Place(self.source, (*self.path, *parts))

    @property
    def line(self) -> int:
        """The line of the key, or of the nearest table around it."""
        return self.source.lines.of(self.path)

    def problem(self, message: str) -> Problem:
        """What is wrong here."""
        return Problem(self.source.file, self.line, dotted(self.path), message)

    def seen_from(self, other: Place) -> str:
        """``line 3``, or with the file's name if that is another one."""
        if self.source is other.source:
            return f"line {self.line}"
        return f"{self.source.file}:{self.line}"


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond all measure; no rule accepts NaN
        return Decimal("nan")


def _error(file: str, line: int, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(file, line, "", message),))


def _plain(error: str, text: str) -> tuple[int, str]:
    """Line and plain words for what tomllib said."""
    place = _PLACE.search(error)
    said = error[: place.start()] if place else error
    message = next(
        (plain for start, plain in _PLAIN if said.startswith(start)),
        said[:1].lower() + said[1:],
    )
    if place is None:
        return 0, f"is not valid TOML: {message}"
    if place[1] is None:
        return max(1, len(text.splitlines())), f"is not valid TOML: {message} (at the end)"
    return int(place[1]), f"is not valid TOML: {message} (column {place[2]})"
