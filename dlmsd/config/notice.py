"""``[[notices]]``: who hears of alarms, when and how; ``[watch]``: what all of them share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import time
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from attrs import field, frozen

from dlmsd.config import rules
from dlmsd.config.rules import Refusal, Rule
from dlmsd.config.secrets import SecretReader
from dlmsd.language import Code
from dlmsd.secret import Secret
from dlmsd.withheld import WithheldSecret

SEVERITIES: Final = ("info", "warning", "error", "critical")
Severity: TypeAlias = Literal["info", "warning", "error", "critical"]

CATEGORIES: Final = (
    *("circuit_breaker", "configuration", "connection", "hdlc", "host", "meter", "mqtt"),
    *("notice", "parse", "process", "security", "storage", "watchdog"),
)
"""What alarms are about."""

PLACES: Final = (
    *("actions", "alarm", "evidence", "id", "link", "message", "rule", "severity", "state"),
    *("subject", "text", "title", "ts"),
)
"""The names in braces that a body may have."""

BODIES: Final = ("application/json", "application/x-www-form-urlencoded", "text/plain")
PLACE: Final = re.compile(r"{([A-Za-z_]+)}")

_LONGEST: Final = 4096
_MOST: Final = 64
# RFC 5322, 3.2.3 (atext), without what only quoted strings may hold.
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9.-]{1,253})")
# RFC 9110, 5.6.2 (token).
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
# What the request itself says.
_OURS: Final = frozenset(
    ("host", "content-length", "content-type", "connection", "transfer-encoding", "idempotency-key")
)
_LOOPBACK: Final = frozenset(("localhost", "127.0.0.1", "::1"))


@frozen
class Hours:
    """From ``start`` to ``end`` each day, over midnight where that is earlier."""

    start: time
    end: time

    def hold(self, moment: time) -> bool:
        """Whether that is within them; ``end`` is not."""
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


@frozen
class NoticeOptions:
    """``[[notices]]``: one receiver. ``digest`` is in minutes, ``timeout`` in seconds.

    ``url`` to ``body`` belong to kind ``webhook``, ``host`` to ``recipients`` to ``mail``;
    without ``port`` it is the usual one for ``tls``.
    """

    name: str
    kind: Literal["mail", "webhook"]
    severity: Severity = "warning"
    categories: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()
    quiet: Hours | None = None
    digest: float = 0.0
    urgent: Severity | None = None
    daily: time | None = None
    timezone: ZoneInfo | None = None
    language: Code | None = None
    timeout: float = 20.0
    host: str | None = None
    port: int | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    ca_file: Path | None = None
    username: str | None = None
    password: Secret | None = None
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    url: str | None = None
    headers: Mapping[str, Secret] = field(factory=dict)
    content_type: str = BODIES[0]
    body: str | None = None


@frozen
class WatchOptions:
    """``[watch]``: ``notice_hosts`` are those that a webhook may be at, ``page`` is where
    notices say that the page is. Alarms that are over are kept for ``alarms_days``.
    """

    notice_hosts: tuple[str, ...] = ()
    page: str | None = None
    alarms_days: float = 90.0


def loopback(host: str) -> bool:
    """Whether that is this machine."""
    return host.lower() in _LOOPBACK


def severity(value: object) -> Any:
    """How bad an alarm is."""
    return rules.choice(*SEVERITIES)(value)


def moment(value: object) -> time:
    """A time of day, to the minute."""
    if isinstance(value, str) and re.fullmatch(r"(?:[01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    raise Refusal("expected a time of day such as 07:00")


def hours(value: object) -> Hours:
    """A part of the day."""
    start, _, end = value.partition("-") if isinstance(value, str) else ("", "", "")
    try:
        found = Hours(moment(start.strip()), moment(end.strip()))
    except Refusal:
        raise Refusal("expected a part of the day such as 22:00-06:00") from None
    if found.start == found.end:
        raise Refusal("begins when it ends: that is never, or always")
    return found


def listed(one: Rule, what: str) -> Callable[[object], tuple[Any, ...]]:
    """A list, each of whose entries is ``one``."""

    def rule(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > _MOST:
            raise Refusal(f"expected a list of at most {_MOST} {what}")
        return tuple(one(entry) for entry in value)

    return rule


def address(value: object) -> str:
    """An e-mail address, without a name."""
    found = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Refusal("expected an e-mail address such as operator@example.com")
    rules.host(found[1])
    return found[0]


def url(value: object) -> str:
    """Where a webhook is: https, or http on this machine."""
    expected = "expected https://HOST/PATH, or http on this machine's loopback address"
    text: str = rules.text(2048)(value)
    try:
        parts = urlsplit(text)
        good = parts.port != 0 and text.isascii() and " " not in text
    except ValueError:
        raise Refusal(expected) from None
    plain = parts.scheme == "http" and loopback(parts.hostname or "")
    if not good or not parts.hostname or not (parts.scheme == "https" or plain):
        raise Refusal(expected)
    if "@" in parts.netloc or parts.fragment:
        raise Refusal(f"{expected}, without user, password and fragment; headers have secrets")
    return text


def page(value: object) -> str:
    """Where the page is."""
    text: str = rules.text(1024)(value)
    if not re.fullmatch(r"https?://[!-~]+", text) or "#" in text:
        raise Refusal("expected http://HOST:PORT or https://HOST, as in a browser")
    return text.rstrip("/")


def template(value: object) -> str:
    """A body with names in braces."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise Refusal(f"expected text of 1 to {_LONGEST} characters")
    if set(PLACE.findall(value)) - set(PLACES):
        raise Refusal(f"has another name in braces than {', '.join(PLACES)}")
    return value


def headers(secrets: SecretReader) -> Rule:
    """Names and values of HTTP fields; each value is a secret."""

    def rule(value: object) -> Mapping[str, Secret]:
        if not isinstance(value, dict) or len(value) > _MOST:
            raise Refusal("expected a table of names and values")
        for name in value:
            if not _HEADER.fullmatch(name) or name.lower() in _OURS:
                raise Refusal("expected names of header fields that the request does not set")
        found = {name: secrets.read(one) for name, one in value.items()}
        seen = [one for one in found.values() if not isinstance(one, WithheldSecret)]
        for secret in seen:
            if not all(32 <= octet < 127 for octet in secret.reveal()):
                raise Refusal("expected values of printable ASCII characters")
        return found

    return rule


def watch_rules() -> Mapping[str, Rule]:
    """Of ``[watch]``."""
    return {
        "notice_hosts": listed(rules.host, "hosts"),
        "page": page,
        "alarms_days": rules.number(low=1, high=3660),
    }


def notice_rules(secrets: SecretReader, existing: Rule) -> Mapping[str, Rule]:
    """Of ``[[notices]]``."""
    return {
        "name": rules.name,
        "kind": rules.choice("mail", "webhook"),
        "severity": severity,
        "categories": listed(rules.choice(*CATEGORIES), "categories"),
        "meters": listed(rules.text(64), "names or patterns of meters"),
        "quiet": hours,
        "digest": rules.number(high=24 * 60),
        "urgent": severity,
        "daily": moment,
        "timezone": rules.timezone,
        "language": rules.choice("en", "es"),
        "timeout": rules.number(low=1, high=120),
        "host": rules.host,
        "port": rules.whole(1, 65535),
        "tls": rules.choice("starttls", "implicit", "none"),
        "ca_file": existing,
        "username": rules.text(256),
        "password": secrets.read,
        "sender": address,
        "recipients": listed(address, "addresses"),
        "url": url,
        "headers": headers(secrets),
        "content_type": rules.choice(*BODIES),
        "body": template,
    }
