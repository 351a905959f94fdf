"""Receivers of notices through the running daemon: a test of one, what waits, what was sent."""

from __future__ import annotations

import re

from tests.integration.browser import BROWSER, browsing, expect, need_browser
from tests.integration.mosquitto import free_port
from tests.integration.processes import wait_until
from tests.integration.rest import SINK, RestCase

NOTICES = """
[watch]
notice_hosts = ["127.0.0.1"]
[[notices]]
name = "hook"
kind = "webhook"
severity = "info"
url = "http://127.0.0.1:{port}/secret-path"
[[notices]]
name = "night shift"
kind = "mail"
severity = "info"
quiet = "00:00-23:59"
digest = 5
host = "127.0.0.1"
tls = "none"
sender = "a@example.com"
recipients = ["b@example.com"]
"""


class NoticeTests(RestCase):
    def test_who_is_told_and_what_he_answers(self) -> None:
        self.begin(text=SINK + NOTICES.format(port=free_port()))
        hook, night = self.good("GET", "/api/notices")
        self.assertEqual((hook["name"], hook["failures"]), ("hook", 0))
        self.assertRegex(hook["to"], r"^127\.0\.0\.1:\d+$")
        self.assertEqual((night["to"], night["quiet"]), ("b@example.com", "00:00-23:59"))
        told = self.good("POST", "/api/notices/hook/test")
        self.assertEqual((told["success"], told["error"]), (False, "connection refused"))
        self.assertEqual(self.ask("POST", "/api/notices/other/test").status, 404)
        nobody = self.ask("POST", "/api/notices/hook/test", Authorization="")
        self.assertIn(nobody.status, (401, 403))
        wait_until(lambda: self.good("GET", "/api/notices/sent"), "a notice was tried", 60)
        self.add_up()
        need_browser()
        BROWSER.run(self.seen)
        self.end()

    def add_up(self) -> None:
        """What the sink that is away has led to."""
        (failed,) = self.good("GET", "/api/notices/sent?receiver=hook")
        self.assertEqual((failed["taken"], failed["said"]), (False, "connection refused"))
        self.assertEqual(len(failed["alarms"]), 1)
        held = {one["receiver"]: one["held"] for one in self.good("GET", "/api/notices/waiting")}
        self.assertEqual(held["hook"], "failing")
        self.assertIn(held["night shift"], ("quiet", "digest"))
        self.assertEqual(self.good("GET", "/api/notices/sent?receiver=x"), [])

    def seen(self) -> None:
        with browsing() as (page, wrong):
            page.goto(f"{self.base}/?lang=en#token={self.token}")
            page.get_by_role("link", name="Notices").click()
            card = page.locator(".card", has_text="hook")
            expect(card).to_contain_text("Takes nothing")
            expect(card).to_contain_text(
                re.compile("Not taken since .*connection refused|attempts")
            )
            page.get_by_role("button", name="Send a test to hook").press("Enter")
            expect(card.get_by_role("status")).to_contain_text("Not taken: connection refused.")
            night = page.locator(".card", has_text="night shift")
            expect(night).to_contain_text("mail · b@example.com")
            page.get_by_role("button", name="Send a test to night shift").click()
            expect(night.get_by_role("status")).to_contain_text("Not taken: ")
            waits = page.get_by_label("What waits")
            expect(waits.locator("li", has_text="hook")).to_contain_text("Failing")
            expect(page.get_by_label("What was sent")).to_contain_text(
                re.compile("Not taken.*hook.*; alarm 1; .*connection refused")
            )
            page.goto(f"{self.base}/?lang=es#/notices")
            expect(page.locator("#view h1")).to_have_text("Avisos")
        self.assertEqual(wrong, [])
