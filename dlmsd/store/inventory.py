"""The outbox's file as an onlooker sees it, also while a daemon writes it: nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from attrs import frozen

from dlmsd.model import Gap
from dlmsd.store.counters import Account, Stream, accounts, audit
from dlmsd.store.gaps import gaps_since
from dlmsd.store.onlooker import opened
from dlmsd.store.replay import Replay, ask, outcome

_OLDEST: Final = """
    SELECT d.meter, d.sink, min(r.ts) FROM deliveries d JOIN readings r ON r.id = d.reading
    WHERE d.delivered_at IS NULL GROUP BY d.meter, d.sink
"""
_ISOLATED: Final = """
    SELECT q.meter, q.sink, r.ts, q.since, q.reason
    FROM quarantine q JOIN readings r ON r.id = q.reading ORDER BY q.id DESC LIMIT ?
"""


@frozen
class Isolated:
    """A delivery in quarantine: the reading's ``ts`` and ``since`` are ms."""

    meter: str
    sink: str
    ts: int
    since: int
    reason: str


@frozen
class Inventory:
    """``oldest`` are the ts (ms) of what waits longest; ``sizes`` are bytes by file name;
    ``wrong`` tells what does not agree."""

    accounts: dict[Stream, Account]
    oldest: dict[Stream, int]
    gaps: list[Gap]
    isolated: list[Isolated]
    sizes: dict[str, int]
    wrong: list[str]


def take_inventory(path: Path, since: int, most_isolated: int) -> Inventory:
    """Everything at one moment; ``since`` (ms) is how old a gap may be. Raises StoreError."""
    with opened(path, "outbox", "ro") as database:
        database.execute("BEGIN")  # one moment for all questions
        return Inventory(
            accounts(database),
            {(meter, sink): ts for meter, sink, ts in database.execute(_OLDEST)},
            gaps_since(database, since),
            [Isolated(*row) for row in database.execute(_ISOLATED, (most_isolated,))],
            {
                one.name: one.stat().st_size
                for one in sorted(path.parent.glob(f"{path.stem}.*"))
                if one.is_file()
            },
            audit(database, rows=False),
        )


def last_readings(path: Path) -> dict[str, int]:
    """The ts (ms) of the newest reading of each meter, kept or not. Raises StoreError."""
    with opened(path, "outbox", "ro") as database:
        return dict(database.execute("SELECT meter, last_ts FROM meters"))


def ask_daemon(path: Path, replays: list[Replay]) -> list[int]:
    """Leave requests for the daemon that has the file open; their numbers. Raises StoreError."""
    with opened(path, "outbox", "rw") as database:
        database.execute("BEGIN IMMEDIATE")
        requests = [ask(database, replay) for replay in replays]
        database.execute("COMMIT")
        return requests


def outcomes(path: Path, requests: list[int]) -> list[int | None]:
    """How many deliveries of each request wait again; None for what is not done."""
    with opened(path, "outbox", "ro") as database:
        return [outcome(database, request) for request in requests]
