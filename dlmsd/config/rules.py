"""Rules for single values: each takes what TOML gave and returns what dlmsd uses.

A rule that refuses says what it expects and never repeats what it was given: a token
at the wrong place must not end in a log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from decimal import Decimal
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.mode_e import MAX_ADDRESS
from dlmsd.dlms.quirks import QUIRKS, Quirk
from dlmsd.dlms.security.suite import SYSTEM_TITLE_SIZE

Rule: TypeAlias = Callable[[object], Any]

YEAR: Final = 366 * 86400
RESERVED: Final = ("status", "bridge")  # they are topics beside the meters' own

_NAME: Final = re.compile(r"[\w .()-]{1,64}")
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
# Labels of up to 63 letters, digits and inner hyphens (RFC 1123); what consists of digits
# alone would be an address.
_HOST: Final = re.compile(r"(?![\d.]+$)(?:(?!-)[\w-]{1,63}(?<!-)\.)*(?!-)[\w-]{1,63}(?<!-)\.?")
_DEVICE_ADDRESS: Final = re.compile(rf"[0-9A-Za-z ]{{0,{MAX_ADDRESS}}}")
_MAX_HOST: Final = 253


class Refusal(ValueError):
    """A value is not acceptable; the text says what is expected and holds no value."""


def whole(low: int, high: int) -> Rule:
    """A whole number; true and false are none."""

    def rule(value: object) -> int:
        if type(value) is not int or not low <= value <= high:
            raise Refusal(f"expected a whole number from {low} to {high}")
        return value

    return rule


def number(*, above: int | None = None, low: int | Decimal = 0, high: int) -> Rule:
    """A finite number, also a whole one: above ``above``, or else from ``low``."""
    start = f"from {low}" if above is None else f"above {above}"

    def rule(value: object) -> float:
        good = type(value) is int or (isinstance(value, Decimal) and value.is_finite())
        if good:
            assert isinstance(value, int | Decimal)
            good = (value >= low if above is None else value > above) and value <= high
        if not good:
            raise Refusal(f"expected a number {start} to {high}")
        assert isinstance(value, int | Decimal)
        return float(value)

    return rule


def factor(value: object) -> Decimal:
    """An exact number to multiply with."""
    if type(value) is int:
        value = Decimal(value)
    if isinstance(value, Decimal) and value.is_finite() and 9 >= value.adjusted() >= -9 and value:
        return value
    raise Refusal("expected a number other than 0, of size 1e-9 to 1e9")


def ratio(value: object) -> Decimal:
    """Primary by secondary side of a transformer."""
    with suppress(Refusal):
        found = factor(value)
        if found > 0:
            return found
    raise Refusal("expected a number above 0, of size 1e-9 to 1e9, such as 40 for 200/5")


def timezone(value: object) -> ZoneInfo:
    """A time zone by its IANA name."""
    # It becomes a path: what is no plain name raises ValueError, a folder OSError.
    if isinstance(value, str):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(value)
    raise Refusal("expected a time zone such as America/Bogota")


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Refusal("expected true or false")
    return value


def choice(*choices: str | int) -> Rule:
    """One of a few values."""
    names = [f'"{one}"' if isinstance(one, str) else str(one) for one in choices]
    expected = f"expected {', '.join(names[:-1])} or {names[-1]}"

    def rule(value: object) -> str | int:
        for one in choices:
            if type(value) is type(one) and value == one:
                return one
        raise Refusal(expected)

    return rule


def text(high: int) -> Rule:
    """Text on one line."""

    def rule(value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= high or not value.isprintable():
            raise Refusal(f"expected text of 1 to {high} printable characters")
        return value

    return rule


def name(value: object) -> str:
    """The name of a meter or sink; it becomes part of MQTT topics and addresses."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Refusal("expected 1 to 64 letters, digits, spaces and . _ - ( )")
    if value != value.strip() or not any(letter.isalnum() for letter in value):
        raise Refusal("a name holds a letter or digit, and no space at its ends")
    if value in RESERVED:
        raise Refusal(f'"{value}" is reserved; choose another name')
    return value


def host(value: object) -> str:
    """A host name or an IP address, without port."""
    if isinstance(value, str):
        if re.fullmatch(r"[^:]+:\d+", value):
            raise Refusal("expected a host without port; the port goes to its own key, port")
        with suppress(ValueError):
            return str(ip_address(value))
        if len(value) <= _MAX_HOST and _HOST.fullmatch(value):
            return value
    raise Refusal("expected a host name or IP address")


def obis(value: object) -> Obis:
    """An OBIS code, in every form that :meth:`Obis.parse` takes."""
    if isinstance(value, str):
        with suppress(ValueError):
            return Obis.parse(value)
    raise Refusal("expected an OBIS code such as 1-1:32.7.0")


def device(value: object) -> str:
    """The path of a serial port, which need not be there yet."""
    path: str = text(4096)(value)
    if not path.startswith("/"):
        raise Refusal("expected the path of a serial port, such as /dev/ttyUSB0")
    return path


def opening_address(value: object) -> str:
    """A device address of IEC 62056-21; "" is whoever is there."""
    if isinstance(value, str) and _DEVICE_ADDRESS.fullmatch(value):
        return value
    raise Refusal(f"expected at most {MAX_ADDRESS} letters, digits and spaces")


def octets(*sizes: int) -> Rule:
    """Bytes of one of these sizes, written as hex digits."""
    expected = f"expected {' or '.join(str(2 * size) for size in sizes)} hex digits"

    def rule(value: object) -> bytes:
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise Refusal(expected)
        if len(value) not in [2 * size for size in sizes]:
            raise Refusal(f"{expected}, not {len(value)}")
        return bytes.fromhex(value)

    return rule


def system_title(value: object) -> bytes:
    """The eight bytes that name one end of an association."""
    if isinstance(value, str) and value.isascii() and value.isprintable():
        if len(value) == SYSTEM_TITLE_SIZE:
            return value.encode()
        if len(value) == 2 * SYSTEM_TITLE_SIZE and _HEX.fullmatch(value):
            return bytes.fromhex(value)
    raise Refusal("expected a system title: 16 hex digits, or 8 ASCII characters")


def names(value: object) -> tuple[str, ...]:
    """A list of different names."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Refusal("expected a list of names")
    if len(set(value)) < len(value):
        raise Refusal("a name stands here twice")
    return tuple(value)


def networks(value: object) -> tuple[IPv4Network | IPv6Network, ...]:
    """A list of networks, as address and length of the prefix."""
    try:
        return tuple(ip_network(one) for one in names(value))
    except ValueError as error:
        if isinstance(error, Refusal):
            raise
        raise Refusal('expected networks such as "192.168.1.0/24"') from None


def quirks(value: object) -> frozenset[Quirk]:
    """A list of names of quirks."""
    said = names(value)
    for one in said:
        if one not in QUIRKS:
            raise Refusal(f"expected names of quirks; there are {', '.join(sorted(QUIRKS))}")
    return frozenset(QUIRKS[one] for one in said)


def topic(value: object) -> str:
    """An MQTT topic with places for what tells a meter from the others."""
    one: str = text(1024)(value)
    literal = re.sub("{(meter|serial|group|node)}", "", one)
    if set("{}+#") & set(literal) or not ("{meter}" in one or "{serial}" in one):
        raise Refusal(
            "expected a topic with {meter} or {serial} in it, also {group} and {node}, without "
            "+ and # and other braces"
        )
    return one


def device_topic(value: object) -> str:
    """A topic that fits a filter of one of ThingsBoard's device profiles.

    What begins with v1/gateway is for gateways: of a device ThingsBoard drops it unanswered.
    """
    one: str = text(255)(value)
    if set("{}+#") & set(one) or one.startswith("v1/gateway"):
        raise Refusal(
            "expected one topic of the device profile, without + and # and braces, and none of "
            "v1/gateway"
        )
    return one


def folder(value: object) -> Path:
    """A path that need not exist yet."""
    return Path(text(4096)(value))


def existing(beside: Path) -> Rule:
    """A file that exists; a relative path starts at ``beside``."""

    def rule(value: object) -> Path:
        path = beside / folder(value)
        if not path.is_file():
            raise Refusal("no such file; relative paths start at this configuration's folder")
        return path

    return rule


def suggestion(given: str, known: Collection[str]) -> str:
    """``; did you mean "..."?`` if something known is near, else nothing."""
    near = get_close_matches(given, known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
