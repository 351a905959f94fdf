"""What the registry knows beside the file: meters added by API, and what an operator wants
otherwise."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from attrs import field, frozen

from dlmsd.sealing import Seal, SealError
from dlmsd.secret import Secret
from dlmsd.store.onlooker import NotYetError, opened

Status = Literal["active", "inactive"]

OWN: Final = """
    SELECT m.id, m.name, o.options, o.secrets, o.created_at, o.updated_at
    FROM own_meters o JOIN meters m ON m.id = o.meter ORDER BY m.id
"""
_MEASUREMENTS: Final = "SELECT * FROM measurements ORDER BY meter, measurement_name"
_OVERRIDES: Final = """
    SELECT m.name, status, interval, device_name, renamed_from
    FROM overrides JOIN meters m ON m.id = meter
"""


@frozen
class OwnMeasurement:
    """What is read of a meter that was added by API: adds to its options, or takes away.

    ``sampling_interval`` is in seconds, None for every cycle; ``tb_key`` is the name that is
    published. An ``obis_code`` may be left out where the name is well known.
    """

    measurement_name: str
    obis_code: str | None = None
    enabled: bool = True
    sampling_interval: float | None = None
    tb_key: str | None = None


@frozen
class OwnMeter:
    """A meter that was added by API.

    ``options`` is what ``[[meters]]`` would say of it, without its name and its ``secrets``;
    numbers with a point are Decimal, as in the file. ``id``, times (ms) and ``locked``, which
    says why the secrets cannot be had, come from the registry.
    """

    name: str
    options: Mapping[str, object]
    secrets: Mapping[str, Secret] = field(factory=dict)
    measurements: tuple[OwnMeasurement, ...] = ()
    id: int = 0
    created_at: int = 0
    updated_at: int = 0
    locked: str = ""


@frozen
class Override:
    """What an operator wants of a meter, None for as its configuration says (seconds).

    ``device_name`` is in the place of ``renamed_from``, and of no other name.
    """

    status: Status | None = None
    interval: float | None = None
    device_name: str | None = None
    renamed_from: str | None = None


def own_meters(database: sqlite3.Connection, seal: Seal) -> tuple[OwnMeter, ...]:
    """All of them, by id."""
    rows = database.execute(OWN).fetchall()
    read: dict[int, list[OwnMeasurement]] = {}
    for meter, name, obis, enabled, every, key in database.execute(_MEASUREMENTS):
        read.setdefault(meter, []).append(OwnMeasurement(name, obis, bool(enabled), every, key))
    return tuple(_kept(*row, seal=seal, measurements=tuple(read.get(row[0], ()))) for row in rows)


def _kept(
    meter: int,
    name: str,
    options: str,
    closed: bytes,
    created_at: int,
    updated_at: int,
    *,
    seal: Seal,
    measurements: tuple[OwnMeasurement, ...],
) -> OwnMeter:
    secrets: dict[str, Secret] = {}
    said: dict[str, object] = {}
    locked = ""
    try:
        said = json.loads(options, parse_float=Decimal)
        secrets = seal.open(name, closed)
    except SealError as error:
        locked = f"{error}. {error.advice}"
    except (ValueError, TypeError, AttributeError):
        locked = "what the registry holds of it is damaged; remove it, and add it again"
    return OwnMeter(name, said, secrets, measurements, meter, created_at, updated_at, locked)


def overrides(database: sqlite3.Connection) -> dict[str, Override]:
    """By meter, of the file or not."""
    return {name: override_of(*row) for name, *row in database.execute(_OVERRIDES)}


def override_of(status: Any, interval: object, *device: Any) -> Override:
    """Of a row's columns."""
    return Override(status, _seconds(interval), *device)


def _seconds(interval: object) -> float | None:
    """None also for what damage has made of it."""
    return float(interval) if isinstance(interval, int | float) and interval > 0 else None


def take_own(path: Path, key: Secret | None) -> tuple[tuple[OwnMeter, ...], dict[str, Override]]:
    """Both, of a registry that a daemon may have open; nothing where none has run yet. ``key``
    opens what is sealed.

    Raises StoreError.
    """
    try:
        with opened(path, "registry", "ro") as database:
            database.execute("BEGIN")  # one moment for both questions
            return own_meters(database, Seal(key)), overrides(database)
    except NotYetError:
        return (), {}
