"""Alarms: raised once, cleared, acknowledged, and kept as history."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve, frozen

from dlmsd.store.audit import note
from dlmsd.store.diagnostics import RANKS, Severity
from dlmsd.store.file import StoreFile
from dlmsd.store.notices import Change, Event
from dlmsd.store.retention import DAY, Limit, sweep

# Of those that are cleared; of those that stand there are as many as rules and subjects.
LIMIT: Final = Limit("alarms", "cleared_at", 90 * DAY, 10_000)

# What a page shows on one line, and the evidence below it; meters have a say in both.
_MESSAGE: Final = 1024
_DETAILS: Final = 16_384

Key = tuple[str, str]
"""A rule and its subject."""

_COLUMNS: Final = (
    "id, rule, subject, meter, severity, category, message, details, raised_at, updated_at, "
    "cleared_at, acknowledged_at, acknowledged_by"
)
_STANDING: Final = """
    SELECT id, severity, coalesce(worst, severity), category, message, details FROM alarms
    WHERE rule = ? AND subject = ? AND cleared_at IS NULL
"""
_RAISE: Final = """
    INSERT INTO alarms
    (rule, subject, meter, severity, worst, category, message, details, raised_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?8)
"""
_UPDATE: Final = """
    UPDATE alarms SET severity = ?, worst = ?, category = ?, message = ?, details = ?,
    updated_at = ? WHERE id = ?
"""
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM alarms
    WHERE (?1 IS NULL OR (cleared_at IS NULL) = ?1)
    AND (?2 IS NULL OR (acknowledged_at IS NOT NULL) = ?2)
    AND (?3 IS NULL OR severity = ?3) AND (?4 IS NULL OR meter = ?4)
    AND (?5 IS NULL OR category = ?5) AND (?6 IS NULL OR id < ?6)
    ORDER BY id DESC LIMIT ?7
"""  # noqa: S608
_RETURNING: Final = "RETURNING rule, subject, cleared_at IS NULL"
_DELETE_ONE: Final = f"DELETE FROM alarms WHERE id = ? {_RETURNING}"  # noqa: S608
_DELETE: Final = f"""
    DELETE FROM alarms WHERE (?1 IS NULL OR category = ?1) AND (?2 IS NULL OR meter = ?2)
    AND (?3 IS NULL OR raised_at < ?3) {_RETURNING}
"""  # noqa: S608
_Deleted = tuple[str, str, bool]


@frozen
class Alarm:
    """``rule`` and ``subject`` are its condition and of what; ``meter`` is an id or None.

    Times are Unix ms, None for what has not happened; ``details`` is JSON or empty.
    """

    id: int
    rule: str
    subject: str
    meter: int | None
    severity: Severity
    category: str
    message: str
    details: str
    raised_at: int
    updated_at: int
    cleared_at: int | None
    acknowledged_at: int | None
    acknowledged_by: str | None


class Alarms:
    """All that stand, and of those that were cleared 90 days unless told otherwise, no more than
    10,000.

    ``tell`` is told of each change, within its transaction.
    """

    def __init__(
        self,
        file: StoreFile,
        now: Callable[[], int],
        tell: Callable[[sqlite3.Connection, Change], None],
    ) -> None:
        self._file = file
        self._now = now
        self._tell = tell
        self._days = 90.0
        self._deleted: set[Key] = set()

    def deleted(self) -> set[Key]:
        """The conditions whose standing alarm was deleted since this was last asked."""
        deleted, self._deleted = self._deleted, set()
        return deleted

    def keep(self, days: float) -> None:
        """So long are those kept from now on that are over."""
        self._days = days

    def _limit(self) -> Limit:
        return evolve(LIMIT, keep=int(self._days * DAY))

    async def raise_(
        self,
        rule: str,
        subject: str,
        severity: Severity,
        message: str,
        *,
        category: str = "other",
        meter: int | None = None,
        details: str = "",
    ) -> tuple[int, bool]:
        """The alarm's id, and whether it is a new one; one that stands only changes its words."""
        now = self._now()
        message, details = message[:_MESSAGE], details[:_DETAILS]

        def raise_(database: sqlite3.Connection) -> tuple[int, bool]:
            standing = database.execute(_STANDING, (rule, subject)).fetchone()
            if standing is None:
                new = (rule, subject, meter, severity, category, message, details, now)
                number, was, worst = database.execute(_RAISE, new).lastrowid, None, severity
                assert number is not None
            else:
                number, was, worst, *_ = standing
                worst = max(worst, severity, key=RANKS.__getitem__)
                values = (severity, worst, category, message, details, now, number)
                database.execute(_UPDATE, values)
            if was != severity:
                state: Event = "raised" if was is None else "changed"
                said = (category, message, details, now)
                change = Change(state, number, rule, subject, severity, was, worst, *said)
                self._tell(database, change)
            return number, was is None

        return await self._file.change(raise_)

    async def clear(self, rule: str, subject: str) -> int | None:
        """The condition is over: the id of the alarm that stood, None for none."""
        now = self._now()

        def clear(database: sqlite3.Connection) -> int | None:
            standing = database.execute(_STANDING, (rule, subject)).fetchone()
            if standing is None:
                return None
            number, severity, worst, category, message, details = standing
            said = (category, message, details, now)
            database.execute(
                "UPDATE alarms SET cleared_at = ?1, updated_at = ?1 WHERE id = ?2", (now, number)
            )
            over = Change("cleared", number, rule, subject, severity, severity, worst, *said)
            self._tell(database, over)
            sweep(database, self._limit(), now)
            return int(number)

        return await self._file.change(clear)

    async def acknowledge(self, number: int, who: str) -> bool:
        """Somebody has seen it; False if there is none. The first one to see it stays."""
        now = self._now()

        def acknowledge(database: sqlite3.Connection) -> bool:
            changed = database.execute(
                "UPDATE alarms SET acknowledged_at = coalesce(acknowledged_at, ?), "
                "acknowledged_by = coalesce(acknowledged_by, ?) WHERE id = ?",
                (now, who, number),
            ).rowcount
            if changed:
                note(database, now, who, "alarm acknowledged", str(number))
            return changed > 0

        return await self._file.change(acknowledge)

    async def delete(self, number: int, who: str) -> bool:
        """Forget one, history or not; False if there is none."""
        now = self._now()

        def delete(database: sqlite3.Connection) -> list[_Deleted]:
            gone = database.execute(_DELETE_ONE, (number,)).fetchall()
            if gone:
                note(database, now, who, "alarm deleted", str(number))
            return gone

        return bool(self._went(await self._file.change(delete)))

    async def delete_all(
        self,
        who: str,
        *,
        category: str | None = None,
        meter: int | None = None,
        before: int | None = None,
    ) -> int:
        """Forget all that fit, raised before a time (Unix ms); how many."""
        now = self._now()

        def delete(database: sqlite3.Connection) -> list[_Deleted]:
            gone = database.execute(_DELETE, (category, meter, before)).fetchall()
            if gone:
                note(database, now, who, "alarms deleted", str(len(gone)))
            return gone

        return self._went(await self._file.change(delete))

    def _went(self, gone: Sequence[_Deleted]) -> int:
        self._deleted.update((rule, subject) for rule, subject, standing in gone if standing)
        return len(gone)

    async def list(
        self,
        *,
        standing: bool | None = None,
        acknowledged: bool | None = None,
        severity: Severity | None = None,
        meter: int | None = None,
        category: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> tuple[Alarm, ...]:
        """The newest first, of those that fit; ``before`` is an id, to go on."""
        values = (standing, acknowledged, severity, meter, category, before, limit)
        rows = await self._file.read(lambda database: database.execute(_LIST, values).fetchall())
        return tuple(Alarm(*row) for row in rows)

    async def since(self, moment: int) -> tuple[Alarm, ...]:
        """Those that were raised from then on (Unix ms), the oldest first, no more than 1,000."""
        wanted = f"SELECT {_COLUMNS} FROM alarms WHERE raised_at >= ? ORDER BY id LIMIT 1000"  # noqa: S608
        rows = await self._file.read(
            lambda database: database.execute(wanted, (moment,)).fetchall()
        )
        return tuple(Alarm(*row) for row in rows)

    async def sweep(self) -> None:
        """Remove history that is too old."""
        now = self._now()
        await self._file.change(lambda database: sweep(database, self._limit(), now))


def standing(database: sqlite3.Connection) -> tuple[Alarm, ...]:
    """All that stand, the oldest first."""
    rows = database.execute(f"SELECT {_COLUMNS} FROM alarms WHERE cleared_at IS NULL ORDER BY id")  # noqa: S608
    return tuple(Alarm(*row) for row in rows)
