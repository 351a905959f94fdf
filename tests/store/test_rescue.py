"""A tree that leads back into itself is read to an end, and gives each row once."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.store import leaves
from dlmsd.store.database import Database
from dlmsd.store.leaves import Value
from dlmsd.store.rescue import UNREADABLE, copy_table, walk, wreck

PAGE: Final = 512
ROWS: Final = 6000
# A table without row ids is an index (SQLite, file format, section 1.6).
INNER_INDEX, INNER_TABLE, LEAVES = 2, 5, (10, 13)
LEVELS: Final = 12
WITHOUT: Final = "CREATE TABLE things (name TEXT PRIMARY KEY, what TEXT) WITHOUT ROWID"
WITH: Final = "CREATE TABLE things (name TEXT, what TEXT)"


class Knot:
    """The pages of a file; inner ones are made a ladder whose every rung leads to the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._octets = bytearray(path.read_bytes())

    def tie(self, kind: int) -> None:
        pages = [
            page for page in range(2, len(self._octets) // PAGE + 1) if self.kind(page) == kind
        ]
        leaf = self.child(pages[-1])
        while self.kind(leaf) not in LEAVES:
            leaf = self.child(leaf)
        ladder = [*pages[:LEVELS], leaf]
        assert len(ladder) == LEVELS + 1
        for page, below in pairwise(ladder):
            for place in self.pointers(page):
                self._octets[place : place + 4] = below.to_bytes(4, "big")
        self._path.write_bytes(self._octets)

    def kind(self, page: int) -> int:
        return self._octets[(page - 1) * PAGE]

    def child(self, page: int) -> int:
        place = next(self.pointers(page))
        return int.from_bytes(self._octets[place : place + 4], "big")

    def pointers(self, page: int) -> Iterator[int]:
        start = (page - 1) * PAGE
        for cell in range(int.from_bytes(self._octets[start + 3 : start + 5], "big")):
            place = start + 12 + 2 * cell
            yield start + int.from_bytes(self._octets[place : place + 2], "big")
        yield start + 8


class SchemaTests(SynchronousTestCase):
    def test_one_table_that_makes_no_sense(self) -> None:
        path = Path(self.mktemp())
        with sqlite3.connect(path) as database:
            database.execute(WITHOUT)
            database.execute("INSERT INTO things VALUES ('a', 'b')")
            database.execute("CREATE TABLE others (name TEXT, damaged TEXT)")
        database.close()
        path.write_bytes(path.read_bytes().replace(b"damaged TEXT", b"((\xff\xfeAGED TEX", 1))
        with self.assertRaises(UNREADABLE):
            sqlite3.connect(path).execute("SELECT * FROM things")
        source = wreck(path)
        self.addCleanup(source.close)
        self.assertEqual(source.execute("SELECT * FROM things").fetchall(), [("a", "b")])


class LeavesTests(SynchronousTestCase):
    def test_as_sqlite_reads_them(self) -> None:
        random = Random(11)
        numbers = [
            0,
            1,
            -1,
            *(sign * (2**bits - 1) for bits in range(7, 64, 8) for sign in (1, -1)),
        ]
        things: list[Value] = [None, "", "a", "\xe9\u20ac", "x" * 300, *numbers]
        rows = [[random.choice(things) for _ in range(4)] for _ in range(3000)]
        path = Path(self.mktemp())
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, a, b, c, d)")
            database.executemany("INSERT INTO things (a, b, c, d) VALUES (?, ?, ?, ?)", rows)
            database.execute("INSERT INTO things (a) VALUES (zeroblob(5))")
            database.execute("INSERT INTO things (a) VALUES (1.5)")
            database.execute("INSERT INTO things (a, b) VALUES (?, 2)", ("x" * 9000,))
        database.close()
        found = dict(row for page in leaves.rows(path, 4096) for row in page)
        self.assertEqual(found, {n: [None, *row] for n, row in enumerate(rows, 1)})

    def test_noise(self) -> None:
        random = Random(5)
        path = Path(self.mktemp())
        for _ in range(200):
            page = bytearray(random.randbytes(4096))
            page[0], page[3] = 13, 0
            if random.random() < 0.5:  # small numbers make more sense
                page[8:] = bytes(random.choice(b"\0\1\2\5\x0d\x17\x81") for _ in page[8:])
            path.write_bytes(page * 2 + page[:99])
            self.assertEqual(len(list(leaves.rows(path, 4096))), 2)


class KnotTests(SynchronousTestCase):
    def made(self, schema: str, kind: int) -> sqlite3.Connection:
        path = Path(self.mktemp())
        with sqlite3.connect(path) as database:
            database.execute(f"PRAGMA page_size = {PAGE}")
            database.execute(schema)
            rows = ((f"{number:08}", "x" * 50) for number in range(ROWS))
            database.executemany("INSERT INTO things VALUES (?, ?)", rows)
        database.close()
        # The root is the first of its kind, so that all are on the way down from it.
        Knot(path).tie(kind)
        source = wreck(path)
        self.addCleanup(source.close)
        return source

    def endless(self, source: sqlite3.Connection) -> None:
        """Without care it would be read for ever."""
        rows = source.execute("SELECT name FROM things NOT INDEXED")
        found = Counter(name for (name,) in islice(rows, 100_000))
        self.assertEqual(found.total(), 100_000)
        self.assertLess(len(found), ROWS)

    def test_a_table_without_row_ids(self) -> None:
        source = self.made(WITHOUT, INNER_INDEX)
        self.endless(source)
        new = sqlite3.connect(self.mktemp(), isolation_level=None, factory=Database)
        self.addCleanup(new.close)
        new.execute(WITHOUT)
        copy_table(source, new, "things")
        ((count,),) = new.execute("SELECT count(*) FROM things")
        self.assertTrue(0 < count < ROWS, count)

    def test_a_table_with_row_ids(self) -> None:
        source = self.made(WITH, INNER_TABLE)
        self.endless(source)
        found: list[Any] = [row for rows in walk(source, "things", "rowid, name") for row in rows]
        self.assertTrue(found)
        self.assertEqual(len(set(found)), len(found))
        self.assertEqual(sorted(found), found)
