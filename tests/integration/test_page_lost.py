"""A page whose daemon goes, and comes back."""

from __future__ import annotations

import re
import time

from twisted.internet import reactor
from twisted.internet.threads import blockingCallFromThread

from tests.integration.browser import Page, PageCase, expect


class LostTests(PageCase):
    async def test_a_daemon_that_restarts(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            self.leave(page)
            del self.board.meters["planta-b"]
            self.come_back()
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            expect(page.locator("#view h1")).to_contain_text("2 of 2 meters healthy")

        await self.look(look, forgive="net::ERR_")

    def leave(self, page: Page) -> None:
        blockingCallFromThread(reactor, self.service.stopService)
        expect(page.get_by_text("Connection lost, trying again")).to_be_visible()

    def come_back(self) -> None:
        blockingCallFromThread(reactor, self.service.startService)

    async def test_what_was_heard_before_the_daemon_was_lost_is_called_old(self) -> None:
        self.board.post(self.meter("planta-b"))

        def look(page: Page, address: str) -> None:
            page.clock.install()
            page.goto(address)
            calm = page.get_by_text("Nothing needs attention.")
            banner = page.get_by_role("alert").filter(has_text="No contact since")
            expect(calm).to_be_visible()
            expect(banner).to_be_hidden()
            page.clock.pause_at(time.time() + 10)  # the page tries nothing by itself
            self.leave(page)
            expect(banner).to_contain_text(re.compile(r"since [\d:]+.*; what you see is old\."))
            expect(calm).to_be_hidden()
            filters = "getComputedStyle(document.getElementById('view')).filter"
            self.assertEqual(page.evaluate(filters), "grayscale(1)")
            self.come_back()
            expect(banner).to_be_visible()
            page.evaluate("import('/static/api.js').then(({ get }) => get('api/status'))")
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            expect(banner).to_be_hidden()
            expect(calm).to_be_visible()
            self.assertEqual(page.evaluate(filters), "none")

        await self.look(look, forgive="net::ERR_")

    async def test_a_daemon_that_refuses_us_is_not_lost(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            self.leave(page)
            banner = page.get_by_text("No contact since")
            expect(banner).to_be_visible()
            refusal = {"status": 401, "content_type": "application/json", "body": "{}"}
            page.route("**/api/live", lambda route: route.fulfill(**refusal))  # type: ignore[arg-type]
            expect(page.get_by_label("Access token of dlmsd")).to_be_visible()
            expect(banner).to_be_hidden()

        await self.look(look, forgive="Failed to load")
