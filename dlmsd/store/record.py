"""The registry's file as an onlooker sees it: how meters fared, and which alarms stand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from attrs import frozen

from dlmsd.store.alarms import Alarm, standing
from dlmsd.store.metrics import KEEP, Figures, Span, each, newest
from dlmsd.store.onlooker import opened

_NAMES: Final = "SELECT id, name FROM meters"


@frozen
class Record:
    """``figures`` by meter; ``newest`` is the last minute of which there are any (Unix ms)."""

    figures: dict[str, Figures]
    alarms: tuple[Alarm, ...]
    newest: int | None


def take_record(path: Path, since: int, until: int) -> Record:
    """Of since <= time < until (Unix ms), by minute where minutes are kept. Raises StoreError."""
    span = Span.MINUTE if until - since <= KEEP[Span.MINUTE] else Span.HOUR
    with opened(path, "registry", "ro") as database:
        database.execute("BEGIN")  # one moment for all questions
        names = dict(database.execute(_NAMES).fetchall())
        found = each(database, span, since - since % span, until)
        return Record(
            {names[meter]: figures for meter, figures in found.items() if meter in names},
            standing(database),
            newest(database),
        )
