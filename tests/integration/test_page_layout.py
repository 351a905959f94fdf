"""That what the page says can be read: it has room, and numbers have their digits."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.browser import NARROW, Page, PageCase, expect

NAME = "medidor_planta_A"
FINDING = {
    "rule": "unreachable",
    "subject": NAME,
    "severity": "critical",
    "title": f"{NAME} cannot be reached",
    "cause": "It has no power",
    "confidence": 0.8,
    "evidence": ["No good reading for 181 s; 12 failures in a row, host 192.0.2.7:4059."],
    "meters": [NAME],
}
# A register of energy that rises by a few Wh, with what its chart says of it.
CHART = """async () => {
    const { Chart } = await import('/static/kit/chart.js');
    const chart = new Chart('energy', 'kWh', ['energy']);
    document.body.append(chart.node);
    chart.set([1, 2, 3], [[501797.1, 501797.12, 501797.14]], [3]);
    await new Promise(requestAnimationFrame);
    return [chart.values[0].textContent, ...chart.plot.axes[1]._values];
}"""
HEALTH = {
    "status": 2,
    "classes": {"healthy": 2, "degraded": 0, "critical": 0, "down": 1},
    "meters": {
        NAME: {"class": "down", "success_rate": 0.0, "good": 0, "failed": 1204, "average_ms": None}
    },
    "queued": 0,
}
# How many lines an element's text takes.
LINES = """one => { const range = document.createRange(); range.selectNodeContents(one);
    return new Set([...range.getClientRects()].map(line => line.top)).size; }"""


class LayoutTests(PageCase):
    def diagnosis(self, page: Page, address: str) -> None:
        """The view, with one meter that is down and a finding about it."""
        self.plan = {"findings": [FINDING], "preventions": []}
        told: dict[str, Any] = {"content_type": "application/json"}
        page.route("**/api/diagnosis?*", lambda r: r.fulfill(body=json.dumps(HEALTH), **told))
        page.route("**/api/diagnosis/checks?*", lambda r: r.fulfill(body="[]", **told))
        page.goto(f"{address}#/diagnosis")
        expect(page.locator(".evidence li")).to_be_visible()

    async def test_evidence_has_the_width_of_its_entry(self) -> None:
        def look(page: Page, address: str) -> None:
            self.diagnosis(page, address)
            self.assertEqual(page.locator(".evidence li").evaluate(LINES), 1)

        await self.look(look)

    async def test_a_phone_shows_the_names_of_meters_that_are_not_healthy(self) -> None:
        def look(page: Page, address: str) -> None:
            self.diagnosis(page, address)
            name = page.get_by_role("rowheader", name=NAME)
            self.assertLess(name.evaluate(LINES), 3)
            self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), 390)

        await self.look(look, viewport=NARROW)

    async def test_a_chart_tells_a_register_of_energy_with_every_digit(self) -> None:
        def look(page: Page, address: str) -> None:
            page.goto(f"{address}?lang=es")
            newest, *steps = page.evaluate(CHART)
            self.assertEqual(newest, "501.797,140")
            self.assertGreater(len(steps), 2)
            self.assertEqual(len(set(steps)), len(steps), steps)
            for one in steps:
                self.assertRegex(one, r"^501\.797,\d\d$")

        await self.look(look, locale="es-ES")

    async def test_only_what_has_a_unit_is_written_as_a_number(self) -> None:
        said = [["501797.150", "Wh"], [0.5, "W"], ["0012345", ""], ["1.2", ""], ["-1E+3", "V"]]
        script = "import('/static/format.js').then(({ quantity }) => said.map(x => quantity(...x)))"

        def look(page: Page, address: str) -> None:
            page.goto(f"{address}?lang=es")
            heard = page.evaluate(f"said => {script}", said)
            self.assertEqual(heard, ["501.797,150", "0,5", "0012345", "1.2", "-1E+3"])

        await self.look(look, locale="es-ES")

    async def test_what_a_reading_of_the_configuration_changed_is_said_in_spanish(self) -> None:
        script = """said => import('/static/kit/deed.js').then(
            ({ detailed }) => said.map(one => detailed('reload', one)))"""

        def look(page: Page, address: str) -> None:
            page.goto(f"{address}?lang=es")
            heard = page.evaluate(script, ["1 meter added, 6 meters changed", "nothing differs"])
            told = ["1 medidor añadido, 6 medidores cambiados", "nada es distinto"]
            self.assertEqual(heard, told)

        await self.look(look)
