"""What ThingsBoard is told of a meter: who it is, and how it is read.

Client attributes have all of it, as it is now; the server's have what was known when the device
was provisioned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from dlmsd.config.values import MeterOptions
from dlmsd.meter.identity import Identity
from dlmsd.model import MeterState, MeterStatus, Value

# Names under which meters' configurations read them, the most usual one first.
SERIAL: Final = ("serial_number", "serial", "meter_serial", "device_id", "0-0:96.1.0")
FIRMWARE: Final = ("firmware_version", "firmware", "1-0:0.2.0")
_DEVICE_NAME: Final = ("logical_device_name", "0-0:42.0.0")
# What some server may take for a number, and so lose a leading zero.
_NUMBER: Final = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|[\d.]+([eE][-+]?\d+)?)[dDfFlL]?")
# While a meter is being connected, it is what it was.
_BETWEEN: Final = (MeterState.CONNECTING, MeterState.ASSOCIATING)

Fact = str | float | bool


class Facts:
    """Of the meters of one sink. What is said again after ``restart`` is what is known."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Fact]] = {}
        self._asked: dict[str, str] = {}

    def configured(self, meters: Sequence[MeterOptions]) -> None:
        """What the configuration says of these, and of no others any more."""
        self._known = {one.name: {**self._known.get(one.name, {}), **_said(one)} for one in meters}

    def of(self, meter: str) -> Mapping[str, Fact]:
        """Everything that is known."""
        return self._known.get(meter, {})

    def learn(self, status: MeterStatus | Identity) -> bool:
        """Whether there is news in it."""
        known = self._known.get(status.name)
        if known is None:
            return False
        if isinstance(status, Identity):
            return self._meet(status, known)
        found: dict[str, Fact] = {
            "interval": status.interval,
            "status": "inactive" if status.state is MeterState.INACTIVE else "active",
        }
        if status.state not in _BETWEEN:
            found["online"] = status.state is MeterState.READING
        return self._keep(known, found | _told_all(status))

    def _meet(self, told: Identity, known: dict[str, Fact]) -> bool:
        """A serial number that is configured or measured is the better one."""
        better = known.get("serial") not in (None, self._asked.get(told.name))
        if better or not told.serial:
            return False
        serial = self._asked[told.name] = _safe(told.serial, "SN-")
        return self._keep(known, {"serial": serial})

    def report(self, meter: str, problem: str) -> bool:
        """What is wrong with its shared attributes; whether that is news."""
        known = self._known.get(meter)
        if known is None or (not problem and "attributes_error" not in known):
            return False
        return self._keep(known, {"attributes_error": problem})

    def _keep(self, known: dict[str, Fact], found: Mapping[str, Fact]) -> bool:
        before = dict(known)
        known.update(found)
        return known != before


def identity(
    meter: MeterOptions, status: MeterStatus | None = None, asked: Identity | None = None
) -> dict[str, str]:
    """Where a meter is, and who; of what it has told itself there is ``status``, and what it has
    told when it was ``asked``.
    """
    said = _said(meter)
    place = {"address": meter.address}
    if "model" in said:
        place["profile"] = said["model"]
    if asked is not None and asked.serial:
        place["serial"] = _safe(asked.serial, "SN-")
    return place | said | (_told_all(status) if status is not None else {})


def _said(meter: MeterOptions) -> dict[str, str]:
    found = {"model": _safe(meter.profile, "model ")} if meter.profile else {}
    if meter.serial_number:
        found["serial"] = _safe(meter.serial_number, "SN-")
    return found


def _told_all(status: MeterStatus) -> dict[str, str]:
    found = {}
    for key, letters, names in (
        ("serial", "SN-", SERIAL),
        ("firmware", "v", FIRMWARE),
        ("logical_device_name", "LDN-", _DEVICE_NAME),
    ):
        text = told(status, names)
        if text is not None:
            found[key] = _safe(text, letters)
    return found


def told(status: MeterStatus, names: Sequence[str]) -> str | None:
    """What the meter has told under the first of these names, None where it was not asked."""
    value: Value | None = next(
        (status.values[name] for name in names if name in status.values), None
    )
    if value is None:
        return None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _safe(text: str, letters: str) -> str:
    """With these letters before what would become a number there."""
    return letters + text if _NUMBER.fullmatch(text) or not text else text
