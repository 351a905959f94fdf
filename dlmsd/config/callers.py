"""Meters that call in, all together: each call must be one meter's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from dlmsd.config.meters import Meter
from dlmsd.config.source import Place
from dlmsd.config.values import DialInOptions
from dlmsd.errors import Problem

_Known: TypeAlias = dict[bytes, dict[str, Meter]]


def check_callers(
    options: DialInOptions | None, meters: Sequence[Meter], problems: list[Problem], place: Place
) -> None:
    """Where meters call in there is a port, and no call can be two meters'.

    ``options`` are None where they could not be judged.
    """
    callers = [
        one
        for one in meters
        if one.options.transport == "dial-in"
        and not one.bad & {"transport", "host", "announces"}
        and (one.options.host or one.options.announces)
    ]
    if callers and options is not None and options.listen is None:
        who = callers[0].options.name
        problems.append(place.at("listen").problem(f"is required: meter {who} calls in"))
    known: _Known = {}
    for meter in callers:
        words, host = _key(meter)
        known.setdefault(words, {}).setdefault(host, meter)
    for meter in callers:
        other = next(_others(meter, known), None)
        if other is not None:
            message = f"who calls so is taken for meter {other.options.name}"
            problems.append(meter.says("announces", "host").problem(message))


def _others(meter: Meter, known: _Known) -> Iterator[Meter]:
    """Whom a call of ``meter`` could come from too, seen from what he may have said."""
    words, host = _key(meter)
    for size in range(len(words) + 1):
        hosts = known.get(words[:size], {})
        for other in hosts if not host else {"", host} & hosts.keys():
            if _key(hosts[other]) != (words, host):
                yield hosts[other]


def _key(meter: Meter) -> tuple[bytes, str]:
    return meter.options.announces or b"", meter.options.host
