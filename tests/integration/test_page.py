"""The page's frame, its overview and its list of meters, live from a board."""

from __future__ import annotations

from string import Formatter

from attrs import evolve

from dlmsd.errors import UnansweredError
from dlmsd.language import Catalogue
from dlmsd.model import (
    CloseCause,
    ListenerState,
    ListenerStatus,
    MeterState,
    SinkState,
    Verdict,
)
from dlmsd.standing import Rung, Standing
from tests.integration.browser import HOSTILE, NARROW, OUTBOX, Page, PageCase, expect, now
from tests.web.visitor import SINK


class PageTests(PageCase):
    async def test_the_overview_and_a_change_that_arrives_by_itself(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            expect(page.locator("#view h1")).to_have_text(
                "2 of 3 meters healthy, 3 readings waiting"
            )
            expect(page.locator("#announcement")).to_have_text("2 of 3 meters healthy")
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            entry = page.locator(".attention li")
            expect(entry).to_have_text("Errorno answer in 5.0 sCheck its address.planta-b")
            expect(page.get_by_role("link", name="2 Healthy")).to_be_visible()
            page.evaluate("window.mark = 1")
            self.post(evolve(self.board.meters["planta-b"], state=MeterState.READING, recent=1.0))
            expect(page.locator("#view h1")).to_contain_text("3 of 3 meters healthy")
            expect(page.get_by_text("Nothing needs attention.")).to_be_visible()
            verdict = Verdict(CloseCause.TAKEOVER, 0.9, ("4 closes",), 17, ("planta-a",), 2)
            refused = {"error": "refused", "advice": "Look there.", "verdict": verdict}
            self.post(evolve(SINK, state=SinkState.DOWN, connected=0, **refused))
            card = page.locator(".card", has_text="refused")
            expect(card).to_contain_text("Look there.")
            expect(card).to_contain_text("(90 % sure; 2 meters: planta-a, …)4 closes")
            expect(entry).to_have_text("ErrorrefusedLook there.Sink tb")
            self.post(evolve(SINK, state=SinkState.DOWN, error="refused"))
            expect(card.locator(".verdict")).to_be_hidden()
            self.assertEqual(page.evaluate("window.mark"), 1, "the page was loaded again")

        await self.look(look)

    async def test_meters_that_share_a_trouble_are_one_entry(self) -> None:
        trouble = {"state": MeterState.DOWN, "error": "no answer in 5.0 s", "recent": 0.0}
        for number in range(5):
            self.board.post(self.meter(f"m{number}", advice="Check its address.", **trouble))

        def look(page: Page, address: str) -> None:
            page.goto(address)
            entry = page.locator(".attention li")
            expect(entry).to_have_count(1)
            expect(entry).to_contain_text("planta-b, m0, m1 and 3 more")

        await self.look(look)

    async def test_what_the_watch_found_comes_with_the_first_thing_to_do(self) -> None:
        finding = {
            "rule": "unreachable",
            "subject": "planta-b",
            "severity": "critical",
            "title": "planta-b cannot be reached",
            "cause": "It has no power",
            "confidence": 0.8,
            "evidence": ["4 attempts"],
            "meters": ["planta-b"],
        }
        action = {"text": "Look at its lamp.", "because": [finding["title"]], "subjects": []}
        later = {**action, "text": "Buy another."}
        self.plan = {"findings": [finding], "immediate": [action], "long": [later]}

        def look(page: Page, address: str) -> None:
            page.goto(address)
            expect(page.locator(".attention li")).to_have_text(
                "Criticalplanta-b cannot be reachedProbably (80 %): It has no power"
                "Look at its lamp.planta-b"
            )

        await self.look(look)

    async def test_what_all_hangs_on_comes_before_single_meters(self) -> None:
        meter = {
            "rule": "unreachable",
            "subject": "planta-b",
            "severity": "error",
            "title": "planta-b cannot be reached",
            "cause": "It has no power",
            "confidence": 0.8,
            "evidence": [],
            "meters": ["planta-b"],
        }
        sink = {**meter, "subject": "tb", "title": "tb is down", "meters": ["planta-a", "planta-b"]}
        host = {**meter, "subject": "host", "title": "The clock is wrong", "meters": []}
        worse = {**meter, "subject": "x", "title": "x is silent", "severity": "critical"}
        self.plan = {"findings": [meter, host, sink, worse]}

        def look(page: Page, address: str) -> None:
            page.goto(address)
            expect(page.locator(".attention .error")).to_have_text(
                ["x is silent", "tb is down", "The clock is wrong", "planta-b cannot be reached"]
            )

        await self.look(look)

    async def test_the_heading_tells_of_what_waits_only_if_it_waits_for_long(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            heading = page.locator("#view h1")
            expect(heading).to_have_text("2 of 3 meters healthy, 3 readings waiting")
            self.post(evolve(OUTBOX, oldest_queued_ts=now()))
            expect(heading).to_have_text("2 of 3 meters healthy")
            self.post(evolve(SINK, state=SinkState.DOWN, connected=0, error="refused"))
            expect(heading).to_have_text("2 of 3 meters healthy, sink tb down, 3 readings waiting")
            self.post(evolve(SINK, name="second", state=SinkState.DOWN, connected=0))
            expect(heading).to_contain_text("sinks tb, second down")

        await self.look(look)

    async def test_a_meter_live(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(f"{address}#/meters")
            row = page.get_by_role("row", name="planta-a")
            expect(row.get_by_role("cell").nth(1)).to_have_text("Healthy")
            expect(row).to_contain_text("98.5 %")
            expect(row).to_contain_text("voltage_l1 230.0 V")
            expect(row).to_contain_text("energy 12,345,678,901,234,567,890 Wh")
            down = page.get_by_role("row", name="planta-b")
            expect(down).to_contain_text("no answer in 5.0 s · Check its address.")
            self.post(self.meter("planta-a", "229.4"))
            expect(row).to_contain_text("voltage_l1 229.4 V")
            self.post(self.meter("planta-c"))
            expect(page.get_by_role("row", name="planta-c")).to_be_visible()
            age = row.locator(".c-last_reading")
            old = "age => parseInt(age.textContent) >= 3"
            page.wait_for_function(old, arg=age.element_handle())
            page.get_by_role("link", name="planta-b").click()
            expect(page.locator("#view h1")).to_have_text("planta-b")
            expect(page.locator("#view h1")).to_be_focused()
            resting = Standing(Rung.PAUSED, errors=3, losses=11)
            trouble = {"error": "11 associations were lost", "next_attempt_ts": now() + 1000}
            self.post(self.meter("planta-b", state=MeterState.WAITING, standing=resting, **trouble))
            expect(page.locator(".trouble")).to_contain_text("Next attempt at")
            expect(page.get_by_text("pause: circuit breaker open")).to_be_visible()
            values = page.locator(".values-table")
            expect(values).to_contain_text("current_l1object-undefined")
            self.post(self.meter("planta-b", "231.7"))
            expect(values).to_contain_text("voltage_l1231.7V")
            page.go_back()
            expect(page.locator("#view h1")).to_have_text("Meters")

        await self.look(look)

    async def test_hostile_names_stay_text(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(f"{address}#/meters")
            page.get_by_role("link", name=HOSTILE).click()
            expect(page.locator("#view h1")).to_have_text(HOSTILE)
            self.assertEqual(page.title(), f"{HOSTILE} · dlmsd")
            self.assertEqual(page.locator("main script").count(), 0)
            page.goto(f"{address}#/meter/{HOSTILE}")
            expect(page.locator("#view h1")).to_have_text(HOSTILE)
            page.goto(f"{address}#/meter/%E0%A4%A")
            expect(page.locator("#view h1")).to_contain_text("meters healthy")

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

    async def test_search_sort_and_filter_by_keyboard(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(f"{address}#/meters")
            names = page.locator(".rows .name")
            expect(names).to_have_text(["planta-b", HOSTILE, "planta-a"])
            page.get_by_role("button", name="Meter", exact=True).press("Enter")
            page.get_by_role("button", name="Meter", exact=True).press("Enter")
            expect(page.locator("[aria-sort=descending]")).to_contain_text("Meter")
            expect(names).to_have_text(["planta-b", "planta-a", HOSTILE])
            page.keyboard.press("/")
            page.keyboard.type("PLANTA")
            expect(names).to_have_text(["planta-b", "planta-a"])
            page.keyboard.press("ArrowDown")
            page.keyboard.press("ArrowDown")
            expect(page.get_by_role("link", name="planta-a")).to_be_focused()
            self.post(self.meter("planta-a", "231.7"))
            expect(page.get_by_role("row", name="planta-a")).to_contain_text("231.7 V")
            expect(page.get_by_role("link", name="planta-a")).to_be_focused()
            page.get_by_role("button", name="Down").click()
            expect(names).to_have_text(["planta-b"])
            expect(page.locator(".shown")).to_have_text("1 meter shown")
            page.wait_for_url("**/#/meters?q=PLANTA&health=down&sort=meter&down=1")
            page.reload()
            expect(names).to_have_text(["planta-b"])
            page.get_by_role("searchbox").fill("nothing")
            expect(page.get_by_text("No meter matches.")).to_be_visible()

        await self.look(look)

    async def test_thousands_of_meters_are_few_rows(self) -> None:
        for number in range(2000):
            self.board.post(self.meter(f"m{number:04}"))

        def look(page: Page, address: str) -> None:
            page.goto(f"{address}#/meters")
            rows = page.locator(".rows .row")
            expect(page.locator(".shown")).to_have_text("2,003 meters shown")
            first = page.locator(".rows .name").nth(1)
            first.focus()
            name = first.text_content()
            page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            expect(page.get_by_role("link", name="planta-a")).to_be_visible()
            self.assertLess(rows.count(), 60)
            expect(page.get_by_role("link", name=name)).to_be_focused()
            last = page.get_by_role("row", name="planta-a")
            expect(last).to_have_attribute("aria-rowindex", "2004")
            page.keyboard.press("Home")
            expect(page.get_by_role("link", name="planta-b")).to_be_focused()
            page.keyboard.press("End")
            expect(page.get_by_role("link", name="planta-a")).to_be_focused()

        await self.look(look)

    async def test_errors_are_said_in_the_readers_language(self) -> None:
        """As commands say them: each sentence of the catalogue, with values in it."""
        error = UnansweredError("no answer to the connection attempt")
        told = {"error": str(error), "advice": error.advice}
        self.board.post(self.meter("planta-b", state=MeterState.DOWN, recent=0.0, **told))
        spanish = Catalogue.of("es")
        names = {name for one in spanish.heard for _, name, _, _ in Formatter().parse(one) if name}
        said = [one.format(**{name: f"{name} 7" for name in names}) for one in spanish.heard]
        self.assertGreater(len(said), 300)
        said.append("/srv/dlmsd: Permission denied")

        def look(page: Page, address: str) -> None:
            page.goto(f"{address}?lang=es#/meters")
            row = page.get_by_role("row", name="planta-b")
            expect(row).to_contain_text("sin respuesta al intento de conexión")
            expect(row).to_contain_text("Nada responde en la dirección del medidor; compruebe")
            script = "import('/static/hear.js').then(({ hear }) => said.map(hear))"
            heard = page.evaluate(f"(said) => {script}", said)
            self.assertEqual(heard, [spanish.hear(one) for one in said])
            both = f"{error}. {error.advice}"
            (detail,) = page.evaluate(f"(said) => {script}", [both])
            self.assertEqual(detail, f"{spanish.hear(str(error))}. {spanish.say(error.advice)}")
            page.goto(f"{address}?lang=en#/meters")
            expect(page.get_by_role("row", name="planta-b")).to_contain_text(error.advice)

        await self.look(look)

    async def test_spanish_on_a_phone_in_the_dark(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(f"{address}?lang=es")
            expect(page.locator("html")).to_have_attribute("lang", "es")
            expect(page.locator("#view h1")).to_have_text(
                "2 de 3 medidores sanos, 3 lecturas en espera"
            )
            page.get_by_role("button", name="Menú").click()
            expect(page.get_by_role("button", name="Tema: del sistema")).to_be_visible()
            page.get_by_role("link", name="Medidores", exact=True).click()
            expect(page.get_by_role("navigation")).to_be_hidden()
            expect(page.get_by_role("row", name="planta-b")).to_contain_text("Caído")
            self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), 390)
            ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
            self.assertEqual(ground, "rgb(14, 18, 23)")

        await self.look(look, viewport=NARROW, color_scheme="dark", locale="es-ES")

    async def test_the_token_leaves_the_address_and_opens_the_page(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(f"{address}?lang=en#token=geheim")
            expect(page.locator("#view h1")).to_contain_text("meters healthy")
            self.assertEqual(page.url, f"{address}?lang=en")
            page.reload()
            expect(page.locator("#view h1")).to_contain_text("meters healthy")
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_label("Access token of dlmsd")).to_be_focused()
            page.keyboard.type("geheim")
            page.keyboard.press("Enter")
            expect(page.locator("#view h1")).to_contain_text("meters healthy")

        await self.look(look, proxy=True, forgive="401")

    async def test_who_only_reads_sees_no_buttons_until_he_signs_in(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(f"{address}#/meter/planta-a")
            expect(page.locator("#view h1")).to_have_text("planta-a")
            expect(page.get_by_role("button", name="Read now")).to_have_count(0)
            page.goto(f"{address}#/add")
            expect(page.get_by_text("sign in above")).to_be_visible()
            page.goto(f"{address}#/meter/planta-a")
            page.get_by_role("button", name="Sign in").click()
            page.get_by_label("Access token of dlmsd").fill("wrong")
            page.keyboard.press("Enter")
            expect(page.get_by_text("This token is wrong")).to_be_visible()
            page.get_by_label("Access token of dlmsd").fill("geheim")
            page.keyboard.press("Enter")
            expect(page.get_by_role("button", name="Read now")).to_be_visible()
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_role("button", name="Read now")).to_have_count(0)

        await self.look(look)

    async def test_the_theme_can_be_chosen_and_is_kept(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(address)
            ground = "getComputedStyle(document.documentElement).backgroundColor"
            self.assertEqual(page.evaluate(ground), "rgb(244, 246, 248)")
            page.get_by_role("button", name="Theme: system").click()
            page.get_by_role("button", name="Theme: light").click()
            self.assertEqual(page.evaluate(ground), "rgb(14, 18, 23)")
            page.reload()
            expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
            self.assertEqual(page.evaluate(ground), "rgb(14, 18, 23)")

        await self.look(look)
