"""Alarms of findings: raised once, changed with their severity, gone some time after them."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from dlmsd.errors import StoreError
from dlmsd.store.alarms import Alarm
from dlmsd.watch.alarms import GONE_SECONDS, HOLD_SECONDS, REFRESH_SECONDS, AlarmKeeper
from dlmsd.watch.finding import Finding
from dlmsd.watch.language import Language
from dlmsd.watch.rules.meter import share_finding
from tests.store.registry_case import RegistryCase

NUMBERS = {"address": "h:1", "seconds": 30, "failures": 3, "attempts": 2}
DOWN = Finding("meter-busy", "a", "error", 0.8, NUMBERS, ("closed",), ("a",))


class AlarmTests(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = 0.0
        self.done(self.registry.configured(["a"]))
        self.begin()

    def begin(self, code: str = "en") -> None:
        language = Language.of(code)
        self.keeper = AlarmKeeper(self.registry.alarms, lambda: self.registry.ids, language)

    def keep(self, *findings: Finding, after: float = 10.0) -> None:
        self.clock += after
        self.done(self.keeper.keep(findings, self.clock))

    def rows(self) -> list[Alarm]:
        return list(self.done(self.registry.alarms.list()))

    def test_raised_once_with_its_words_and_all_that_is_known(self) -> None:
        for _ in range(5):
            self.keep(DOWN)
        (alarm,) = self.rows()
        self.assertEqual(alarm.message, "a: another client holds it")
        self.assertEqual((alarm.severity, alarm.category), ("error", "connection"))
        self.assertEqual(alarm.meter, self.registry.ids["a"])
        self.assertEqual(Finding.decode(alarm.details), DOWN)
        self.assertEqual(self.keeper.standing, {"error": 1})

    def test_severity_changes_it_at_once_and_numbers_now_and_then(self) -> None:
        self.keep(DOWN)
        self.keep(evolve(DOWN, numbers={**NUMBERS, "seconds": 40}))
        self.assertEqual(Finding.decode(self.rows()[0].details), DOWN)
        worse = evolve(DOWN, severity="critical", numbers={**NUMBERS, "seconds": 50})
        self.keep(worse)
        (alarm,) = self.rows()
        self.assertEqual((alarm.severity, Finding.decode(alarm.details)), ("critical", worse))
        later = evolve(worse, numbers={**NUMBERS, "seconds": 700})
        self.keep(later, after=REFRESH_SECONDS)
        self.assertEqual(Finding.decode(self.rows()[0].details), later)

    def share(self, good: int) -> Finding:
        finding = share_finding("a", good, 100 - good, 10)
        assert finding is not None
        return finding

    def test_a_decline_is_one_alarm_that_grows_at_once_and_lessens_slowly(self) -> None:
        told = []
        for good in (80, 40, 0, 40, 0, 40):
            self.keep(self.share(good))
            (alarm,) = self.rows()
            told.append((alarm.rule, alarm.severity))
        self.assertEqual({rule for rule, _ in told}, {"success-rate"})
        self.assertEqual([severity for _, severity in told],
                         ["warning", "error", *["critical"] * 4])  # fmt: skip
        self.keep(self.share(40), after=HOLD_SECONDS)
        (alarm,) = self.rows()
        self.assertEqual((alarm.severity, alarm.message),
                         ("error", "a: critical, 40 % of cycles are good"))  # fmt: skip
        self.begin()
        self.keep(self.share(40))
        self.keep(after=HOLD_SECONDS)
        (alarm,) = self.rows()
        self.assertIsNotNone(alarm.cleared_at, "and it is known over a restart")

    def test_what_comes_and_goes_is_one_alarm(self) -> None:
        for _ in range(10):
            self.keep(DOWN)
            self.keep(after=HOLD_SECONDS - 20)
        (alarm,) = self.rows()
        self.assertIsNone(alarm.cleared_at)
        self.keep(after=HOLD_SECONDS)
        self.assertIsNotNone(self.rows()[0].cleared_at)
        self.assertEqual(self.keeper.standing, {})
        self.keep(DOWN)
        self.assertEqual(len(self.rows()), 2)

    def test_one_that_is_gone_says_so_until_it_ends(self) -> None:
        self.keep(DOWN)
        self.keep(after=GONE_SECONDS - 10)
        self.assertFalse(self.found().gone, "two looks without it are no news")
        self.registry.alarms.raise_, raise_ = self.counted, self.registry.alarms.raise_
        self.raise_, self.raised = raise_, 0
        for _ in range(4):
            self.keep()
        self.assertEqual((self.found(), self.raised), (evolve(DOWN, gone=True), 1))
        news = evolve(DOWN, numbers={**NUMBERS, "seconds": 40})
        self.keep(news)
        self.assertEqual(self.found(), news, "and its words are those of now")
        self.assertEqual(self.keeper.standing, {"error": 1})
        self.assertEqual(len(self.rows()), 1)

    async def counted(self, *said: Any, **more: Any) -> tuple[int, bool]:
        self.raised += 1
        told: tuple[int, bool] = await self.raise_(*said, **more)
        return told

    def found(self) -> Finding:
        finding = Finding.decode(self.rows()[0].details)
        assert finding is not None
        return finding

    def test_what_was_gone_ends_with_a_start(self) -> None:
        """Each start gave it as long as any."""
        other = evolve(DOWN, rule="meter-closes")
        self.keep(DOWN, other)
        self.keep(other, after=GONE_SECONDS)
        self.begin()
        self.keep()
        standing = {one.rule for one in self.rows() if one.cleared_at is None}
        self.assertEqual(standing, {"meter-closes"}, "that one may only not be seen yet")
        self.keep(after=GONE_SECONDS)
        self.keep(after=HOLD_SECONDS)
        self.assertNotIn(None, [one.cleared_at for one in self.rows()])

    def test_of_another_life_the_words_are_renewed_at_once(self) -> None:
        self.keep(DOWN)
        self.begin()
        self.keep()
        news = evolve(DOWN, numbers={**NUMBERS, "seconds": 9})
        self.keep(news)
        self.assertEqual(self.found(), news)

    def test_a_daemon_that_starts_anew_finds_its_alarms(self) -> None:
        other = evolve(DOWN, rule="meter-closes")
        self.keep(DOWN, other)
        self.begin("es")
        self.keep(DOWN)
        self.assertEqual(self.keeper.standing, {"error": 2})
        self.keep(DOWN, after=HOLD_SECONDS)
        standing = [one for one in self.rows() if one.cleared_at is None]
        self.assertEqual([one.message for one in standing], ["a: otro cliente lo ocupa"])
        self.assertEqual(len(self.rows()), 2)

    def test_a_file_that_refuses_takes_no_alarm_away(self) -> None:
        raise_ = self.registry.alarms.raise_

        async def refuse(*_: object, **__: object) -> tuple[int, bool]:
            raise StoreError("the disk is full")

        self.registry.alarms.raise_ = refuse  # type: ignore[method-assign]
        self.refused(self.keeper.keep([DOWN], 10.0), StoreError)
        self.assertEqual((self.keeper.standing, self.rows()), ({"error": 1}, []))
        self.registry.alarms.raise_ = raise_  # type: ignore[method-assign]
        self.keep(DOWN)
        self.assertEqual(len(self.rows()), 1)

    def test_one_that_was_deleted_may_be_raised_again(self) -> None:
        self.keep(DOWN)
        self.done(self.registry.alarms.delete(self.rows()[0].id, "op"))
        self.keep(after=HOLD_SECONDS)
        self.keep(DOWN)
        self.assertEqual(len(self.rows()), 1)

    def test_one_that_was_deleted_is_raised_anew_while_its_condition_holds(self) -> None:
        other = evolve(DOWN, subject="b", meters=())
        self.keep(DOWN, other)
        first = {one.id for one in self.rows()}
        self.done(self.registry.alarms.delete(min(first), "op"))
        self.keep(DOWN, other)
        self.assertEqual(len(self.rows()), 2)
        self.done(self.registry.alarms.delete_all("op"))
        self.keep(other)
        self.assertEqual([one.subject for one in self.rows()], ["b"])
        self.assertEqual(self.keeper.standing, {"error": 1})
        self.assertTrue(first.isdisjoint(one.id for one in self.rows()))
