"""One message for each alarm and change: when it goes, what holds it back, what it survives."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

from attrs import evolve
from twisted.internet.defer import Deferred

from dlmsd.config.notice import Hours
from dlmsd.errors import StoreError
from dlmsd.store.notices import KEEP, MOST
from dlmsd.watch.finding import Finding
from dlmsd.watch.notify.route import FAILING
from tests.watch.notify.duty import BUSY, DUTY, DutyCase

NIGHT = evolve(DUTY, quiet=Hours(time(22), time(6)))


class ChangeTests(DutyCase):
    def test_each_change_once(self) -> None:
        self.begin(DUTY)
        for severity in ("warning", "warning", "critical", "critical", "error"):
            self.raised(severity=severity)
            self.wait(10)
        self.cleared()
        self.cleared()
        self.wait(60)
        self.assertEqual(self.desk.said, [("raised",), ("changed",), ("changed",), ("cleared",)])
        document = self.desk.taken[1].document
        self.assertEqual((document["was"], document["severity"]), ("warning", "critical"))
        self.assertEqual(document["title"], "Now critical, was warning: a: another client holds it")
        self.assertEqual(document["link"], "https://page/")
        self.assertEqual(document["evidence"][1], "closed")
        self.assertTrue(document["actions"][0]["text"])
        self.assertEqual(len({one.thread for one in self.desk.taken}), 1)
        self.assertEqual(len({one.id for one in self.desk.taken}), 4)

    def test_who_was_told_that_it_is_bad_is_told_of_all_that_follows(self) -> None:
        self.begin(evolve(DUTY, severity="error"))
        self.raised(severity="warning")
        self.wait(10)
        self.assertEqual(self.desk.said, [])
        self.raised(severity="error")
        self.raised(severity="info")
        self.cleared()
        self.raised(severity="warning")
        self.cleared()
        self.wait(60)
        self.assertEqual(self.desk.said, [("changed",), ("changed",), ("cleared",)])

    def test_only_some_meters_and_categories(self) -> None:
        other = evolve(BUSY, subject="b", meters=("b",))
        line = Finding(
            "line-down", "h:1", "error", 0.9, {"count": 9, "seconds": 1}, (), (*"cdefg",)
        )
        disk = Finding("disk-low", "disk", "error", 0.9, {"free": 1, "percent": 1})
        expected = {
            ("a*",): {"a", "h:1"},
            ("?",): {"a", "b", "h:1"},
            (): {"a", "b", "h:1", "disk"},
        }
        for meters, subjects in expected.items():
            self.desk.taken.clear()
            self.begin(evolve(DUTY, meters=meters))
            for finding in (BUSY, other, line, disk):
                self.raised(finding)
                self.cleared(finding)
            self.wait(10)
            self.assertEqual({one.document["subject"] for one in self.desk.taken}, subjects)
        self.desk.taken.clear()
        self.change(evolve(DUTY, categories=("storage",)))
        self.raised()
        self.wait(10)
        self.assertEqual(self.desk.said, [])

    def test_in_its_language(self) -> None:
        self.begin(evolve(DUTY, language="es"))
        self.raised()
        self.wait(10)
        self.assertEqual(self.desk.taken[0].title, "Nueva, error: a: otro cliente lo ocupa")

    def test_what_stood_before_is_no_news(self) -> None:
        self.raised()
        self.begin(DUTY)
        self.raised()
        self.wait(60)
        self.assertEqual(self.desk.said, [])
        self.cleared()
        self.wait(10)
        self.assertEqual(self.desk.said, [("cleared",)])


class HeldTests(DutyCase):
    def test_quiet_hours_are_told_as_one_digest_after_them(self) -> None:
        self.begin(NIGHT)
        self.until(22, 30)
        self.raised()
        self.cleared()
        self.raised(evolve(BUSY, subject="b"))
        self.until(5, 59)
        self.assertEqual(self.desk.said, [])
        self.until(6, 1)
        self.assertEqual(self.desk.said, [("raised", "cleared", "raised")])
        self.assertEqual(self.desk.taken[0].title, "3 alarms and changes")
        self.cleared(evolve(BUSY, subject="b"))
        self.wait(10)
        self.assertEqual(self.desk.said[1:], [("cleared",)])

    def test_quiet_where_the_receiver_is_over_a_change_of_the_hour(self) -> None:
        # Chile's clocks go back at the end of 4 April 2026: 22:00 to 06:00 are nine hours.
        self.now = 1775350800.0  # 2026-04-05 01:00 UTC, 22:00 there
        self.begin(evolve(NIGHT, timezone=ZoneInfo("America/Santiago")))
        self.raised()
        self.wait(9 * 3600 - 30)
        self.assertEqual(self.desk.said, [])
        self.wait(40)
        self.assertEqual(self.desk.said, [("raised",)])

    def test_what_is_urgent_wakes(self) -> None:
        self.begin(evolve(NIGHT, urgent="critical", digest=30))
        self.until(23)
        self.raised()
        self.wait(10)
        self.raised(severity="critical")
        self.wait(10)
        self.assertEqual(self.desk.said, [("changed",)])
        self.cleared()
        self.until(6, 1)
        self.assertEqual(self.desk.said[1:], [("raised", "cleared")])

    def test_a_digest_gathers_from_the_first_one_on(self) -> None:
        self.begin(evolve(DUTY, digest=5))
        self.raised()
        self.wait(200)
        self.cleared()
        self.wait(90)
        self.assertEqual(self.desk.said, [])
        self.wait(20)
        self.assertEqual(self.desk.said, [("raised", "cleared")])

    def test_a_clock_that_was_set_back_holds_no_digest(self) -> None:
        self.begin(evolve(DUTY, digest=5))
        self.raised()
        self.now -= 86_400
        self.wait(10)
        self.assertEqual(self.desk.said, [("raised",)])


class TroubleTests(DutyCase):
    def test_tried_again_in_order_and_less_and_less_often(self) -> None:
        self.begin(DUTY)
        self.desk.down = True
        self.raised()
        self.cleared()
        self.wait(3600)
        self.assertEqual((self.desk.attempts, self.desk.taken), (9, []))
        (status,) = self.notifier.statuses
        self.assertEqual((status.waiting, status.failures), (2, 9))
        self.assertEqual(status.error, "nobody is there")
        self.desk.down = False
        self.wait(900)
        self.assertEqual(self.desk.said, [("raised",), ("cleared",)])
        self.assertEqual(self.notifier.statuses[0].failures, 0)

    def test_what_was_sent_and_what_could_not_be_is_kept(self) -> None:
        self.begin(DUTY)
        self.desk.down = True
        self.raised()
        self.wait(60)
        sendings = self.registry.notices.sendings
        (failed,) = self.done(sendings.list())
        self.assertEqual(
            (failed.taken, failed.said, failed.attempts), (False, "nobody is there", 3)
        )
        self.desk.down = False
        self.wait(120)
        self.cleared()
        self.wait(20)
        found = self.done(sendings.list(receiver="duty"))
        self.assertEqual([one.taken for one in found], [True, True, False])
        self.assertEqual({one.alarms for one in found}, {(1,)})
        self.assertEqual(found[1].said, "200")
        self.assertIn("another client holds it", found[1].title)
        self.assertEqual(self.done(sendings.list(receiver="other")), ())
        self.assertEqual(len(self.done(sendings.list(before=found[0].id))), 2)
        self.now += 91 * 86_400
        self.done(self.registry.sweep())
        self.assertEqual(self.done(sendings.list()), ())

    def test_one_that_hangs_holds_up_no_other_and_ends_with_its_time(self) -> None:
        self.begin(DUTY, evolve(DUTY, name="other", severity="critical"))
        self.desk.hold = True
        self.raised()
        self.wait(10)
        self.desk.hold = False
        self.raised(severity="critical")
        self.wait(5, 5.0)
        self.assertEqual(self.desk.said, [("changed",)])
        self.wait(60)
        self.assertEqual(sorted(self.desk.said), [("changed",), ("changed",), ("raised",)])

    def test_nobody_is_told_of_his_own_deafness(self) -> None:
        self.begin(DUTY, evolve(DUTY, name="other"))
        numbers = {"failures": 3, "seconds": 100, "waiting": 1}
        self.raised(Finding(FAILING, "duty", "error", 0.9, numbers))
        self.cleared(Finding(FAILING, "duty", "error", 0.9, numbers))
        self.wait(30)
        self.assertEqual(self.desk.said, [("raised",), ("cleared",)])
        self.assertEqual({one.id.split(".")[0] for one in self.desk.taken}, {b"other".hex()})

    def test_what_was_taken_and_could_not_be_written_down_does_not_go_again(self) -> None:
        self.begin(DUTY)
        told = self.registry.notices.told

        async def refuse(*_: object) -> None:
            raise StoreError("the disk is full")

        self.registry.notices.told = refuse  # type: ignore[method-assign]
        self.raised()
        self.wait(120)
        self.registry.notices.told = told  # type: ignore[method-assign]
        self.cleared()
        self.wait(60)
        self.assertEqual(self.desk.said, [("raised",), ("cleared",)])
        self.assertEqual(self.look("SELECT count(*) FROM notices"), [(0,)])

    def test_never_more_than_so_many_wait_nor_longer_than_a_week(self) -> None:
        self.begin(DUTY)
        self.desk.down = True
        for number in range(MOST + 5):
            self.raised(evolve(BUSY, subject=f"m{number}"))
        self.assertEqual(self.look("SELECT count(*) FROM notices"), [(MOST,)])
        self.now += KEEP / 1000 + 1
        self.raised(evolve(BUSY, subject="last"))
        self.desk.down = False
        self.wait(10)
        (message,) = self.desk.taken
        self.assertEqual(message.document["dropped"], MOST + 5)
        self.assertIn("1005 older ones were given up", message.text)
        self.cleared(evolve(BUSY, subject="last"))
        self.wait(10)
        self.assertEqual(self.desk.said[1:], [("cleared",)])

    def test_a_receiver_that_is_gone_leaves_nothing(self) -> None:
        self.begin(DUTY)
        self.desk.down = True
        self.raised()
        self.wait(10)
        self.change()
        self.wait(10)
        self.assertEqual(self.look("SELECT count(*) FROM notices"), [(0,)])

    def test_a_stop_hears_who_is_just_about_to_answer(self) -> None:
        self.begin(DUTY)
        self.desk.hold = True
        self.raised()
        self.wait(10)
        stopping = Deferred.fromCoroutine(self.notifier.stop())
        self.clock.advance(1)
        self.desk.answer()
        self.successResultOf(stopping)
        self.assertEqual(self.look("SELECT count(*) FROM notices"), [(0,)])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class DailyTests(DutyCase):
    def test_once_a_day_whatever_happens(self) -> None:
        daily = evolve(DUTY, daily=time(7), quiet=Hours(time(6), time(9)))
        self.begin(daily)
        self.until(11)
        self.assertEqual(self.reports, 1)
        (message,) = self.desk.taken
        self.assertEqual(message.title, "Health of the last day: Something is badly wrong.")
        self.assertIn("Delivered: 90.0 %, 10 wait", message.text)
        self.assertEqual(message.document["worst"][0]["meter"], "b")
        for _ in range(3):
            self.begin(daily)
            self.wait(600)
        self.assertEqual(self.reports, 1)
        self.raised()
        self.now += 3 * 86_400  # nobody was there
        self.begin(evolve(daily, language="es"))
        self.wait(10)
        self.assertEqual(self.reports, 2)
        self.assertTrue(self.desk.taken[-2].title.startswith("Estado del último día: "))

    def test_the_first_one_is_of_a_whole_day(self) -> None:
        self.begin(evolve(DUTY, daily=time(7)))
        self.wait(3600)
        self.assertEqual(self.reports, 0)
