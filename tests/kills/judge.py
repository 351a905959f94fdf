"""What ``kill -9`` must not break, seen in the file, at the broker and at the meters."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from attrs import asdict, define, field

from tests.kills.answers import Comparison, Kept, Values, answered

Key: TypeAlias = tuple[str, int]

_ACCOUNTS = "SELECT meter, committed, delivered, queued, quarantined, dropped FROM counters"
_FATES = """
    SELECT meter, count(*), count(delivered_at), sum(delivered_at IS NULL)
    FROM deliveries GROUP BY meter
"""
_WAITING = """
    SELECT d.meter, r.ts FROM deliveries d JOIN readings r ON r.id = d.reading
    WHERE d.delivered_at IS NULL
"""


@define
class Figures:
    """What came of it; of ``violations`` there must be none.

    ``read`` are the readings that a meter gave, ``most_off`` is how far at most one's ``ts`` was
    from its answer (seconds). ``most_duplicates`` is the most that one kill cost, ``burnt`` how
    many invocation counters were never used, ``most_burnt`` the most of them for each kill of one
    episode.
    """

    kills: Counter[str] = field(factory=Counter)
    starts: Counter[str] = field(factory=Counter)
    readings: int = 0
    read: int = 0
    most_off: float = 0.0
    told: int = 0
    messages: int = 0
    duplicates: int = 0
    most_duplicates: int = 0
    counters: int = 0
    burnt: int = 0
    most_burnt: int = 0
    lost: int = 0
    altered: int = 0
    violations: list[str] = field(factory=list)

    @property
    def killed(self) -> int:
        return self.kills.total()

    def add(self, other: Figures) -> None:
        for name, value in asdict(other, recurse=False).items():
            mine = getattr(self, name)
            if name.startswith("most"):
                setattr(self, name, max(mine, value))
            else:
                setattr(self, name, mine + value)

    def __str__(self) -> str:
        each = ", ".join(f"{count} {name}" for name, count in sorted(self.kills.items()))
        return (
            f"{self.killed} kills ({each}), {self.starts['program']} of {self.starts.total()} "
            f"starts not forked; {self.readings} readings committed, {self.read} of them read, at "
            f"most {self.most_off:.2f} s off their answer; {self.lost} lost, "
            f"{self.altered} altered; {self.duplicates} of {self.messages} messages were "
            f"duplicates, {self.duplicates / max(1, self.killed):.1f} a kill, "
            f"{self.most_duplicates} at most; {self.counters} invocation counters used, "
            f"{self.burnt / max(1, self.killed):.0f} burnt a kill"
        )


def decoded(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, without a change to it.

    What a kill leaves of the very first moments must be written before it can be read: then
    of a copy.
    """
    with TemporaryDirectory() as folder:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            database.execute("SELECT count(*) FROM sqlite_schema")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            database.close()
            for file in path.parent.glob(path.name + "*"):
                shutil.copy(file, folder)
            database = sqlite3.connect(Path(folder) / path.name)
        with closing(database):
            yield database


class Judge:
    """Of one episode, from its first start to its last stop; it believes the file alone.

    ``obis`` gives the measurement of each OBIS code, ``kilo`` those told in thousands;
    ``unread`` is a meter whose readings no meter has answered.
    """

    def __init__(
        self,
        figures: Figures,
        window: int,
        obis: dict[str, str],
        kilo: frozenset[str],
        unread: str = "",
    ) -> None:
        self.figures = figures
        self.committed: dict[Key, Values] = {}
        self.readings: dict[str, list[Kept]] = defaultdict(list)
        self._window = window
        self._obis = obis
        self._kilo = kilo
        self._unread = unread
        self._last_id = 0
        self._arrived: dict[Key, bytes] = {}
        self._newest: dict[str, int] = {}
        self._taken = 0

    def violation(self, what: str) -> None:
        self.figures.violations.append(what)

    # After each life.

    def examine(self, path: Path) -> None:
        """The file as the kill or the stop left it."""
        try:
            with _opened(path) as database:
                self._take_readings(database)
                self._conserved(database)
        except sqlite3.Error as error:
            # A kill between the first steps of the schema leaves tables or columns to the next.
            if "no such" not in str(error) or self.committed:
                self.violation(f"the file cannot be read: {error}")

    def _take_readings(self, database: sqlite3.Connection) -> None:
        rows = database.execute(
            "SELECT id, meter, ts, values_json FROM readings WHERE id > ? ORDER BY id",
            (self._last_id,),
        )
        last: dict[str, int] = {}
        for number, meter, ts, text in rows:
            self._last_id = number
            self.committed[meter, ts] = values = decoded(text)
            self.figures.readings += 1
            if meter != self._unread:
                self.figures.read += 1
                self.readings[meter].append(Kept(ts, self.figures.starts.total(), values))
            if ts <= last.get(meter, 0):
                self.violation(f"{meter}: ts {ts} was committed behind {last[meter]}")
            last[meter] = ts

    def _conserved(self, database: sqlite3.Connection) -> None:
        """Each account is the count of its rows; none is refused or dropped here."""
        ((rows,),) = database.execute("SELECT count(*) FROM readings")
        if rows != len(self.committed):
            self.violation(f"{len(self.committed)} readings were committed, {rows} are there")
        by_meter = Counter(meter for meter, _ in self.committed)
        told = dict(database.execute("SELECT meter, readings FROM meters"))
        if told != dict(by_meter):
            self.violation(f"the file counts {told} and holds {dict(by_meter)}")
        fates = {meter: fate for meter, *fate in database.execute(_FATES)}
        for meter, *accounts in database.execute(_ACCOUNTS):
            counted = [*fates.get(meter, [0, 0, 0]), 0, 0]
            if accounts != counted:
                self.violation(f"{meter}: the accounts are {accounts}, the rows {counted}")

    def told(self, status: dict[str, Any]) -> None:
        """What /api/status said just before the kill; ``examine`` came after it."""
        self.figures.told += 1
        for meter in status["meters"]:
            key = meter["name"], int(meter["ts"] or 0)
            if key[1] and key not in self.committed:
                self.violation(f"{key[0]}: the page told {key[1]}, and it is not in the file")
        if status["outbox"]["committed"] > len(self.committed):
            self.violation(f"the page told {status['outbox']['committed']} committed readings")

    def arrived(self, messages: Sequence[tuple[str, bytes, bool]]) -> None:
        """All that the broker has handed out until now."""
        duplicates = 0
        # While these are looked at, more arrive.
        news = messages[self._taken :]
        self._taken += len(news)
        for topic, payload, retain in news:
            if retain or topic.count("/") != 1 or topic.endswith("/status"):
                continue
            self.figures.messages += 1
            meter = topic.partition("/")[2]
            ts = int(decoded(payload)["ts"])
            before = self._arrived.get((meter, ts))
            if before is not None:
                duplicates += 1
                if before != payload:
                    self.violation(f"{meter}: {ts} came again and is not the same")
                continue
            self._arrived[meter, ts] = payload
            if ts <= self._newest.get(meter, 0):
                self.violation(f"{meter}: {ts} came for the first time behind a later one")
            self._newest[meter] = ts
        self.figures.duplicates += duplicates
        self.figures.most_duplicates = max(self.figures.most_duplicates, duplicates)
        if duplicates > self._window:
            self.violation(f"{duplicates} duplicates after one kill")

    def missing(self) -> set[Key]:
        """The committed readings that have not arrived."""
        return self.committed.keys() - self._arrived.keys()

    def given(self) -> Counter[str]:
        """How many readings of each meter have arrived."""
        return Counter(meter for meter, _ in self._arrived)

    def waiting(self, path: Path) -> int:
        """How many deliveries wait in the file of a daemon that runs."""
        with _opened(path) as database:
            return len(set(database.execute(_WAITING)))

    # At the end.

    def finish(self, path: Path, answers: Iterable[dict[str, Any]], counters: Path) -> None:
        """The daemon has stopped. What does not wait in its file has arrived."""
        waiting = self._waiting(path)
        for key, values in self.committed.items():
            payload = self._arrived.get(key)
            if payload is None:
                if key in waiting:
                    continue
                self.figures.lost += 1
                self.violation(f"{key[0]}: {key[1]} was committed and never arrived")
            elif decoded(payload)["values"] != values:
                self.figures.altered += 1
                self.violation(f"{key[0]}: {key[1]} arrived with other values")
        for meter, ts in self._arrived.keys() - self.committed.keys():
            self.violation(f"{meter}: {ts} arrived and was never committed")
        self._as_answered(answers)
        self._counted(counters)

    def _waiting(self, path: Path) -> set[Key]:
        """What the broker has not acknowledged; and all that was committed is as it was."""
        with _opened(path) as database:
            for meter, ts, text in database.execute("SELECT meter, ts, values_json FROM readings"):
                if self.committed.get((meter, ts)) != decoded(text):
                    self.violation(f"{meter}: {ts} was changed in the file")
            waiting = set(database.execute(_WAITING))
        if len(waiting) > self._window:
            self.violation(f"{len(waiting)} deliveries wait after a stop")
        return waiting

    def _as_answered(self, answers: Iterable[dict[str, Any]]) -> None:
        """The readings of a meter are its answers, each at its time, in their order."""
        found = answered(answers, self._obis, self._kilo)
        for meter, readings in self.readings.items():
            comparison = Comparison(found[meter])
            for what in comparison.wrong(readings):
                self.violation(f"{meter}: {what}")
            self.figures.altered += comparison.altered
            self.figures.most_off = max(self.figures.most_off, comparison.farthest)

    def _counted(self, path: Path) -> None:
        """No invocation counter served twice, and a life costs no more than a block.

        Of a life that stops before it is killed the rest of its block is burnt, too.
        """
        numbers: dict[str, list[int]] = defaultdict(list)
        for line in path.read_text().splitlines():
            _, key, number = json.loads(line)
            numbers[key].append(number)
        kills = max(1, self.figures.killed)
        lives = max(1, self.figures.starts.total())
        for key, used in numbers.items():
            for number, times in Counter(used).items():
                if times > 1:
                    self.violation(f"{key}: counter {number} served {times} times")
            used = sorted(set(used))
            burnt = sum(after - one - 1 for one, after in pairwise([-1, *used]))
            self.figures.counters += len(used)
            self.figures.burnt += burnt
            self.figures.most_burnt = max(self.figures.most_burnt, -(-burnt // kills))
            if burnt > 1000 * lives:
                self.violation(f"{key}: {burnt} counters burnt in {lives} starts")
