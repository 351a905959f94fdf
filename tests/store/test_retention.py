"""No table of the registry grows without bound: a new one fails here until it is swept."""

from __future__ import annotations

from typing import Final

from tests.store.registry_case import RegistryCase

# What is written here where a number or any text will not do.
VALUES: Final = {
    "severity": "'info'",
    "state": "'raised'",
    "meter": "n",
    "name": "'name ' || n",
    "rule": "'rule ' || n",
    "at": "n",
    "span": "60000",
}
# Bounded by the configuration, by meters that are, or where they are written.
OTHERWISE: Final = {
    "own_meters": "an operator adds each",
    "overrides": "one for each meter; tests.store.test_registry",
    "measurements": "an operator adds each",
    "receivers": "those that are configured; tests.store.test_metrics",
    "notices": "as each is written; tests.watch.notify",
    "metrics": "as each is written; tests.store.test_metrics",
    "sqlite_sequence": "one for each table",
}


class RetentionTests(RegistryCase):
    def fill(self, table: str, count: int) -> None:
        """Rows as old as can be."""
        columns = [
            (name, VALUES.get(name, "0" if kind == "INTEGER" else "'x'"))
            for _, name, kind, _, _, key in self.look(f"PRAGMA table_info({table})")
            if not (key and name == "id")
        ]
        self.look(
            f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ?) "
            f"INSERT INTO {table} ({', '.join(name for name, _ in columns)}) "
            f"SELECT {', '.join(value for _, value in columns)} FROM numbers",
            count,
        )

    def swept(self) -> None:
        of_tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = {name for (name,) in self.look(of_tables)}
        self.assertLessEqual(OTHERWISE.keys(), tables)
        for table in sorted(tables - OTHERWISE.keys()):
            self.look(f"DELETE FROM {table}")
            self.fill(table, 500)
            self.done(self.registry.sweep())
            left = self.look(f"SELECT count(*) FROM {table}")
            self.assertEqual((table, left), (table, [(0,)]))

    def test_what_is_too_old_goes_from_every_table(self) -> None:
        self.swept()

    def test_a_table_that_nobody_sweeps_is_found(self) -> None:
        self.look("CREATE TABLE more (id INTEGER PRIMARY KEY, at INTEGER)")
        with self.assertRaisesRegex(self.failureException, "more"):
            self.swept()
