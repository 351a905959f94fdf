"""Hostile names and texts through the running daemon: refused where they are names, and text on
every view where they are not."""

from __future__ import annotations

import csv
import json

from dlmsd.store.diagnostics import Diagnostic
from dlmsd.store.disconnects import Disconnect
from dlmsd.store.sendings import Sending
from tests.integration.browser import BROWSER, browsing, expect, need_browser
from tests.integration.earlier import earlier
from tests.integration.processes import wait_until
from tests.integration.rest import RestCase
from tests.integration.test_page_daemon import VIEWS as METER_VIEWS
from tests.integration.test_page_views import VIEWS

SCRIPT = "<script>window.pwned=1</script>"
IMAGE = '"><img src=x onerror="window.pwned=1">'
HOSTILE = (
    SCRIPT,
    IMAGE,
    "\u202egpj.exe",
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE meters; --",
    "line\r\nX-Injected: 1",
    "${7*7}{{7*7}}",
    "a/b+c#",
)
TEXT = f"{SCRIPT} {IMAGE} \u202egpj.exe =cmd|' /C calc'!A0 {{{{7*7}}}}"


class HostileTests(RestCase):
    def test_a_name_is_refused_and_a_text_stays_text(self) -> None:
        need_browser()
        self.begin()
        for name in HOSTILE:
            heard = self.ask("POST", "/api/meters", self.documented() | {"name": name})
            self.assertEqual(heard.status, 422, name)
            self.assertEqual([one["field"] for one in heard.json["errors"]], ["name"], name)
            self.assertNotIn(json.dumps(name)[1:-1].encode(), heard.body)
        called = self.documented() | {"tb_device_name": TEXT, "interval": 1}
        heard = self.ask("POST", "/api/meters", called)
        if heard.status == 422:  # what nobody prints is no name of a device either
            called["tb_device_name"] = TEXT.replace("\u202e", "")
        self.number = self.good("POST", "/api/meters", called)["id"]
        key = {"measurement_name": "frequency", "tb_key": "=1+1"}
        heard = self.ask("POST", f"/api/meters/{self.number}/config", key)
        self.assertIn(heard.status, (200, 201, 422))
        wait_until(lambda: self.daemon.status()["meters"][0]["good"], "it is read")
        self.remember()
        BROWSER.run(self.seen)
        table = self.ask("GET", f"/api/meters/{self.number}/readings?format=csv").body.decode()
        for row in csv.reader(table.splitlines()):
            self.assertFalse([cell for cell in row if cell.startswith(("=", "@", "+"))], row)
        self.end()

    def remember(self) -> None:
        """What brokers and meters may have said in an earlier life."""
        with earlier(self.folder / "daemon/state") as before:
            kept, number, at = before.registry, self.number, int(before.at * 1000)
            before.do(
                kept.alarms.raise_("x", TEXT, "error", TEXT, category="mqtt", meter=number),
                kept.disconnects.write([Disconnect("plain", number, at, "unknown", TEXT, (TEXT,))]),
                kept.audit.add(TEXT, TEXT, TEXT, TEXT),
                kept.diagnostics.add(Diagnostic("error", "hdlc", TEXT, number)),
                kept.notices.sendings.write(Sending(TEXT, at, TEXT, (1,), True, TEXT)),
            )

    def seen(self) -> None:
        with browsing() as (page, wrong):
            page.goto(f"{self.base}/?lang=en#token={self.token}")
            for view in (*METER_VIEWS, *VIEWS):
                page.goto(f"{self.base}/?lang=en#/{view}")
                page.wait_for_selector("#view h1")
                if view in ("alarms", "sinks", "notices", "settings", "meter/medidor_planta_A"):
                    expect(page.locator("#view")).to_contain_text(SCRIPT)
                    expect(page.locator("#view")).to_contain_text(IMAGE)
                page.wait_for_timeout(400)
                self.assertIsNone(page.evaluate("window.pwned ?? null"), view)
                self.assertEqual(page.locator("main script, main img").count(), 0, view)
            # A name that only stands in the address.
            page.goto(f"{self.base}/?lang=en#/meter/{SCRIPT}")
            expect(page.locator("#view h1")).to_have_text(SCRIPT)
            self.assertIsNone(page.evaluate("window.pwned ?? null"))
        # Whatever the policy refuses would be a line here.
        self.assertEqual(wrong, [])
