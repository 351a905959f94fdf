"""Data as people write it: ``long-unsigned:5``, ``structure{enum:1, octet-string:0102}``.

=======================  ==========================================================
null, dont-care          nothing more
boolean                  true or false
bit-string               its bits: ``bit-string:0101``
octet-string             hex digits, ``"text"`` in quotes, or a time as below
visible-, utf8-string    the text, in quotes (as JSON) where it holds , } or "
bcd                      two hex digits
float32, float64         1.5
date-time, date, time    ``2026-11-26T12:00:00-05:00``, ``2026-11-26``, ``12:00:00``,
                         or hex digits where a field is not specified
structure, array         ``structure{long:1, long:2}``
all others               a whole number
data                     the octets of any Data, in hex digits
=======================  ==========================================================
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from typing import Any, Final

from dlmsd.dlms.axdr.clock import Date, DateTime, Time
from dlmsd.dlms.axdr.data import BitString, Data, Tag, decode, encode
from dlmsd.dlms.axdr.limits import MAX_DEPTH
from dlmsd.errors import DecodeError, LocalError

_EMPTY: Final = {"null": Tag.NULL_DATA, "null-data": Tag.NULL_DATA, "dont-care": Tag.DONT_CARE}
_NESTED: Final = (Tag.STRUCTURE, Tag.ARRAY)
_TAGS: Final = {tag.title: tag for tag in Tag if tag is not Tag.COMPACT_ARRAY}
_TYPE: Final = re.compile(r"([a-z][a-z0-9-]*):")
_BRACE: Final = re.compile(r"(structure|array|)\s*\{")
_BARE: Final = re.compile(r"[^,{}\"]*")
_SIZES: Final = {12: Tag.DATE_TIME, 5: Tag.DATE, 4: Tag.TIME}
_RAW: Final = "data"


def write(data: Data) -> str:
    """What :func:`parse` takes for ``data`` again, on one line of printable ASCII."""
    tag, value = data
    if tag in _NESTED and isinstance(value, tuple):
        return f"{tag.title}{{{', '.join(write(one) for one in value)}}}"
    if value is None:
        return "null" if tag is Tag.NULL_DATA else tag.title
    text = _scalar(tag, value)
    if text is None:
        return f"{_RAW}:{encode(data).hex()}"
    return f"{tag.title}:{text}"


def _scalar(tag: Tag, value: Any) -> str | None:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case BitString():
            bits = str(value)
            return bits if _bits(bits, None) == value else None
        case str():
            return json.dumps(value)
        case bytes():
            return None if tag is Tag.UTF8_STRING else value.hex()
        case DateTime() | Date() | Time():
            return _moment(value)
    return None


def _moment(value: DateTime | Date | Time) -> str:
    """In ISO 8601 where that says all of it, else in hex digits."""
    hexadecimal = value.encode().hex()
    try:
        text = _iso(value)
        if text is not None and _time(type(value), text) == value:
            return text
    except (ValueError, LocalError):
        pass
    return hexadecimal


def _iso(value: DateTime | Date | Time) -> str | None:
    match value:
        case DateTime():
            moment = value.to_datetime()
            return moment.isoformat() if moment else None
        case Date(year=int(year), month=int(month), day=int(day)):
            return datetime.date(year, month, day).isoformat()
        case Time(hour=int(hour), minute=int(minute), second=int(second)):
            return datetime.time(hour, minute, second, (value.hundredths or 0) * 10_000).isoformat()
    return None


def parse(text: str, like: Data | None = None) -> Data:
    """The Data that ``text`` says; its types may be left out where those of ``like`` will do.

    ValueError, with a sentence, for what is none.
    """
    reader = _Reader(text)
    data = reader.value(like, 1)
    reader.finish()
    try:
        encode(data)
    except LocalError as error:
        raise ValueError(f"{text}: {error}") from None
    return data


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def value(self, like: Data | None, depth: int) -> Data:
        """The next value; ``depth`` counts the braces around it, from 1."""
        self._spaces()
        brace = _BRACE.match(self._text, self._place)
        if brace is not None:
            self._place = brace.end()
            return self._elements(brace[1], like, depth)
        typed = _TYPE.match(self._text, self._place)
        if typed is not None and typed[1] in (*_TAGS, _RAW):
            self._place = typed.end()
            return _taken(typed[1], self._word(depth), None)
        word = self._word(depth)
        if word in _EMPTY:
            return Data(_EMPTY[word], None)
        if like is None or like.tag in (Tag.NULL_DATA, Tag.DONT_CARE, *_NESTED):
            raise ValueError(f"{word!r} needs its type, such as long-unsigned:5")
        return _taken(like.tag.title, word, like)

    def _elements(self, name: str, like: Data | None, depth: int) -> Data:
        if depth > MAX_DEPTH:
            raise ValueError(f"nesting deeper than {MAX_DEPTH}")
        fits = like is not None and like.tag in _NESTED and name in ("", like.tag.title)
        if not name and not fits:
            raise ValueError("braces need their type: structure{...} or array{...}")
        assert not fits or like is not None
        tag = like.tag if fits and like is not None else _TAGS[name]
        known: Any = like.value if fits and like is not None else ()
        elements: list[Data] = []
        while not self._next("}"):
            if elements and not self._next(","):
                raise ValueError(f"expected , or }} before {self._text[self._place :]!r}")
            if tag is Tag.ARRAY:
                one = known[0] if known else None
            else:
                one = known[len(elements)] if len(elements) < len(known) else None
            elements.append(self.value(one, depth + 1))
        return Data(tag, tuple(elements))

    def _word(self, depth: int) -> str:
        """The next word as it is written; outside of braces that is all there is."""
        self._spaces()
        start = self._place
        if self._text.startswith('"', start):
            try:
                _, self._place = json.JSONDecoder().raw_decode(self._text, start)
            except ValueError:
                raise ValueError(f"a text is not closed: {self._text[start:]}") from None
        elif depth == 1:
            self._place = len(self._text)
        else:
            bare = _BARE.match(self._text, start)
            assert bare is not None
            self._place = bare.end()
            if self._place == len(self._text):
                raise ValueError("a } is missing at the end")
        return self._text[start : self._place].strip()

    def finish(self) -> None:
        """ValueError if anything is left."""
        self._spaces()
        if self._place < len(self._text):
            raise ValueError(f"{self._text[self._place :]!r} is too much")

    def _next(self, char: str) -> bool:
        self._spaces()
        found = self._text.startswith(char, self._place)
        self._place += found
        if not found and self._place == len(self._text):
            raise ValueError("a } is missing at the end")
        return found

    def _spaces(self) -> None:
        while self._text[self._place : self._place + 1].isspace():
            self._place += 1


def _taken(name: str, word: str, like: Data | None) -> Data:
    """One value without elements."""
    if name == _RAW:
        return _raw(word)
    tag = _TAGS[name]
    try:
        return Data(tag, _READERS.get(tag, _whole)(word, like))
    except (ValueError, LocalError, DecodeError) as error:
        raise ValueError(f"{word!r} is no {name}: {error}") from None


def _raw(word: str) -> Data:
    octets = bytes.fromhex(word)
    try:
        data, end = decode(octets)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    if end != len(octets):
        raise ValueError(f"{len(octets) - end} octets behind the data")
    return data


def _whole(word: str, like: Data | None) -> int:
    return int(word, 0)


def _flag(word: str, like: Data | None) -> bool:
    if word not in ("true", "false"):
        raise ValueError("expected true or false")
    return word == "true"


def _bits(word: str, like: Data | None) -> BitString:
    if set(word) - {"0", "1"}:
        raise ValueError("expected 0s and 1s")
    size = (len(word) + 7) // 8
    return BitString(int(word.ljust(size * 8, "0") or "0", 2).to_bytes(size, "big"), len(word))


def _text(word: str, like: Data | None) -> str:
    return str(json.loads(word)) if word.startswith('"') else word


def _octets(word: str, like: Data | None) -> bytes:
    """Hex digits, a text in quotes, or a time, of the kind that ``like`` has the size of."""
    if word.startswith('"'):
        return str(json.loads(word)).encode("ascii")
    if set(word) <= set("0123456789abcdefABCDEF "):
        return bytes.fromhex(word)
    size = len(like.value) if like is not None and isinstance(like.value, bytes) else 12
    return _time(_MOMENTS[_SIZES.get(size, Tag.DATE_TIME)], word).encode()


def _moments(cls: Any) -> Callable[[str, Data | None], Any]:
    def read(word: str, like: Data | None) -> Any:
        return _time(cls, word)

    return read


def _time(cls: Any, word: str) -> DateTime | Date | Time:
    if re.fullmatch(r"[0-9A-Fa-f]+", word) and len(word) in (8, 10, 24):
        decoded: DateTime | Date | Time = cls.decode(bytes.fromhex(word))
        return decoded
    if cls is DateTime:
        return DateTime.from_datetime(datetime.datetime.fromisoformat(word))
    if cls is Date:
        date = datetime.date.fromisoformat(word)
        return Date(date.year, date.month, date.day, date.isoweekday())
    time = datetime.time.fromisoformat(word)
    return Time(time.hour, time.minute, time.second, time.microsecond // 10_000)


_MOMENTS: Final = {Tag.DATE_TIME: DateTime, Tag.DATE: Date, Tag.TIME: Time}
_READERS: Final[dict[Tag, Callable[[str, Data | None], Any]]] = {
    Tag.BOOLEAN: _flag,
    Tag.BIT_STRING: _bits,
    Tag.OCTET_STRING: _octets,
    Tag.VISIBLE_STRING: _text,
    Tag.UTF8_STRING: _text,
    Tag.BCD: lambda word, like: bytes.fromhex(word),
    Tag.FLOAT32: lambda word, like: float(word),
    Tag.FLOAT64: lambda word, like: float(word),
    **{tag: _moments(cls) for tag, cls in _MOMENTS.items()},
}
