"""Receivers of notices, and what can be wrong with one of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from dlmsd.config.notice import NoticeOptions, loopback
from dlmsd.config.source import Place
from dlmsd.config.structure import Structure
from dlmsd.errors import Problem

_MAIL: Final = ("host", "port", "tls", "username", "password", "sender", "recipients")
_WEBHOOK: Final = ("url", "headers", "content_type", "body")
_NEEDED: Final = {"mail": ("host", "sender", "recipients"), "webhook": ("url",)}
_STAND_IN: Final = {"name": "unknown", "kind": "mail"}


@frozen(eq=False)
class Receiver:
    """A receiver with its place, and the keys that cannot be judged."""

    options: NoticeOptions
    place: Place
    bad: frozenset[str]


def take_receiver(
    place: Place,
    table: object,
    structure: Structure,
    hosts: Collection[str] | None,
    problems: list[Problem],
) -> Receiver | None:
    """The receiver that ``table`` describes; None if it is no table.

    ``hosts`` are those that a webhook may be at, None where that cannot be judged.
    """
    taken = structure.take(NoticeOptions, place, table, problems, stand_in=_STAND_IN)
    if taken.value is None:
        return None
    assert isinstance(table, dict)
    if "kind" not in taken.bad:
        for key, message in _misfits(taken.value, table, hosts):
            if key not in taken.bad:
                problems.append(place.at(key).problem(message))
    return Receiver(taken.value, place, taken.bad)


def _misfits(
    options: NoticeOptions, table: Mapping[str, object], hosts: Collection[str] | None
) -> list[tuple[str, str]]:
    """Keys that do not go together, with what to do about it."""
    other = _WEBHOOK if options.kind == "mail" else _MAIL
    kind = "webhook" if options.kind == "mail" else "mail"
    found = [(key, f'only for kind = "{kind}"') for key in other if key in table]
    found += [
        (key, f'is required for kind = "{options.kind}"')
        for key in _NEEDED[options.kind]
        if not table.get(key)
    ]
    return found + (_mail(options, table) if options.kind == "mail" else _webhook(options, hosts))


def _mail(options: NoticeOptions, table: Mapping[str, object]) -> list[tuple[str, str]]:
    found = []
    if ("username" in table) != ("password" in table):
        known, missing = ("username", "password")[:: 1 if "username" in table else -1]
        found.append((missing, f"goes with {known}"))
    if options.tls == "none" and not loopback(options.host or ""):
        found.append(("tls", "others would read along; only on this machine's loopback address"))
    if options.tls == "none" and options.ca_file is not None:
        found.append(("ca_file", 'not with tls = "none"'))
    return found


def _webhook(options: NoticeOptions, hosts: Collection[str] | None) -> list[tuple[str, str]]:
    parts = urlsplit(options.url or "")
    found = []
    allowed = None if hosts is None else {one.lower() for one in hosts}
    if parts.hostname and allowed is not None and parts.hostname not in allowed:
        found.append(("url", "its host is not among watch.notice_hosts; add it there"))
    if options.ca_file is not None and parts.scheme == "http":
        found.append(("ca_file", "only with an https:// url"))
    return found
