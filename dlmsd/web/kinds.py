"""Kinds of values in bodies, queries and paths: a rule that judges, and the schema that says so.

A value that a rule takes fits its schema, and the other way round as far as JSON Schema can
tell. The rules are the configuration's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote

from attrs import NOTHING, field, frozen
from cattrs import IterableValidationError, IterableValidationNote

from dlmsd.config import rules
from dlmsd.config.rules import Refusal, Rule

Schema = Mapping[str, Any]


@frozen
class Kind:
    """``rule`` takes what JSON gave and raises Refusal; ``schema`` is JSON Schema 2020-12.

    ``holds`` is the class of an object, or of a list's items.
    """

    rule: Rule
    schema: Schema
    holds: type | None = None

    def of_text(self, text: str) -> Any:
        """A value of path or query; raises Refusal."""
        kind = self.schema.get("type")
        value: object = text
        if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
            value = int(text)
        elif kind == "boolean" and text in ("true", "false"):
            value = text == "true"
        elif kind == "number":
            value = _decimal(text)
        return self.rule(value)


def said(kind: Kind, default: Any = NOTHING, *, says: str = "", example: object = NOTHING) -> Any:
    """A field of a body or query; one whose default is None may also be null."""
    return field(default=default, metadata={"kind": kind, "says": says, "example": example})


def whole(low: int, high: int) -> Kind:
    return Kind(rules.whole(low, high), {"type": "integer", "minimum": low, "maximum": high})


def number(low: Decimal | int, high: int) -> Kind:
    schema = {"type": "number", "minimum": float(low), "maximum": high}
    return Kind(rules.number(low=low, high=high), schema)


def choice(*choices: str) -> Kind:
    return Kind(rules.choice(*choices), {"type": "string", "enum": list(choices)})


def text(high: int) -> Kind:
    return Kind(rules.text(high), {"type": "string", "minLength": 1, "maxLength": high})


def list_of(item: Kind, most: int) -> Kind:
    """At most so many, each judged by itself."""

    def rule(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise Refusal(f"expected a list of at most {most}")
        found, wrong = [], []
        for index, one in enumerate(value):
            try:
                found.append(item.rule(one))
            except Refusal as error:
                # As cattrs tells of its own, so that the place is known.
                error.__notes__ = [IterableValidationNote(str(error), index, None)]
                wrong.append(error)
        if wrong:
            raise IterableValidationError("a list", wrong, list)
        return tuple(found)

    schema = {"type": "array", "items": item.schema, "maxItems": most}
    return Kind(rule, schema, item.holds)


def quoted(value: str) -> str:
    """As a value of a query."""
    return quote(value, safe="")


def _decimal(value: str) -> object:
    try:
        return Decimal(value)
    except InvalidOperation:
        return value


def _moment(value: object) -> int:
    """Unix ms, from those or from a time of ISO 8601, which without a zone is UTC."""
    expected = "expected Unix milliseconds, or a time such as 2026-11-27T12:00:00Z"
    if not isinstance(value, str):
        raise Refusal(expected)
    if re.fullmatch(r"[0-9]{1,15}", value, re.ASCII):
        return int(value)
    try:
        # A plus in a query is a space to whoever reads forms.
        moment = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, int(aware.timestamp() * 1000))
    except (ValueError, OverflowError):
        raise Refusal(expected) from None


def _address(value: object) -> str:
    try:
        return str(ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise Refusal("expected an IP address") from None


def _secret(value: object) -> str:
    # Only as it is: a file that is named here would be sent to whatever host is named here.
    if not isinstance(value, str) or not 0 < len(value) <= 1024 or not value.isprintable():
        raise Refusal("expected a secret of 1 to 1024 printable characters")
    return value


def document(high: int) -> Kind:
    """A text of many lines."""

    def rule(value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= high or not _whole(value):
            raise Refusal(f"expected a text of 1 to {high} characters")
        return value

    return Kind(rule, {"type": "string", "minLength": 1, "maxLength": high})


def _whole(value: str) -> bool:
    """Without halves of characters, which JSON can say and nobody can write."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _anything(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Refusal("expected an object")
    return value


FLAG: Final = Kind(rules.flag, {"type": "boolean"})
# What of ASCII is in no name: letters of every script are, and ``\w`` is only some of them to ECMA.
_NO_NAME: Final = r"\x00-\x1f\x21-\x27\x2a-\x2c\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f"
NAME: Final = Kind(
    rules.name,
    {
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "pattern": rf"^[^ {_NO_NAME}][^{_NO_NAME}]*$",
    },
)
HOST: Final = Kind(rules.host, {"type": "string", "minLength": 1, "maxLength": 253})
ADDRESS: Final = Kind(_address, {"type": "string", "minLength": 2, "maxLength": 45})
PORT: Final = whole(1, 65535)
SECRET: Final = Kind(
    _secret, {"type": "string", "minLength": 1, "maxLength": 1024, "writeOnly": True}
)
OBIS: Final = Kind(
    lambda value: str(rules.obis(value)),
    {"type": "string", "pattern": r"^[0-9]{1,3}[-.]", "maxLength": 32},
)
SECONDS: Final = number(Decimal("0.1"), rules.YEAR)
EVERY: Final = number(0, rules.YEAR)
STATUS: Final = choice("active", "inactive")
SEVERITY: Final = choice("info", "warning", "error", "critical")
MOMENT: Final = Kind(_moment, {"type": "string", "pattern": "^[0-9]"})
ID: Final = whole(1, 2**53)
OPTIONS: Final = Kind(_anything, {"type": "object"})

PATHS: Final[Mapping[str, Kind]] = {
    "id": ID,
    "meter_id": ID,
    "ip": ADDRESS,
    "bits": whole(0, 128),
    "name": text(64),
    "subnet": text(64),
}
"""What stands in braces in a path, by its name."""
