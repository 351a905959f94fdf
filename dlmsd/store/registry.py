"""The registry: ids of meters, meters added by API, and what an operator wants otherwise.

Every change is on disk, with its row of the audit trail, when its Deferred fires.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from attrs import astuple, evolve
from twisted.logger import Logger

from dlmsd.errors import DlmsdError, StoreError
from dlmsd.sealing import Seal
from dlmsd.secret import Secret
from dlmsd.store.alarms import Alarms
from dlmsd.store.audit import Audit, note
from dlmsd.store.diagnostics import Diagnostics
from dlmsd.store.disconnects import Disconnects
from dlmsd.store.file import StoreFile
from dlmsd.store.health import HealthChecks
from dlmsd.store.metrics import Metrics
from dlmsd.store.notices import Notices
from dlmsd.store.own import OWN, Override, OwnMeter, override_of, overrides, own_meters
from dlmsd.store.registry_rescue import rescue_registry
from dlmsd.store.retention import DAY, Limit, sweep
from dlmsd.store.serials import Serials
from dlmsd.store.writer import Writer

# A meter that is no longer configured keeps its id, and with it its history, for as long as
# the daily metrics are kept; and no more of them than a script can leave behind by mistake.
_IDS: Final = Limit("meters", "seen_at", 1827 * DAY, 20_000)

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode

_PUT: Final = """
    INSERT INTO own_meters (meter, options, secrets, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (meter) DO UPDATE
    SET options = excluded.options, secrets = excluded.secrets, updated_at = excluded.updated_at
"""
# Not an upsert: one that updates would still use up an id.
_NEW: Final = """
    INSERT INTO meters (name, created_at, seen_at) SELECT ?1, ?2, ?2
    WHERE NOT EXISTS (SELECT * FROM meters WHERE name = ?1)
"""
_SEEN: Final = "UPDATE meters SET seen_at = max(seen_at, ?2) WHERE name = ?1"
_OVERRIDE: Final = """
    INSERT INTO overrides (meter, status, interval, device_name, renamed_from, updated_at)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (meter) DO UPDATE SET status = excluded.status, interval = excluded.interval,
    device_name = excluded.device_name, renamed_from = excluded.renamed_from,
    updated_at = excluded.updated_at
"""


_OVERRIDE_OF: Final = """
    SELECT status, interval, device_name, renamed_from
    FROM overrides JOIN meters m ON m.id = meter WHERE m.name = ?
"""


class NoSuchMeterError(DlmsdError):
    """No meter of this name was added by API; one of the file is changed in the file."""

    culprit = "operator"


class NameTakenError(DlmsdError):
    """A meter of this name was added already; change that one, or choose another name."""

    culprit = "operator"


class Registry:
    """Use it in the reactor's thread. ``wall`` gives Unix seconds; ``key`` seals secrets.

    ``ids`` are those of configured meters, ``born`` when each was first seen (Unix ms).
    ``metrics``, ``alarms``, ``notices``, ``diagnostics``, ``disconnects``, ``health``,
    ``serials`` and ``audit`` are in the same file.
    All methods raise StoreError when it cannot be used.
    """

    log = Logger()

    def __init__(
        self,
        path: Path,
        *,
        writer: Writer,
        wall: Callable[[], float],
        draw: Callable[[int], bytes],
        key: Secret | None = None,
    ) -> None:
        self._seal = Seal(key, draw)
        self._now = now = lambda: int(wall() * 1000)
        self._file = file = StoreFile(path, "registry", writer, now, rescue_registry)
        self.ids: Mapping[str, int] = {}
        self.born: Mapping[str, int] = {}
        self.metrics = Metrics(file)
        self.notices = Notices(file, now)
        self.alarms = Alarms(file, now, self.notices.note)
        self.diagnostics = Diagnostics(file, now)
        self.disconnects = Disconnects(file, now)
        self.health = HealthChecks(file, now)
        self.audit = Audit(file, now)
        self.serials = Serials(file)

    @property
    def damage(self) -> tuple[str, ...]:
        """What an operator must be told of a file that was damaged."""
        return tuple(self._file.alarms)

    async def start(self) -> None:
        """Open or create the file; secrets that lay open are sealed, if there is a key now."""
        await self._file.start()
        try:
            await self._seal_all()
        except StoreError as error:
            self.log.warn("{reason} {advice}", reason=str(error), advice=error.advice)

    async def _seal_all(self) -> None:
        kept = await self._file.read(lambda database: database.execute(OWN).fetchall())
        anew = [
            (self._seal.close(name, self._seal.open(name, secrets)), meter)
            for meter, name, _, secrets, *_ in kept
            if self._seal.wanted(secrets)
        ]
        if anew:
            update = "UPDATE own_meters SET secrets = ? WHERE meter = ?"
            await self._file.change(lambda database: database.executemany(update, anew))

    async def stop(self) -> None:
        """Write what was asked, and close; idempotent."""
        await self._file.stop()

    async def configured(self, names: Iterable[str]) -> Mapping[str, int]:
        """The ids of all meters that are configured now; those of new ones are made."""
        rows = [(name, self._now()) for name in names]

        def identify(database: sqlite3.Connection) -> dict[str, tuple[int, int]]:
            database.executemany(_SEEN, rows)
            database.executemany(_NEW, rows)
            found = database.execute("SELECT name, id, created_at FROM meters")
            known = {name: (number, created) for name, number, created in found}
            return {name: known[name] for name, _ in rows}

        known = await self._file.change(identify)
        self.ids = {name: number for name, (number, _) in known.items()}
        self.born = {name: created for name, (_, created) in known.items()}
        return self.ids

    async def sweep(self) -> None:
        """Remove what is older than it is kept, or more; once an hour is enough."""
        configured = list(self.ids)
        if configured:
            await self.configured(configured)
        now = self._now()

        def forget(database: sqlite3.Connection) -> None:
            sweep(database, _IDS, now, _UNUSED)
            for table in ("overrides", "serials"):
                database.execute(f"DELETE FROM {table} WHERE meter NOT IN (SELECT id FROM meters)")  # noqa: S608

        await self._file.change(forget)
        for part in (self.alarms, self.diagnostics, self.disconnects, self.health, self.audit):
            await part.sweep()
        await self.notices.sendings.sweep()

    # Meters added by API.

    async def meters(self) -> tuple[OwnMeter, ...]:
        """All of them, by id."""
        return await self._file.read(lambda database: own_meters(database, self._seal))

    async def add(self, meter: OwnMeter, who: str) -> int:
        """A new one; its id. NameTakenError where one of this name was added before."""
        return await self._put(meter, who, new=True)

    async def replace(self, meter: OwnMeter, who: str) -> int:
        """All of one that was added; its id. NoSuchMeterError."""
        return await self._put(meter, who, new=False)

    async def rename(self, old: str, meter: OwnMeter, who: str) -> int:
        """All of one that was ``old``, under its new name and its old id.

        NoSuchMeterError; NameTakenError where any meter ever had that name, since what it has
        given is kept under it.
        """

        def rename(database: sqlite3.Connection) -> int:
            number = _own(database, old)
            if database.execute(_IS_KNOWN, (meter.name,)).fetchone():
                raise NameTakenError(f"there is or was a meter {meter.name}")
            database.execute("UPDATE meters SET name = ? WHERE id = ?", (meter.name, number))
            note(database, self._now(), who, "meter renamed", old, meter.name)
            # The secrets are sealed under the name: with it or not at all.
            return self._write(database, meter, who, new=False)

        return await self._file.change(rename)

    async def remove(self, name: str, who: str) -> None:
        """No longer a meter; its history stays, who it was does not. NoSuchMeterError."""
        await self._file.change(lambda database: self._remove(database, name, who))

    async def exchange(
        self,
        meters: Sequence[OwnMeter],
        who: str,
        *,
        gone: Sequence[str] = (),
        overrides: Mapping[str, Override],
    ) -> None:
        """All at once: meters that are new, or in the place of what was added under their names;
        those that are ``gone``; and what is wanted of some from now on. NoSuchMeterError.
        """

        def exchange(database: sqlite3.Connection) -> None:
            for name in gone:
                self._remove(database, name, who)
            for meter in meters:
                new = database.execute(_IS_OWN, (meter.name,)).fetchone() is None
                self._write(database, meter, who, new=new)
            for name, wanted in overrides.items():
                _override(database, name, wanted, who, self._now())

        await self._file.change(exchange)

    def _remove(self, database: sqlite3.Connection, name: str, who: str) -> None:
        meter = _own(database, name)
        for table in ("own_meters", "measurements", "overrides", "serials"):
            database.execute(f"DELETE FROM {table} WHERE meter = ?", (meter,))  # noqa: S608
        note(database, self._now(), who, "meter removed", name)

    async def _put(self, meter: OwnMeter, who: str, *, new: bool) -> int:
        return await self._file.change(lambda database: self._write(database, meter, who, new=new))

    def _write(self, database: sqlite3.Connection, meter: OwnMeter, who: str, *, new: bool) -> int:
        now = self._now()
        number = _identify(database, meter.name, now) if new else _own(database, meter.name)
        if new and database.execute(_IS_OWN, (meter.name,)).fetchone():
            raise NameTakenError(f"there is a meter {meter.name}")
        options = _encode(dict(meter.options)).decode()
        secrets = self._seal.close(meter.name, meter.secrets)
        database.execute(_PUT, (number, options, secrets, now))
        database.execute("DELETE FROM measurements WHERE meter = ?", (number,))
        rows = [
            (one.measurement_name, one.obis_code, one.enabled, one.sampling_interval, one.tb_key)
            for one in meter.measurements
        ]
        database.executemany(
            f"INSERT INTO measurements VALUES ({number}, ?, ?, ?, ?, ?)",  # noqa: S608
            rows,
        )
        action = "meter added" if new else "meter changed"
        keys = sorted({*meter.options, *meter.secrets})
        note(database, now, who, action, meter.name, ", ".join(keys))
        return number

    # Overrides.

    async def overrides(self) -> dict[str, Override]:
        """By meter, of the file or not."""
        return await self._file.read(overrides)

    async def override(self, name: str, wanted: Override, who: str) -> None:
        """From now on this; an empty one is as the configuration says."""

        def change(database: sqlite3.Connection) -> None:
            _override(database, name, wanted, who, self._now())

        await self._file.change(change)

    async def amend(self, name: str, changes: Mapping[str, Any], who: str) -> bool:
        """The same of these fields alone; whether anything is now otherwise."""

        def change(database: sqlite3.Connection) -> bool:
            row = database.execute(_OVERRIDE_OF, (name,)).fetchone()
            before = override_of(*row) if row else Override()
            wanted = evolve(before, **changes)
            if wanted == before:
                return False
            _override(database, name, wanted, who, self._now())
            return True

        return await self._file.change(change)


_IS_OWN: Final = "SELECT m.id FROM own_meters JOIN meters m ON m.id = meter WHERE m.name = ?"
_IS_KNOWN: Final = "SELECT id FROM meters WHERE name = ?"
_UNUSED: Final = "id NOT IN (SELECT meter FROM own_meters)"


def _override(
    database: sqlite3.Connection, name: str, wanted: Override, who: str, now: int
) -> None:
    meter = _identify(database, name, now)
    if wanted == Override():
        database.execute("DELETE FROM overrides WHERE meter = ?", (meter,))
    else:
        database.execute(_OVERRIDE, (meter, *astuple(wanted), now))
    detail = f"status {wanted.status or '-'}, interval {wanted.interval or '-'}"
    if wanted.device_name is not None:
        detail += f", device {wanted.renamed_from} is now {wanted.device_name}"
    note(database, now, who, "override", name, detail)


def _identify(database: sqlite3.Connection, name: str, now: int) -> int:
    database.execute(_NEW, (name, now))
    ((number,),) = database.execute("SELECT id FROM meters WHERE name = ?", (name,))
    return int(number)


def _own(database: sqlite3.Connection, name: str) -> int:
    found: Sequence[int] | None = database.execute(_IS_OWN, (name,)).fetchone()
    if found is None:
        raise NoSuchMeterError(f"there is no meter {name} that was added by API")
    return found[0]
