"""The page in a real browser, headless Chromium, on a real WebService."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from dlmsd.config.values import WebOptions
from dlmsd.fleet.board import Board, Status
from dlmsd.model import (
    CloseCause,
    ListenerState,
    ListenerStatus,
    MeterState,
    OutboxStatus,
    Reading,
    Rung,
    SinkState,
    Standing,
    Verdict,
)
from dlmsd.secret import Secret
from dlmsd.tokens import Tokens
from dlmsd.web.site import WebService
from tests.web.visitor import METER, SINK

try:
    from playwright.sync_api import Page, expect, sync_playwright
except ImportError:
    sync_playwright = None  # type: ignore[assignment]

CHROMIUM = shutil.which("chromium")
HOSTILE = '=cmd|"<script>document.title=1</script>"'
NARROW = {"width": 390, "height": 844}


def now() -> int:
    return int(time.time() * 1000)


def missing() -> str:
    """What this machine lacks for these tests; nothing may lack where CI=true."""
    if sync_playwright is None:
        return "needs the package playwright (pip install playwright)"
    return "" if CHROMIUM else "needs chromium (apt install chromium)"


class PageTests(TestCase):
    timeout = 60

    async def setUp(self) -> None:
        if missing():
            if os.environ.get("CI") == "true":
                self.fail(missing())
            raise SkipTest(missing())
        self.board = Board()
        self.board.post(self.meter("planta-a"))
        self.board.post(
            self.meter(
                "planta-b",
                state=MeterState.DOWN,
                recent=0.0,
                error="no answer in 5.0 s",
                advice="Check its address.",
            )
        )
        self.board.post(self.meter(HOSTILE))
        self.board.post(SINK)
        self.board.post(OutboxStatus(committed=10, delivered=7, queued={"tb": 3}))

    def meter(self, name: str, volts: str = "230.0", **more: Any) -> Status:
        values = {"voltage_l1": Decimal(volts), "energy": Decimal("12345678901234567890")}
        units = {"voltage_l1": "V", "energy": "Wh"}
        reading = Reading(name, now(), values)
        return evolve(METER, name=name, reading=reading, values=values, units=units, **more)

    async def look(self, look: Callable[[Page, str], None], **options: Any) -> None:
        """Runs ``look`` in a thread of its own, with a page that may log no error.

        ``forgive`` is part of a line that it may log; ``proxy`` makes the token needed.
        """
        forgive = options.pop("forgive", None)
        service = self.service = WebService(
            WebOptions(trust_proxy=options.pop("proxy", False), listen="tcp:0:interface=127.0.0.1"),
            self.board,
            reactor=reactor,
            wall=time.time,
            ready=lambda: True,
            tokens=Tokens(Secret("geheim"), Path("no-list")),
            language="en",
            version="1.2.3",
        )
        await service.startService()
        try:
            wrong = await deferToThread(self.browse, service.address, look, options)
        finally:
            await service.stopService()
        self.assertEqual([line for line in wrong if not (forgive and forgive in line)], [])

    def browse(
        self, address: str, look: Callable[[Page, str], None], options: dict[str, Any]
    ) -> list[str]:
        wrong: list[str] = []
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            page = browser.new_context(**options).new_page()
            page.set_default_timeout(10_000)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on(
                "console",
                lambda line: line.type in ("error", "warning") and wrong.append(line.text),
            )
            look(page, address)
            browser.close()
        return wrong

    def post(self, status: Status) -> None:
        blockingCallFromThread(reactor, self.board.post, status)

    async def test_meters_and_a_change_that_arrives_by_itself(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            expect(page.locator("h1")).to_have_text("2 of 3 meters healthy, 3 readings waiting")
            expect(page.get_by_role("status")).to_have_text("2 of 3 meters healthy")
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            row = page.get_by_role("row", name="planta-a")
            expect(row.get_by_role("cell").nth(1)).to_have_text("Healthy")
            expect(row).to_contain_text("98.5 %")
            expect(row).to_contain_text("voltage_l1 230.0 V")
            expect(row).to_contain_text("energy 12345678901234567890 Wh")
            down = page.get_by_role("row", name="planta-b")
            expect(down).to_contain_text("no answer in 5.0 s Check its address.")
            page.evaluate("window.mark = 1")
            self.post(self.meter("planta-a", "229.4"))
            expect(row).to_contain_text("voltage_l1 229.4 V")
            self.post(evolve(self.board.meters["planta-b"], state=MeterState.READING, recent=1.0))
            expect(page.locator("h1")).to_contain_text("3 of 3 meters healthy")
            resting = Standing(Rung.PAUSED, errors=3, losses=11)
            trouble = {"error": "11 associations were lost", "next_attempt_ts": now() + 1000}
            self.post(self.meter("planta-b", state=MeterState.WAITING, standing=resting, **trouble))
            expect(down).to_contain_text("Next attempt at")
            page.get_by_role("button", name="planta-b").click()
            expect(page.get_by_text("pause: circuit breaker open")).to_be_visible()
            expect(page.get_by_text("Associations lost in the last hour")).to_be_visible()
            self.post(self.meter("planta-c"))
            expect(page.get_by_role("row", name="planta-c")).to_be_visible()
            verdict = Verdict(CloseCause.TAKEOVER, 0.9, ("4 closes",), 17, ("planta-a",), 2)
            refused = {"error": "refused", "advice": "Look there.", "verdict": verdict}
            self.post(evolve(SINK, state=SinkState.DOWN, **refused))
            card = page.locator(".card", has_text="refused")
            expect(card).to_contain_text("Look there.")
            expect(card).to_contain_text("(90 % sure; 2 meters: planta-a, …)4 closes")
            self.post(evolve(SINK, state=SinkState.DOWN, error="refused"))
            expect(card.locator(".verdict")).to_be_hidden()
            self.assertEqual(page.evaluate("window.mark"), 1, "the page was loaded again")

        await self.look(look)

    async def test_ages_tick_without_the_daemon(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            age = page.get_by_role("row", name="planta-a").locator(".age")
            old = "age => parseInt(age.textContent) >= 3"
            page.wait_for_function(old, arg=age.element_handle())

        await self.look(look)

    async def test_hostile_names_stay_text(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            expect(page.get_by_role("button", name=HOSTILE)).to_be_visible()
            self.assertEqual(page.title(), "(1) dlmsd")
            self.assertEqual(page.locator("#meters script").count(), 0)

        await self.look(look)

    async def test_listeners_for_pushes(self) -> None:
        heard = ListenerStatus("han", "tcp:4059", ListenerState.LISTENING, messages=12)

        def look(page: Page, address: str) -> None:
            self.post(heard)
            page.goto(address)
            card = page.locator(".card", has_text="push · tcp:4059")
            expect(card).to_contain_text("Listening")
            expect(card).to_contain_text("Messages12")
            self.post(evolve(heard, unknown=3, sender=f"192.0.2.1, {HOSTILE}"))
            expect(card).to_contain_text("Of no configured meter, the last from 192.0.2.1, ")
            expect(card).to_contain_text(HOSTILE)
            down = ListenerState.DOWN
            self.post(evolve(heard, state=down, error="connection refused", advice="Look there."))
            expect(card).to_contain_text("connection refusedLook there.")

        await self.look(look)

    async def test_search_sort_filter_and_details_by_keyboard(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            names = page.locator("#meters .called")
            expect(names).to_have_text(["planta-b", HOSTILE, "planta-a"])
            page.get_by_role("button", name="Meter", exact=True).press("Enter")
            page.get_by_role("button", name="Meter", exact=True).press("Enter")
            expect(page.locator("th[aria-sort=descending]")).to_contain_text("Meter")
            expect(names).to_have_text(["planta-b", "planta-a", HOSTILE])
            page.keyboard.press("/")
            page.keyboard.type("PLANTA")
            expect(names).to_have_text(["planta-b", "planta-a"])
            page.get_by_role("button", name="Down").click()
            expect(names).to_have_text(["planta-b"])
            page.get_by_role("button", name="All").click()
            page.get_by_role("button", name="planta-a").press("Enter")
            details = page.locator(".unfolded")
            expect(details).to_contain_text("current_l1object-undefined")
            expect(details).to_contain_text("Good readings197")
            self.post(self.meter("planta-a", "231.7"))
            expect(details).to_contain_text("voltage_l1231.7 V")

        await self.look(look)

    async def test_spanish_on_a_phone_in_the_dark(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(f"{address}?lang=es")
            expect(page.locator("html")).to_have_attribute("lang", "es")
            expect(page.locator("h1")).to_have_text("2 de 3 medidores sanos, 3 lecturas en espera")
            expect(page.get_by_role("row", name="planta-b")).to_contain_text("Caído")
            self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), 390)
            ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
            self.assertEqual(ground, "rgb(14, 18, 23)")

        await self.look(look, viewport=NARROW, color_scheme="dark", locale="es-ES")

    async def test_the_token_leaves_the_address_and_opens_the_page(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(f"{address}?lang=en#token=geheim")
            expect(page.get_by_role("row", name="planta-a")).to_be_visible()
            self.assertEqual(page.url, f"{address}?lang=en")
            page.reload()
            expect(page.get_by_role("row", name="planta-a")).to_be_visible()

        await self.look(look, proxy=True)

    async def test_a_daemon_that_restarts(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            blockingCallFromThread(reactor, self.service.stopService)
            expect(page.get_by_text("Connection lost, trying again")).to_be_visible()
            del self.board.meters["planta-b"]
            port = address.rstrip("/").rpartition(":")[2]
            self.service._options = WebOptions(listen=f"tcp:{port}:interface=127.0.0.1")
            blockingCallFromThread(reactor, self.service.startService)
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            expect(page.locator("#meters .called")).to_have_text([HOSTILE, "planta-a"])

        await self.look(look, forgive="net::ERR_")
