"""Where a key stands: the lines of a TOML document, which tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from typing import Final, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: names of keys and, in arrays, indices from 0."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SPACE: Final = re.compile(r"[ \t]*")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_ATOM: Final = re.compile(r"[^,\]}#\n]+")  # a date may hold a space
_STRING: Final = re.compile(
    # Up to two quotes may stand before the three that end a multi-line string.
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)


def dotted(path: KeyPath) -> str:
    """The path as an operator writes it: ``meters[2].host``, ``profiles."a b".port``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if _BARE.fullmatch(part) else '"' + part.replace('"', '\\"') + '"'
        text += f".{name}" if text else name
    return text


class Lines:
    """The line, from 1, of every key of a document that tomllib has accepted."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._last: dict[KeyPath, int] = {}  # of each array of tables: its newest index
        self._scan()

    def of(self, path: KeyPath) -> int:
        """The line of ``path`` or of the nearest table around it; 0 if there is none."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)

    def _scan(self) -> None:
        table: KeyPath = ()
        at = self._past(_BLANK, 0)
        while at < len(self._text):
            if self._text.startswith("[[", at):
                table, at = self._header(at, brackets=2)
            elif self._text[at] == "[":
                table, at = self._header(at, brackets=1)
            else:
                at = self._pair(table, at)
            at = self._past(_BLANK, at)

    def _header(self, at: int, brackets: int) -> tuple[KeyPath, int]:
        start = at
        parts, at = self._key(at + brackets)
        path: KeyPath = ()
        for part in parts[:-1]:
            path = self._mark((*path, part), start)
            if path in self._last:
                path = (*path, self._last[path])
        path = self._mark((*path, parts[-1]), start)
        if brackets == 2:
            self._last[path] = self._last.get(path, -1) + 1
            path = self._mark((*path, self._last[path]), start)
        return path, at + brackets

    def _pair(self, table: KeyPath, at: int) -> int:
        start = at
        parts, at = self._key(at)
        path = table
        for part in parts:
            path = self._mark((*path, part), start)
        return self._value(path, self._past(_SPACE, at + 1))

    def _key(self, at: int) -> tuple[list[str], int]:
        parts: list[str] = []
        while True:
            start = self._past(_SPACE, at)
            quoted = self._text[start] in "\"'"
            at = self._past(_STRING if quoted else _BARE, start)
            part = self._text[start:at]
            parts.append(tomllib.loads(f"key = {part}")["key"] if quoted else part)
            at = self._past(_SPACE, at)
            if self._text[at] != ".":
                return parts, at
            at += 1

    def _value(self, path: KeyPath, at: int) -> int:
        opening = self._text[at]
        if opening not in "[{":
            return self._past(_STRING if opening in "\"'" else _ATOM, at)
        index = 0
        at = self._past(_BLANK, at + 1)
        while self._text[at] not in "]}":
            if opening == "{":
                at = self._pair(path, at)
            else:
                at = self._value(self._mark((*path, index), at), at)
                index += 1
            at = self._past(_BLANK, at)
            if self._text[at] == ",":
                at = self._past(_BLANK, at + 1)
        return at + 1

    def _mark(self, path: KeyPath, at: int) -> KeyPath:
        self._lines.setdefault(path, bisect_left(self._ends, at) + 1)
        return path

    def _past(self, pattern: re.Pattern[str], at: int) -> int:
        match = pattern.match(self._text, at)
        assert match is not None, "tomllib accepted what is no TOML"
        return match.end()
