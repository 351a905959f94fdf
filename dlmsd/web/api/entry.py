"""A meter beside the file as a flat table: what ``[[meters]]`` would say, and its measurements.

What no key of ``[[meters]]`` says has REST's name: ``tb_enabled``, ``tb_host``, ``tb_port`` and
``measurements``, names or objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from attrs import asdict, fields

from dlmsd.config.tables import SECRETS, MeterTable
from dlmsd.errors import Problem
from dlmsd.fleet.desk import UnfitMeterError
from dlmsd.fleet.platform import KEY, Platform
from dlmsd.store.own import Override, OwnMeasurement, OwnMeter
from dlmsd.web.api.bodies import MeasurementBody, NewMeter, body_of, selected
from dlmsd.web.problem import RefusedError
from dlmsd.web.shape import object_of, taken

Entry: TypeAlias = Mapping[str, object]

_PLATFORM: Final = {"tb_enabled": "bool", "tb_host": "str", "tb_port": "int"}
KEYS: Final[Mapping[str, str]] = {
    **{one.name: str(one.type) for one in fields(MeterTable) if one.name != "read"},
    **_PLATFORM,
    "measurements": "list",
}
"""All that an entry may say, and the type of each as Python writes it."""

_FIRST: Final = ("name", "host", "port", "profile", "status", "interval", "device_name")
_BODY: Final = object_of(NewMeter)


def entry_of(
    meter: OwnMeter, wanted: Override, profile_read: Sequence[str], *, secrets: bool
) -> dict[str, object]:
    """A meter as it is kept, with what an operator wants of it."""
    said = {key: value for key, value in meter.options.items() if key != KEY}
    said |= {"name": meter.name, "status": wanted.status or said.get("status", "active")}
    if wanted.interval is not None:
        said["interval"] = wanted.interval
    if wanted.device_name and wanted.renamed_from == said.get("device_name", meter.name):
        said["device_name"] = wanted.device_name
    platform = asdict(Platform.of(meter))
    for key, value in platform.items():
        if value not in (None, True):
            said[f"tb_{key}"] = value
    if meter.measurements:
        said["measurements"] = _measurements(meter.measurements, profile_read)
    if secrets:
        said |= {key: one.reveal().decode() for key, one in meter.secrets.items()}
    return {key: _as_read(said[key]) for key in sorted(said, key=_rank)}


def body(entry: Entry) -> dict[str, object]:
    """What REST takes of it."""
    said = dict(entry)
    listed = said.get("measurements")
    if isinstance(listed, list) and any(isinstance(one, dict) for one in listed):
        said["rows"] = said.pop("measurements")
    return body_of(said)


def meter_of(entry: Entry, profiles: Mapping[str, Any], before: OwnMeter | None) -> OwnMeter:
    """The meter that the daemon would make of it; secrets that are left out stay, and
    where a token goes.

    Raises UnfitMeterError, with keys that are a body's.
    """
    try:
        found: NewMeter = taken(_BODY, body(entry), "")
        profile = profiles.get(found.profile_name)
        read = tuple(profile.read) if profile else ()
        return found.made(read, before)
    except RefusedError as error:
        wrong = [
            Problem("", 0, one.field.replace("rows[", "measurements["), one.message)
            for one in error.refusal.fields
        ]
        raise UnfitMeterError(tuple(wrong)) from None


def _as_read(value: object) -> object:
    """As a document gives it."""
    return Decimal(str(value)) if isinstance(value, float) else value


def _rank(key: str) -> tuple[int, int, str]:
    first = _FIRST.index(key) if key in _FIRST else len(_FIRST)
    return key in SECRETS, first, key


def _measurements(rows: Sequence[OwnMeasurement], profile_read: Sequence[str]) -> list[Any]:
    """Names where those say it all, else objects."""
    names = sorted(one.measurement_name for one in rows if one.enabled)
    if set(selected(tuple(names), tuple(profile_read))) == set(rows):
        return list(names)
    return [_row(one) for one in sorted(rows, key=lambda one: one.measurement_name)]


def _row(one: OwnMeasurement) -> dict[str, object]:
    told = asdict(one)
    return {
        each.name: _as_read(told[each.name])
        for each in fields(MeasurementBody)
        if told[each.name] != each.default
    }
