"""The views of the page beside meters, on one running daemon: what they do, and how they look."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files

from dlmsd.store.diagnostics import Severity
from tests.integration.browser import BROWSER, HOSTILE, Page, browsing, expect, need_browser
from tests.integration.earlier import earlier
from tests.integration.mosquitto import free_port
from tests.integration.processes import wait_until
from tests.integration.rest import SINK, RestCase
from tests.integration.test_notices import NOTICES
from tests.integration.test_page_daemon import RULES

LOOKS = (("light", "en", 1280), ("dark", "es", 1280), ("light", "es", 390), ("dark", "en", 390))
VIEWS = ("alarms", "notices", "diagnosis", "sinks", "network", "discovery", "settings", "logs")
OF_BEFORE: tuple[tuple[Severity, bool], ...] = (
    ("warning", False), ("critical", False), ("error", True), ("info", True),
)  # fmt: skip


class ViewTests(RestCase):
    """One meter that is read, alarms and health checks of before, one broker that is away."""

    def test_each_view_does_its_work_and_reads_well(self) -> None:
        need_browser()
        text = SINK + NOTICES.format(port=free_port())
        self.begin(2, web='scan_networks = ["127.0.0.0/8"]\n', text=text)
        self.number = self.good("POST", "/api/meters", {**self.documented(), "interval": 1})["id"]
        self.remember("first")
        wait_until(lambda: self.daemon.status()["meters"][0]["good"], "it is read")
        for part in (
            self.alarms,
            self.diagnosis,
            self.sinks,
            self.network,
            self.discovery,
            self.settings,
            self.logs,
        ):
            BROWSER.run(lambda part=part: self.browse(part))  # type: ignore[misc]
        BROWSER.run(self.only_reading)
        BROWSER.run(self.audited)
        BROWSER.run(self.interrupted)
        self.end()

    def remember(self, rule: str) -> None:
        """What an earlier run would have left."""
        details = json.dumps({"rule": "x", "numbers": {"minutes": 12}, "quotes": [HOSTILE]})
        with earlier(self.folder / "daemon/state") as before:
            alarms, health, now = before.registry.alarms, before.registry.health, before.at
            for index, (severity, over) in enumerate(OF_BEFORE):
                before.at = now - (4 - index) * 3600
                message = f"trouble {index} of {HOSTILE}"
                more = {"category": "mqtt", "meter": self.number if index else None}
                before.do(
                    alarms.raise_(
                        f"{rule}{index}", HOSTILE, severity, message, details=details, **more
                    )
                )
                classes = {"healthy": 3, "degraded": index, "critical": 0, "down": 1}
                told = {"minutes": 60, "status": index % 3, "classes": classes, "meters": {}}
                before.do(health.add(index % 3, json.dumps(told)))
                before.at = now
                if over:
                    before.do(alarms.clear(f"{rule}{index}", HOSTILE))

    def browse(self, part: object) -> None:
        with browsing() as (page, wrong):
            page.goto(f"{self.base}/?lang=en#token={self.token}")
            part(page)  # type: ignore[operator]
        # A refused body is a line of the browser's own.
        self.assertEqual([line for line in wrong if "422" not in line], [], part)

    def go(self, page: Page, place: str, language: str = "en") -> None:
        page.goto(f"{self.base}/?lang={language}#/{place}")
        page.wait_for_selector("#view h1")

    def alarms(self, page: Page) -> None:
        page.get_by_role("link", name="Alarms").click()
        expect(page.locator("#view h1")).to_have_text("Alarms")
        standing, past = page.locator(".alarms").nth(0), page.locator(".alarms").nth(1)
        rows = standing.locator(".alarm", has_text="trouble")
        expect(rows.nth(0)).to_contain_text(f"trouble 1 of {HOSTILE}")
        expect(rows.nth(0)).to_contain_text("medidor_planta_A · MQTT")
        expect(rows.nth(1)).to_contain_text(f"trouble 0 of {HOSTILE}")
        rows.nth(0).locator("summary").click()
        expect(rows.nth(0).locator(".evidence")).to_have_text(f"minutes: 12{HOSTILE}")
        rows.nth(0).get_by_role("button", name="Acknowledge").press("Enter")
        expect(rows.nth(0)).to_contain_text("Acknowledged by web, ")
        expect(rows.nth(0).get_by_role("button", name="Acknowledge")).to_be_hidden()
        page.get_by_label(re.compile("Select: trouble 0")).check()
        page.get_by_label(re.compile("Select: trouble 2")).check()
        page.get_by_role("button", name="Acknowledge selected (2)").click()
        expect(page.locator(".alarm", has_text="Acknowledged by web")).to_have_count(3)
        who = {one["acknowledged_by"] for one in self.good("GET", "/api/alarms?acknowledged=true")}
        self.assertEqual(who, {"web"})
        page.get_by_label("Severity").select_option("Error")
        expect(past.locator(".alarm")).to_have_count(1)
        page.get_by_label("Severity").select_option("Any severity")
        page.get_by_label("Acknowledged", exact=True).select_option("Not acknowledged")
        expect(past.locator(".alarm")).to_have_count(1)
        expect(past).to_contain_text("trouble 3")
        page.get_by_label("Acknowledged", exact=True).select_option("Acknowledged or not")
        expect(past.locator(".alarm")).to_have_count(2)
        page.get_by_label("Meter", exact=True).fill("nobody")
        page.get_by_label("Meter", exact=True).press("Enter")
        expect(past.locator(".alarm")).to_have_count(0)
        page.get_by_label("Meter", exact=True).fill("")
        page.get_by_label("Meter", exact=True).press("Enter")
        past.get_by_role("button", name=re.compile("Delete: trouble 3")).click()
        expect(past.locator(".alarm")).to_have_count(1)
        page.get_by_role("button", name="Delete those that are over").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete those").click()
        expect(page.get_by_text("No alarm is over yet.")).to_be_visible()
        self.assertEqual(page.locator("main script").count(), 0)

    def diagnosis(self, page: Page) -> None:
        page.get_by_role("link", name="Diagnosis").click()
        expect(page.locator("#view h1")).to_have_text("Diagnosis")
        expect(page.locator(".healths")).to_contain_text("1healthy, 90 % or more")
        checks = page.locator(".checks li")
        expect(checks).to_have_count(4)
        expect(checks.nth(2)).to_contain_text("Something needs attention3 healthy, 1 degraded")
        expect(page.locator(".chart")).to_contain_text("Meters by class")
        page.get_by_role("button", name="24 h").click()
        expect(page).to_have_url(re.compile("minutes=1440"))
        for name, start in (("Plan as JSON", '{"at":'), ("Plan as Markdown", "# Action plan")):
            with page.expect_download() as download:
                page.get_by_role("button", name=name).click()
            self.assertTrue(download.value.path().read_text().startswith(start), name)

    def network(self, page: Page) -> None:
        page.get_by_role("link", name="Network").click()
        figures = page.locator(".panel")
        expect(figures).to_contain_text(re.compile("DLMS sent[1-9]"))
        expect(page.locator(".chart")).to_have_count(5)
        page.get_by_label("Meter", exact=True).fill("medidor_planta_A")
        page.get_by_label("Meter", exact=True).press("Enter")
        expect(figures).to_contain_text(re.compile("Requests[1-9]"))
        page.get_by_label("Meter", exact=True).fill("nobody")
        page.get_by_label("Meter", exact=True).press("Enter")
        expect(page.get_by_text("There is no such meter.")).to_be_visible()

    def sinks(self, page: Page) -> None:
        page.get_by_role("link", name="Sinks").click()
        card = page.locator(".card", has_text="plain")
        expect(card).to_contain_text("mqtt · mqtt://127.0.0.1:1")
        expect(card).to_contain_text("The broker cannot be reached")
        expect(card).to_contain_text("Seen since")
        expect(card).to_contain_text(re.compile("Ever queued[1-9]"))
        expect(page.get_by_label("What happened")).to_contain_text(
            f"trouble 0 of {HOSTILE} (still lasts)"
        )
        ends = page.get_by_label("Disconnections of the last week")
        expect(ends).to_contain_text(re.compile("Away.*plain.*it never stood before; away for"))
        expect(page.get_by_text("No gap.")).to_be_visible()

    def discovery(self, page: Page) -> None:
        place = self.meters.endpoints[1]  # which nobody reads, so that it has time for a stranger
        page.get_by_role("link", name="Discovery").click()
        expect(page.get_by_text("May be searched: 127.0.0.0/8")).to_be_visible()
        expect(page.get_by_label("First address")).to_have_value("127.0.0.1")
        expect(page.get_by_label("Last address")).to_have_value("127.0.0.254")
        page.get_by_label("First address").fill("127.0.0.300")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_label("First address")).to_be_focused()
        expect(page.get_by_label("First address")).to_have_attribute("aria-invalid", "true")
        page.get_by_label("First address").fill("127.0.0.1")
        page.get_by_label("Last address").fill("127.0.0.2")
        page.get_by_label("Ports").fill(str(place["port"]))
        page.get_by_role("button", name="Search").click()
        results = page.locator(".searched")
        expect(results).to_contain_text("Done · 1 answered", timeout=30_000)
        expect(results).to_contain_text(f"127.0.0.1:{place['port']}")
        page.get_by_role("link", name=f"Add 127.0.0.1:{place['port']}").click()
        expect(page.get_by_label("IP address or host")).to_have_value("127.0.0.1")
        expect(page.get_by_label("Port", exact=True)).to_have_value(str(place["port"]))
        expect(page.get_by_role("button", name="Add meter")).to_be_visible()
        self.go(page, "discovery")
        page.get_by_label("First address").fill("127.0.0.1")
        page.get_by_label("Last address").fill("127.0.9.255")
        page.get_by_label("Ports").fill("1")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#view [role=status]", has_text="Stopped")).to_be_visible()

    def settings(self, page: Page) -> None:
        page.get_by_role("link", name="Settings").click()
        expect(page.locator(".panel")).to_contain_text("Meters, active1 / 1")
        expect(page.locator(".in-force")).to_contain_text('scan_networks["127.0.0.0/8"]')
        expect(page.locator(".in-force")).to_contain_text("[[sinks]] plain")
        expect(page.locator(".changes")).to_contain_text("webalarm acknowledged: 1")
        with self.daemon.config.open("a") as file:
            file.write('[[sinks]]\nname = "second"\nkind = "mqtt"\nurl = "mqtt://127.0.0.1:2"\n')
        page.get_by_role("button", name="Read the configuration again").click()
        expect(page.get_by_text("Changed sinks: second")).to_be_visible()
        expect(page.locator(".in-force")).to_contain_text("[[sinks]] second")
        self.tokens(page)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download a backup").click()
        self.assertRegex(download.value.suggested_filename, r"^dlmsd-.*\.tar$")
        page.get_by_role("button", name="Dark", exact=True).click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.get_by_role("button", name="Español").click()
        expect(page.locator("#view h1")).to_have_text("Ajustes")

    def tokens(self, page: Page) -> None:
        table = page.locator(".tokens")
        expect(table).to_contain_text("web (yours)may change")
        page.get_by_role("button", name="Make a token").click()
        expect(page.get_by_label("Name", exact=True)).to_be_focused()
        expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
        page.keyboard.type("wall screen")
        page.keyboard.press("Enter")
        shown = page.get_by_label("The new token")
        expect(shown).to_be_focused()
        made = shown.inner_text()
        heard = self.ask("GET", "/api/session", Authorization=f"Bearer {made}").json
        self.assertEqual((heard["name"], heard["role"]), ("wall screen", "read"))
        row = table.locator("tr", has_text="wall screen")
        expect(row).to_contain_text("reads")
        page.get_by_role("button", name="Revoke wall screen").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(row).to_have_count(0)
        expect(page.get_by_text(made)).to_be_hidden()
        heard = self.ask("GET", "/api/tokens", Authorization=f"Bearer {made}")
        self.assertEqual(heard.status, 401)
        expect(page.locator(".changes")).to_contain_text("token removed: wall screen")

    def logs(self, page: Page) -> None:
        page.get_by_role("link", name="Logs").click()
        lines = page.locator(".log li")
        expect(
            lines.filter(has_text="Alarm: ").or_(lines.filter(has_text="plain")).first
        ).to_be_visible()
        page.get_by_label("Level").select_option("Errors and above")
        expect(page.get_by_text("No line fits.")).to_be_visible()
        page.get_by_label("Level").select_option("Every level")
        page.get_by_label("Text in the line").fill("SECOND")
        expect(lines.first).to_contain_text("second")
        expect(lines.filter(has_not_text=re.compile("second"))).to_have_count(0)
        with page.expect_download() as download:
            page.get_by_role("button", name="Save as text").click()
        self.assertIn("second", download.value.path().read_text())

    def only_reading(self) -> None:
        """Without a token: nothing to press that would be refused, and no log."""
        with browsing() as (page, wrong):
            page.goto(f"{self.base}/?lang=en")
            self.go(page, "logs")
            expect(page.get_by_text("To see the log, sign in")).to_be_visible()
            self.go(page, "alarms")
            expect(page.locator(".alarm", has_text="trouble 0")).to_be_visible()
            expect(page.locator("#view .alarm button:visible")).to_have_count(0)
            self.go(page, "discovery")
            expect(page.get_by_role("button", name="Search")).to_have_count(0)
        self.assertEqual(wrong, [])
        self.assertEqual(self.ask("GET", "/api/logs", Authorization="").status, 401)

    def audited(self) -> None:
        """By axe, and nothing is wider than the screen or said to the console."""
        self.remember("second")
        for theme, language, width in LOOKS:
            size = {"width": width, "height": 900}
            with browsing(color_scheme=theme, viewport=size) as (page, wrong):
                page.goto(f"{self.base}/?lang={language}#token={self.token}")
                for view in VIEWS:
                    self.go(page, view, language)
                    page.wait_for_timeout(700)
                    for summary in page.locator("summary").all()[:2]:
                        summary.click()
                    self.assertEqual(self.violations(page), [], (view, theme, width))
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    self.assertEqual(wide, width, view)
            self.assertEqual(wrong, [])

    def interrupted(self) -> None:
        """What is seen only now and then is judged by axe too: a question, notes, errors."""
        for theme, _, width in LOOKS[0], LOOKS[3]:
            size = {"width": width, "height": 900}
            with browsing(color_scheme=theme, viewport=size) as (page, wrong):
                page.goto(f"{self.base}/?lang=en#token={self.token}")
                for place, wait in self.moments(page):
                    page.wait_for_selector(wait)
                    page.wait_for_timeout(300)
                    self.assertEqual(self.violations(page), [], (place, theme, width))
            # A refused request is a line of the browser's own.
            self.assertEqual([one for one in wrong if "Failed to load" not in one], [])

    def moments(self, page: Page) -> Iterator[tuple[str, str]]:
        """Each with what must be there then."""
        self.go(page, "alarms")
        page.get_by_role("button", name="Delete those that are over").click()
        yield "a question", "dialog[open]"
        page.keyboard.press("Escape")
        self.go(page, "discovery")
        page.get_by_label("First address").fill("127.0.0.300")
        page.get_by_role("button", name="Search").click()
        yield "a wrong field", "[aria-invalid=true]"
        self.go(page, "settings")
        page.get_by_role("button", name="Make a token").click()
        yield "an empty field", "[aria-invalid=true]"
        self.go(page, "meter/medidor_planta_A")
        page.get_by_role("button", name="Read now").click()
        yield "a note", ".toast:not(.wrong)"
        refusal = '{"title": "Refused", "status": 503, "detail": "The disk is full."}'
        page.route("**/api/meters/*/read*", lambda route: route.fulfill(
            status=503, content_type="application/problem+json", body=refusal))  # fmt: skip
        page.get_by_role("button", name="Read now").click()
        yield "what did not work", ".toast.wrong"
        self.go(page, "add")
        page.get_by_role("button", name="Add meter").click()
        # Else a bar that stays in view lies over fields, which axe counts as too small then.
        assert page.viewport_size is not None
        page.set_viewport_size({**page.viewport_size, "height": 3000})
        yield "a form with errors", "[aria-invalid=true]"
        self.go(page, "meter/nobody")
        yield "a meter that is not there", "#view h1"
        page.route("**/api/**", lambda route: route.abort())
        for view in VIEWS:
            self.go(page, view)
            yield f"{view} without a daemon", "#view h1"

    def violations(self, page: Page) -> list[tuple[object, ...]]:
        # The test's own script is not the page's: what the page may do is judged elsewhere.
        axe = files("axe_playwright_python").joinpath("axe.min.js").read_text()
        page.evaluate(axe)
        found = page.evaluate(
            "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
        )
        return [
            (one["id"], node["target"], node["failureSummary"])
            for one in found["violations"]
            for node in one["nodes"]
        ]
