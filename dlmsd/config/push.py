"""Rules for what pushing meters have: where they are heard, and what their lists hold."""

from __future__ import annotations

import re
from typing import Final

from dlmsd.config.listen import Listen
from dlmsd.config.rules import Refusal, host, obis, whole
from dlmsd.config.values import PushUnit
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.units import UNITS

_LISTEN: Final = "expected tcp:PORT or udp:PORT, with :interface=ADDRESS where one is meant"
_CONNECT: Final = "expected HOST:PORT of a serial server, an IPv6 address in brackets"
_LISTS: Final = 'expected lists of OBIS codes, "" for a value that is not wanted'
_UNITS: Final = 'expected { "1-0:31.7.0" = { scaler = -3, unit = "A" }, ... }'
_HOST_PORT: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+)):(\d{1,5})")
# A push list is a structure, whose count most meters send in one octet.
_LONGEST: Final = 255
# The unit that a symbol stands for; of several codes the first is the plain one.
_CODES: Final = {unit.symbol: code for code, unit in sorted(UNITS.items(), reverse=True)}


def listen_push(value: object) -> str:
    """The rule for ``push[].listen``."""
    if not isinstance(value, str) or not value.startswith(("tcp:", "udp:")):
        raise Refusal(_LISTEN)
    try:
        arguments = Listen.parse("tcp" + value[3:]).arguments
    except Refusal:
        raise Refusal(_LISTEN) from None
    if value.startswith("udp:") and "backlog" in arguments:
        raise Refusal(_LISTEN)
    return value


def connect(value: object) -> str:
    """The rule for ``push[].connect``."""
    found = _HOST_PORT.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < int(found[3]) < 65536:
        raise Refusal(_CONNECT)
    try:
        host(found[1] or found[2])
    except Refusal:
        raise Refusal(_CONNECT) from None
    assert isinstance(value, str)
    return value


def host_port(connect: str) -> tuple[str, int]:
    """What :func:`connect` accepts, in parts."""
    found = _HOST_PORT.fullmatch(connect)
    assert found is not None
    return found[1] or found[2], int(found[3])


def push_lists(value: object) -> tuple[tuple[Obis | None, ...], ...]:
    """The rule for ``push_lists``: told apart by their length, so no two have the same."""
    if not isinstance(value, list) or not all(isinstance(one, list) for one in value):
        raise Refusal(_LISTS)
    lists = tuple(tuple(obis(name) if name != "" else None for name in one) for one in value)
    lengths = [len(one) for one in lists]
    if not all(0 < length <= _LONGEST for length in lengths):
        raise Refusal(_LISTS)
    if len(set(lengths)) < len(lengths):
        raise Refusal("two lists have the same length, and nothing else tells them apart")
    return lists


def push_units(value: object) -> tuple[PushUnit, ...]:
    """The rule for ``push_units``."""
    if not isinstance(value, dict):
        raise Refusal(_UNITS)
    return tuple(_unit(name, told) for name, told in value.items())


def _unit(name: str, told: object) -> PushUnit:
    if not isinstance(told, dict) or not set(told) <= {"scaler", "unit"} or "unit" not in told:
        raise Refusal(_UNITS)
    code = _CODES.get(told["unit"]) if isinstance(told["unit"], str) else None
    if code is None:
        raise Refusal(f"{_UNITS}; the unit as a meter tells it, without prefix: W, Wh, A, V, var")
    scaler: int = whole(-128, 127)(told.get("scaler", 0))
    return PushUnit(obis(name), scaler, code)
