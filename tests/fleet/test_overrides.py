"""What an operator sets from a platform: judged as a file is, kept, and soon in force."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from dlmsd.config.values import (
    Configuration,
    DaemonOptions,
    MeterOptions,
    OutboxOptions,
    WebOptions,
)
from dlmsd.errors import StoreError
from dlmsd.fleet.effective import effective
from dlmsd.fleet.overrides import Overrides, UnfitOverrideError
from dlmsd.model import ReloadStatus
from dlmsd.store.own import Override
from tests.store.registry_case import RegistryCase


class OverridesTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        meters = tuple(MeterOptions(name, "h", "p", name, ()) for name in "ab")
        daemon = DaemonOptions(Path("state"))
        self.file = self.configuration = Configuration(
            Path("x"), daemon, WebOptions(), OutboxOptions(), (), meters
        )
        self.clock = Clock()
        self.refreshes: list[str] = []
        self.overrides = Overrides(
            self.registry, lambda: self.configuration, self.refresh, self.clock
        )

    async def refresh(self, who: str) -> ReloadStatus:
        self.refreshes.append(who)
        kept = await self.registry.overrides()
        self.configuration = effective(self.file, (), kept, {}).configuration
        return ReloadStatus(1, who)

    def change(self, name: str = "a", /, **wanted: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(self.overrides.change(name, wanted, "sink tb"))

    def settled(self, name: str = "a", /, **wanted: Any) -> None:
        changed = self.change(name, **wanted)
        self.clock.advance(1)
        self.successResultOf(changed)

    def in_force(self, name: str = "a") -> tuple[str, float]:
        [found] = [one for one in self.configuration.meters if one.name == name]
        return found.status, found.interval

    def kept(self) -> dict[str, Override]:
        found: dict[str, Override] = self.done(self.registry.overrides())
        return found

    def test_in_force_and_kept_with_who_wanted_it(self) -> None:
        self.settled(status="inactive", interval=Decimal("2.5"))
        self.assertEqual(self.in_force(), ("inactive", 2.5))
        self.assertEqual(self.in_force("b"), ("active", 5.0))
        self.assertEqual(self.kept(), {"a": Override("inactive", 2.5)})
        [row] = self.done(self.registry.audit.list())
        self.assertEqual((row.who, row.action, row.subject), ("sink tb", "override", "a"))
        self.settled(status=None)
        self.assertEqual(self.in_force(), ("active", 2.5))
        self.settled(interval=None)
        self.assertEqual((self.in_force(), self.kept()), (("active", 5.0), {}))

    def test_what_is_in_force_changes_nothing(self) -> None:
        self.settled(status="active", interval=5)
        self.settled(interval=None)
        self.assertEqual((self.kept(), self.refreshes), ({}, []))
        self.assertEqual(self.done(self.registry.audit.list()), ())
        self.settled(interval=9)
        self.settled(interval=9)
        self.assertEqual(len(self.refreshes), 1)

    def test_wrong_values_change_nothing(self) -> None:
        for wanted, words in (
            ({"interval": "5"}, "interval: expected a number from 0.1"),
            ({"interval": 0}, "interval: expected"),
            ({"interval": True}, "interval: expected"),
            ({"interval": 10**9}, "interval: expected"),
            ({"interval": Decimal("NaN")}, "interval: expected"),
            ({"interval": [5]}, "interval: expected"),
            ({"status": "off"}, 'status: expected "active" or "inactive"'),
            ({"status": "inactive", "interval": -1}, "interval: expected"),
        ):
            failure = self.failureResultOf(self.change(**wanted), UnfitOverrideError)
            self.assertIn(words, str(failure.value))
        self.assertEqual((self.kept(), self.refreshes), ({}, []))
        self.failureResultOf(self.change("nobody", interval=9), LookupError)

    def test_many_at_once_are_one_refresh(self) -> None:
        changes = [self.change(name, interval=9) for name in "ab"]
        self.assertEqual(self.refreshes, [])
        self.clock.advance(1)
        for one in changes:
            self.successResultOf(one)
        self.assertEqual(len(self.refreshes), 1)
        self.assertEqual([self.in_force(name)[1] for name in "ab"], [9.0, 9.0])

    def test_one_that_is_taken_back_before_it_was_in_force(self) -> None:
        both = self.change(interval=9), self.change(interval=5)
        self.clock.advance(1)
        for one in both:
            self.successResultOf(one)
        self.assertEqual(self.in_force(), ("active", 5.0))

    def test_a_registry_that_cannot_be_written(self) -> None:
        self.done(self.registry.stop())
        self.failureResultOf(self.change(interval=9), StoreError)
        self.clock.advance(1)
        self.assertEqual(self.refreshes, [])
        self.done(self.registry.start())
        self.settled(interval=9)
        self.assertEqual(self.in_force(), ("active", 9.0))

    def renamed(self, old: str, new: str) -> str:
        """What the meter's device is called then."""
        changed = Deferred.fromCoroutine(self.overrides.renamed("a", old, new, "sink tb"))
        self.clock.advance(1)
        self.successResultOf(changed)
        return self.configuration.meters[0].device_name

    def test_a_device_that_is_renamed_at_a_platform(self) -> None:
        self.settled(interval=9)
        self.assertEqual(self.renamed("a", "Hall 3"), "Hall 3")
        self.assertEqual(self.renamed("Hall 3", "Hall 4"), "Hall 4")
        self.assertEqual(self.in_force(), ("active", 9.0))
        [row, *_] = self.done(self.registry.audit.list())
        self.assertIn("device a is now Hall 4", row.detail)
        self.assertEqual(self.kept(), {"a": Override(None, 9.0, "Hall 4", "a")})
        self.assertEqual(self.renamed("Hall 4", "a"), "a")
        self.assertEqual(self.kept(), {"a": Override(None, 9.0)})

    def test_another_name_in_the_file_counts(self) -> None:
        self.renamed("a", "Hall 3")
        meter = evolve(self.file.meters[0], device_name="Hall 5")
        self.file = evolve(self.file, meters=(meter,))
        self.settled(interval=9)
        self.assertEqual(self.configuration.meters[0].device_name, "Hall 5")

    def test_the_end(self) -> None:
        changed = self.change(interval=9)
        self.overrides.stop()
        self.assertNoResult(changed)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.kept(), {"a": Override(None, 9.0)})
