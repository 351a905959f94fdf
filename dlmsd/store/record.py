"""The registry's file as an onlooker sees it: how meters fared, and which alarms stand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from attrs import frozen

from dlmsd.store.alarms import Alarm, standing
from dlmsd.store.metrics import KEEP, Figures, Span, each, newest
from dlmsd.store.onlooker import opened

_NAMES: Final = """
    SELECT m.id, m.name, o.status, w.meter IS NOT NULL
    FROM meters m LEFT JOIN overrides o ON o.meter = m.id LEFT JOIN own_meters w ON w.meter = m.id
"""


@frozen
class Record:
    """``figures`` by meter; ``statuses`` are those that an operator wants, ``own`` the meters
    that were added by API. ``newest`` is the last minute of which there are figures (Unix ms).
    """

    figures: dict[str, Figures]
    statuses: dict[str, str]
    own: frozenset[str]
    alarms: tuple[Alarm, ...]
    newest: int | None


def take_record(path: Path, since: int, until: int) -> Record:
    """Of since <= time < until (Unix ms), by minute where minutes are kept. Raises StoreError."""
    span = Span.MINUTE if until - since <= KEEP[Span.MINUTE] else Span.HOUR
    with opened(path, "registry", "ro") as database:
        database.execute("BEGIN")  # one moment for all questions
        rows = database.execute(_NAMES).fetchall()
        names = {meter: name for meter, name, *_ in rows}
        found = each(database, span, since - since % span, until)
        return Record(
            {names[meter]: figures for meter, figures in found.items() if meter in names},
            {name: status for _, name, status, _ in rows if status is not None},
            frozenset(name for _, name, _, own in rows if own),
            standing(database),
            newest(database),
        )
