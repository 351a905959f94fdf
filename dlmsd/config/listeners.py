"""Listeners for pushes, and whether each pushing meter can be told from the others."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Final

from attrs import frozen

from dlmsd.config.meters import Meter
from dlmsd.config.rules import suggestion
from dlmsd.config.source import Place
from dlmsd.config.structure import Structure
from dlmsd.config.values import PushOptions
from dlmsd.errors import Problem

_STAND_IN: Final = {"name": "unknown"}
_WAYS: Final = ("listen", "connect", "device")
_OWN: Final = ("push", "expect_every", "push_lists", "push_units")
_TELLING: Final = ("push", "host", "serial_number", "meter_system_title")


@frozen(eq=False)
class Listener:
    """A ``[[push]]`` with its place, and the keys that cannot be judged."""

    options: PushOptions
    place: Place
    bad: frozenset[str]


def take_listener(
    place: Place, table: object, structure: Structure, problems: list[Problem]
) -> Listener | None:
    """The listener that ``table`` describes; None if it is no table."""
    taken = structure.take(PushOptions, place, table, problems, stand_in=_STAND_IN)
    if taken.value is None:
        return None
    options = taken.value
    ways = [key for key in _WAYS if getattr(options, key) is not None]
    if len(ways) != 1 and not taken.bad & set(_WAYS):
        message = "give listen (others connect to us), connect or device, one of them"
        problems.append(place.at(ways[-1] if ways else "listen").problem(message))
    assert isinstance(table, dict)
    for key in ("baudrate", "parity"):
        if key in table and key not in taken.bad and options.device is None:
            problems.append(place.at(key).problem("only with device: no other changes it"))
    return Listener(options, place, taken.bad)


def check_pushing(
    listeners: Sequence[Listener], meters: Sequence[Meter], problems: list[Problem]
) -> None:
    """Everything that concerns listeners and the meters that push to them."""
    _different(listeners, problems)
    named = {one.options.name: one.options for one in listeners}
    first: dict[Hashable, Meter] = {}
    for meter in meters:
        if "transport" in meter.bad:
            continue
        if meter.options.transport != "push":
            problems += _useless(meter)
            continue
        problems += _alone(meter, named)
        told = _told(meter, any(one.by_address for one in named.values()))
        other = first.setdefault(told, meter)
        if other is not meter and not meter.bad & {*_TELLING, "client"}:
            message = f"nothing tells its pushes from those of meter {other.options.name}"
            problems.append(meter.place.at("serial_number").problem(message))


def _different(listeners: Sequence[Listener], problems: list[Problem]) -> None:
    first: dict[Hashable, Listener] = {}
    for one in listeners:
        options = one.options
        for key in ("name", *_WAYS):
            value = getattr(options, key)
            if value is None or key in one.bad:
                continue
            other = first.setdefault((key, value), one)
            if other is not one:
                seen = other.place.at(key).seen_from(one.place.at(key))
                problems.append(one.place.at(key).problem(f"another [[push]] has this ({seen})"))


def _useless(meter: Meter) -> Iterator[Problem]:
    """Of a meter that is asked, what only pushes need; its profile may serve both."""
    for key in _OWN:
        if key in meter.own:
            yield meter.place.at(key).problem('only with transport = "push"')


def _alone(meter: Meter, listeners: Mapping[str, PushOptions]) -> Iterator[Problem]:
    options, place = meter.options, meter.place
    if not listeners:
        yield meter.says("transport").problem("needs a [[push]] that hears it")
    if options.push is not None and options.push not in listeners:
        near = suggestion(options.push, listeners)
        yield place.at("push").problem(f"no such [[push]]{near}")
    if options.host and "host" not in meter.bad and not _is_address(options.host):
        yield place.at("host").problem("expected the IP address that it sends from")
    if options.dedicated_key:
        yield meter.says("dedicated_key").problem("not for a meter that pushes: nobody draws it")
    by_address = any(one.by_address for one in listeners.values())
    if not meter.bad & set(_TELLING) and not by_address and not any(_told(meter, False)):
        keys = ", ".join(_TELLING)
        yield place.at("push").problem(f"is required, or another that tells who pushes: {keys}")


def _told(meter: Meter, by_address: bool) -> tuple[Hashable, ...]:
    """What tells a meter's pushes from others'; all empty if nothing does."""
    one = meter.options
    address = (one.client, one.logical_device, one.physical_device) if by_address else None
    return one.push, one.host, one.serial_number, one.meter_system_title, address


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
