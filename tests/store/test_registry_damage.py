"""A damaged registry: set aside, salvaged, told of; its ids are never used again."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random
from typing import Any

from dlmsd.errors import StoreError
from dlmsd.secret import Secret
from dlmsd.store.backup import copy
from dlmsd.store.database import open_database, schema_steps
from dlmsd.store.own import Override, OwnMeasurement, OwnMeter
from dlmsd.store.registry_rescue import JUMP, rescue_registry
from tests.store.case import NOW, look
from tests.store.registry_case import RegistryCase

PAGE = 4096
COUNT = 300


def name(number: int) -> str:
    return f"meter {number:03}"


class RegistryDamageTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.ids = dict(self.done(self.registry.configured(name(n) for n in range(COUNT))))
        for number in range(0, COUNT, 3):
            options = {"host": "192.0.2.7", "device_name": "x" * 300}
            meter = OwnMeter(
                name(number),
                options,
                {"password": Secret("22222222")},
                (OwnMeasurement("voltage_l1"), OwnMeasurement("current_l1", enabled=False)),
            )
            self.done(self.registry.add(meter, "test"))
        for number in range(0, COUNT, 10):
            self.done(self.registry.override(name(number), Override("inactive", 7.0), "test"))
        self.own = {one.name: one for one in self.done(self.registry.meters())}
        self.wanted = self.done(self.registry.overrides())
        self.close()
        self.whole = self.path.read_bytes()

    def asides(self) -> list[str]:
        found = (one.name for one in self.path.parent.glob("*.corrupt-*"))
        return sorted(one for one in found if one.endswith("Z"))

    def restore(self) -> None:
        for one in self.path.parent.iterdir():
            one.unlink()
        self.path.write_bytes(self.whole)

    def scribble(self, page: int) -> None:
        with self.path.open("r+b") as file:
            file.seek(page * PAGE)
            file.write(b"\xa5" * PAGE)

    def mended(self) -> int:
        """It opens, is whole, invents nothing; the first new id."""
        self.open()
        self.assertEqual(look(self.path, "PRAGMA integrity_check"), [("ok",)])
        for one in self.done(self.registry.meters()):
            before = self.own[one.name]
            self.assertEqual((one.id, one.options), (before.id, before.options))
            self.assertLessEqual(set(one.measurements), set(before.measurements))
        for meter, wanted in self.done(self.registry.overrides()).items():
            self.assertEqual(wanted, self.wanted[meter])
        known = dict(look(self.path, "SELECT name, id FROM meters"))
        self.assertLessEqual(known.items(), self.ids.items())
        new = self.done(self.registry.configured(["new"]))["new"]
        self.assertGreater(new, max(self.ids.values()))
        return int(new)

    def count(self) -> tuple[int, int]:
        return len(self.done(self.registry.meters())), len(self.done(self.registry.overrides()))

    def told(self) -> str:
        (alarm,) = self.registry.damage
        self.assertIn("set aside as registry.db.corrupt-2027", alarm)
        self.assertEqual(len(self.asides()), 1)
        self.again()
        (later,) = self.registry.damage
        self.assertIn("remove this file", later)
        return str(alarm)

    def test_any_page(self) -> None:
        """It costs what was on it; no damage is no reason for an alarm."""
        pages = len(self.whole) // PAGE
        damaged = 0
        for page in Random(5).sample(range(1, pages), 14):
            self.restore()
            self.scribble(page)
            new = self.mended()
            own, overrides = self.count()
            self.assertGreater(own + overrides, 60, f"page {page}")
            if self.asides():
                damaged += 1
                self.assertGreaterEqual(new, max(self.ids.values()) + JUMP)
                self.told()
            self.close()
        self.assertGreater(damaged, 7)

    def test_no_table_has_its_name(self) -> None:
        """Where each begins is known: its first page, and those below it, cost nothing."""
        for pages in ((0,), (0, 20, 22), (20,)):
            self.restore()
            for page in pages:
                self.scribble(page)
            self.mended()
            self.assertEqual(self.count(), (len(self.own), len(self.wanted)), f"{pages}")
            self.told()
            self.assertEqual(list(self.path.parent.glob("*mending*")), [])
            self.close()

    def test_octets_at_several_places(self) -> None:
        """SQLite need not notice all of it: a meter whose options make no sense is not read."""
        random = Random(7)
        for _ in range(12):
            self.restore()
            with self.path.open("r+b") as file:
                for _ in range(40):
                    file.seek(random.randrange(100, len(self.whole)))
                    file.write(random.randbytes(3))
            self.open()
            self.done(self.registry.overrides())
            for one in self.done(self.registry.meters()):
                self.assertTrue(one.locked or isinstance(one.options, dict))
            new = self.done(self.registry.configured(["new"]))["new"]
            self.assertGreater(new, max(self.ids.values()))
            self.close()

    def test_options_that_make_no_sense(self) -> None:
        look(self.path, "UPDATE own_meters SET options = '{oops' WHERE meter = 1")
        look(self.path, "UPDATE own_meters SET options = CAST(x'7b22e4' AS TEXT) WHERE meter = 4")
        look(self.path, "UPDATE own_meters SET secrets = x'007b' WHERE meter = 7")
        look(self.path, "UPDATE overrides SET interval = 'often' WHERE meter = 1")
        self.open()
        locked = [one for one in self.done(self.registry.meters()) if one.locked]
        self.assertEqual([one.id for one in locked], [1, 4, 7])
        self.assertIn("add it again", locked[0].locked)
        self.assertEqual(self.done(self.registry.overrides())[name(0)], Override("inactive"))

    def test_cut_short(self) -> None:
        with self.path.open("r+b") as file:
            file.truncate(len(self.whole) // 2 // PAGE * PAGE)
        self.mended()
        self.told()

    def test_no_database_at_all(self) -> None:
        """Nothing can be read, so no id is below what can ever have been given."""
        for text in (b"a text", b"these are the voyages " * 5000):
            self.restore()
            self.path.write_bytes(text)
            first = self.mended()
            self.assertGreaterEqual(first, int(NOW))
            self.assertEqual(self.count(), (0, 0))
            self.assertIn("0 meters that were added by API", self.told())
            self.close()

    def backup(self) -> None:
        source = sqlite3.connect(self.path)
        copy(source, self.path.with_name("registry-2.bak"))
        source.close()

    def test_the_newest_copy_where_nothing_else_is(self) -> None:
        self.backup()
        for octets in (b"", b"a text"):
            self.path.write_bytes(octets)
            self.mended()
            self.assertEqual(self.count(), (len(self.own), len(self.wanted)))
            self.assertIn("registry-2.bak are kept", self.told())
            self.close()
            for one in self.asides():
                self.path.with_name(one).unlink()

    def test_a_copy_brings_no_meter_back_that_was_removed(self) -> None:
        self.backup()
        self.open()
        self.done(self.registry.remove(name(0), "test"))
        self.close()
        self.whole = self.path.read_bytes()
        ((page,),) = look(self.path, "SELECT rootpage - 1 FROM sqlite_master WHERE name='audit'")
        self.scribble(page)
        self.mended()
        self.told()
        self.assertNotIn(name(0), [one.name for one in self.done(self.registry.meters())])

    def test_nothing_is_left_in_the_log_of_the_new_file(self) -> None:
        path = Path(self.mktemp())
        new = open_database(path, schema_steps("registry"))
        self.addCleanup(new.close)
        rescue_registry(self.path, new, int(NOW * 1000))
        self.assertEqual(Path(f"{path}-wal").stat().st_size, 0)

    def test_an_empty_file_that_never_was_another(self) -> None:
        """A start that was killed leaves it: that is no damage."""
        self.path.write_bytes(b"")
        self.open()
        self.assertEqual((self.registry.damage, self.asides()), ((), []))

    def test_damage_that_shows_while_it_is_used(self) -> None:
        """It is replaced without a restart, once."""
        self.open()

        def broken(*_: object) -> Any:
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

        self.refused(self.registry._file.read(broken), StoreError)
        self.assertEqual(self.count(), (len(self.own), len(self.wanted)))
        self.assertEqual((len(self.registry.damage), len(self.asides())), (1, 1))
        self.now += 5
        self.refused(self.registry._file.read(broken), StoreError)
        self.assertEqual(self.count(), (len(self.own), len(self.wanted)))
        self.assertEqual(len(self.asides()), 1)
        self.assertFalse(Path(f"{self.path}.damaged").exists())
