"""Alarms, diagnostics and health checks: what stands, what was, and that all of it is bounded."""

from __future__ import annotations

from dlmsd.store import alarms, audit, diagnostics, health
from dlmsd.store.diagnostics import Diagnostic
from dlmsd.store.retention import Limit
from tests.store.registry_case import DAY, RegistryCase


class AlarmTests(RegistryCase):
    def raise_(
        self, rule: str = "silence", subject: str = "a", message: str = "m"
    ) -> tuple[int, bool]:
        found: tuple[int, bool] = self.done(
            self.registry.alarms.raise_(rule, subject, "error", message, meter=1)
        )
        return found

    def test_raised_once(self) -> None:
        first, new = self.raise_()
        self.assertTrue(new)
        self.now += 60
        self.assertEqual(self.raise_(message="still"), (first, False))
        (alarm,) = self.done(self.registry.alarms.list())
        self.assertEqual(alarm.message, "still")
        self.assertEqual(alarm.updated_at - alarm.raised_at, 60_000)
        self.assertNotEqual(self.raise_(subject="b")[0], first)

    def test_cleared_it_is_history_and_may_come_again(self) -> None:
        first, _ = self.raise_()
        self.assertEqual(self.done(self.registry.alarms.clear("silence", "a")), first)
        self.assertIsNone(self.done(self.registry.alarms.clear("silence", "a")))
        second, new = self.raise_()
        self.assertTrue(new)
        self.assertGreater(second, first)
        standing = self.done(self.registry.alarms.list(standing=True))
        history = self.done(self.registry.alarms.list(standing=False))
        self.assertEqual([one.id for one in standing], [second])
        self.assertEqual([one.id for one in history], [first])

    def test_acknowledged_by_the_first(self) -> None:
        number, _ = self.raise_()
        self.assertTrue(self.done(self.registry.alarms.acknowledge(number, "ana")))
        self.now += 1
        self.assertTrue(self.done(self.registry.alarms.acknowledge(number, "leo")))
        self.assertFalse(self.done(self.registry.alarms.acknowledge(99, "leo")))
        (alarm,) = self.done(self.registry.alarms.list(acknowledged=True))
        self.assertEqual(alarm.acknowledged_by, "ana")
        self.assertEqual(self.done(self.registry.alarms.list(acknowledged=False)), ())

    def test_listed_by_what_they_are(self) -> None:
        one, _ = self.raise_()
        two, _ = self.done(
            self.registry.alarms.raise_("rate", "tb", "warning", "m", category="mqtt")
        )
        for chosen, expected in (
            ({"severity": "error"}, [one]),
            ({"category": "mqtt"}, [two]),
            ({"meter": 1}, [one]),
            ({"before": two}, [one]),
            ({"limit": 1}, [two]),
            ({}, [two, one]),
        ):
            found = self.done(self.registry.alarms.list(**chosen))
            self.assertEqual([alarm.id for alarm in found], expected, chosen)

    def test_deleted(self) -> None:
        number, _ = self.raise_()
        self.assertTrue(self.done(self.registry.alarms.delete(number, "ana")))
        self.assertFalse(self.done(self.registry.alarms.delete(number, "ana")))
        self.assertNotEqual(self.raise_()[0], number)

    def test_what_stands_outlives_any_retention(self) -> None:
        standing, _ = self.raise_()
        self.raise_(subject="b")
        self.done(self.registry.alarms.clear("silence", "b"))
        self.now += 91 * DAY
        self.done(self.registry.sweep())
        self.assertEqual([one.id for one in self.done(self.registry.alarms.list())], [standing])


class BoundTests(RegistryCase):
    """Years of rows, with the limits made small enough to reach."""

    def small(self, module: object, most: int) -> None:
        limit: Limit = module.LIMIT  # type: ignore[attr-defined]
        self.patch(module, "LIMIT", Limit(limit.table, limit.time, limit.keep, most))

    def count(self, table: str) -> int:
        ((count,),) = self.look(f"SELECT count(*) FROM {table}")
        return int(count)

    def test_kept_as_long_as_is_wanted(self) -> None:
        self.registry.alarms.keep(2)
        self.done(self.registry.alarms.raise_("r", "s", "error", "m"))
        self.done(self.registry.alarms.clear("r", "s"))
        for days, kept in ((1.9, 1), (0.2, 0)):
            self.now += days * 86_400
            self.done(self.registry.sweep())
            self.assertEqual(len(self.done(self.registry.alarms.list())), kept)

    def test_ten_years_of_alarms(self) -> None:
        self.small(alarms, 50)
        for _ in range(365):
            self.now += 10 * DAY
            self.done(self.registry.alarms.raise_("r", "s", "info", "m"))
            self.done(self.registry.alarms.clear("r", "s"))
        self.assertEqual(self.count("alarms"), 10)
        for number in range(100):
            self.done(self.registry.alarms.raise_("r", str(number), "info", "m"))
            self.done(self.registry.alarms.clear("r", str(number)))
        self.assertEqual(self.count("alarms"), 50)

    def test_ten_years_of_diagnostics_and_a_flood(self) -> None:
        self.small(diagnostics, 2500)
        one = Diagnostic("warning", "hdlc", "bad FCS", 1, bytes(9000))
        for _ in range(365):
            self.now += 10 * DAY
            self.done(self.registry.diagnostics.add(one))
            self.done(self.registry.sweep())
        self.assertEqual(self.count("diagnostics"), 4)
        self.done(self.registry.diagnostics.add(*[one] * 12_000))
        self.assertLess(self.count("diagnostics"), 3600)
        self.done(self.registry.sweep())
        self.assertEqual(self.count("diagnostics"), 2500)
        (newest,) = self.done(self.registry.diagnostics.list(limit=1))
        self.assertEqual(newest.raw_frame, bytes(2048))
        self.assertEqual(newest.at, int(self.now * 1000))

    def test_ten_years_of_health_checks(self) -> None:
        for day in range(3650):
            self.now += DAY
            self.done(self.registry.health.add(day % 3, "{}"))
        self.assertEqual(self.count("health"), 91)
        newest, before = self.done(self.registry.health.list(limit=2))
        self.assertEqual(newest.id, before.id + 1)
        self.small(health, 10)
        self.done(self.registry.sweep())
        self.assertEqual(self.count("health"), 10)

    def test_ten_years_of_changes(self) -> None:
        self.small(audit, 30)
        for _ in range(365):
            self.now += 10 * DAY
            self.done(self.registry.audit.add("ana", "reload", "file"))
        self.done(self.registry.sweep())
        self.assertEqual(self.count("audit"), 30)
        for _ in range(1000):
            self.done(self.registry.audit.add("ana", "reload", "file"))
        self.assertLess(self.count("audit"), 1000)
