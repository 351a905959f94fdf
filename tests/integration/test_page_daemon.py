"""The page on a running daemon with virtual meters: forms, charts, actions, and its access."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from tests.integration.browser import BROWSER, Page, browsing, expect, need_browser
from tests.integration.processes import wait_until
from tests.integration.rest import RestCase
from tests.integration.simulated import SimulatorProcess

# What WCAG 2.2 asks for at its levels A and AA, and what axe counts as good practice beside it.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = (("light", "en", 1280), ("dark", "es", 1280), ("light", "es", 390))
VIEWS = (
    "overview", "meters", "meter/medidor_planta_A", "edit/medidor_planta_A", "add", "import",
)  # fmt: skip


class DaemonPageCase(RestCase):
    """One meter that is read, and a page that may log no error."""

    def setUp(self) -> None:
        need_browser()
        self.begin()

    def add(self) -> dict[str, Any]:
        """The virtual meter over REST, read at least once."""
        meter: dict[str, Any] = self.good(
            "POST", "/api/meters", {**self.documented(), "interval": 1}
        )
        wait_until(lambda: self.daemon.status()["meters"][0]["good"], "it is read")
        return meter

    def enter(self, page: Page, place: str = "overview", language: str = "en") -> None:
        """As an admin, by the link that ``dlmsd token`` prints."""
        page.goto(f"{self.base}/?lang={language}#token={self.token}")
        page.wait_for_selector("#view h1")  # by then the token is kept
        page.goto(f"{self.base}/?lang={language}#/{place}")


class LegacyTests(DaemonPageCase):
    """Where changes need no token, what would take a secret elsewhere does."""

    def setUp(self) -> None:
        need_browser()
        self.begin(web="legacy_open = true\n")

    def test_a_password_that_is_kept_goes_nowhere_else(self) -> None:
        body = self.documented() | {"password": "22222222"}
        self.place = f"/api/meters/{self.good('POST', '/api/meters', body)['id']}"
        BROWSER.run(self.moved)
        self.end()

    def moved(self) -> None:
        with browsing() as (page, wrong):
            page.goto(f"{self.base}/?lang=es#/edit/medidor_planta_A")
            page.get_by_label("Dirección IP o host").fill("127.0.0.2")
            page.get_by_role("button", name="Guardar", exact=True).click()
            password = page.get_by_label("Contraseña")
            expect(password).to_have_attribute("aria-invalid", "true")
            expect(page.locator(".edit")).to_contain_text("lo guardado no va a ningún otro sitio")
            password.fill("22222222")
            page.get_by_role("button", name="Guardar", exact=True).click()
            expect(page.locator(".toast")).to_contain_text("medidor_planta_A")
            wait_until(
                lambda: self.good("GET", self.place)["ip_address"] == "127.0.0.2", "it moved"
            )
        self.assertEqual([one for one in wrong if "401" not in one], [])


class FormTests(DaemonPageCase):
    def test_a_meter_is_tested_added_and_seen(self) -> None:
        BROWSER.run(self.added_and_seen)
        self.end()

    def added_and_seen(self) -> None:
        place = self.meters.endpoints[0]
        with browsing() as (page, wrong):
            self.enter(page, "meters")
            page.get_by_role("link", name="Add meter").click()
            page.get_by_label("IP address or host").fill(place["host"])
            page.get_by_label("Port", exact=True).fill(str(place["port"]))
            page.get_by_role("button", name="Add meter").click()
            expect(page.get_by_label("Name", exact=True)).to_be_focused()
            expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
            page.keyboard.type("library")
            page.get_by_label("Password").fill("wrong")
            page.get_by_role("button", name="Test before saving").click()
            trial = page.locator(".trial")
            expect(trial).to_contain_text("It gave no value")
            expect(trial.locator(".error")).not_to_be_empty()
            page.get_by_label("Password").fill("22222222")
            page.get_by_role("button", name="Test before saving").click()
            expect(trial).to_contain_text("It answered")
            expect(trial.locator(".values-table")).to_contain_text(re.compile("voltage_l1[0-9.]+V"))
            trial.locator("summary").click()
            expect(trial.locator(".frames")).to_contain_text("HDLC SNRM")
            self.assertNotIn("32 32 32 32 32 32 32 32", trial.inner_text())
            page.get_by_role("button", name="Add meter").click()
            expect(page.locator("#view h1")).to_have_text("library")
            values = page.locator(".view-meter .values-table")
            expect(values).to_contain_text(re.compile("voltage_l1[0-9.]+V"))
            page.get_by_role("link", name="Edit").click()
            page.get_by_label("Interval").fill("7")
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_label("Every (s)")).to_have_value(re.compile("7(.0)?"))
            page.get_by_role("button", name="Undo").click()
            expect(page.get_by_label("Every (s)")).to_have_value(re.compile("5(.0)?"))
            page.get_by_role("link", name="Duplicate").click()
            expect(page.get_by_label("Name", exact=True)).to_have_value("library-2")
            expect(page.get_by_label("Port", exact=True)).to_have_value(str(place["port"]))
        self.assertEqual([line for line in wrong if "422" not in line], [])

    def test_who_a_meter_is_and_whether_it_is_asked(self) -> None:
        # One that is read so seldom is asked right after its first reading.
        meter = self.good("POST", "/api/meters", {**self.documented(), "interval": 60})
        told = f"/api/meters/{meter['id']}"
        wait_until(lambda: self.good("GET", told)["identified"], "it is asked who it is")
        found = self.good("GET", told)
        self.assertRegex(found["serial_number"], "[0-9]")
        self.serial = found["serial_number"]
        BROWSER.run(self.introduced)
        self.assertIs(self.good("GET", told)["identify"], False)
        self.end()

    def introduced(self) -> None:
        with browsing() as (page, wrong):
            self.enter(page, "meter/medidor_planta_A")
            standing = page.locator(".standing")
            expect(standing).to_contain_text(f"Serial number{self.serial}")
            expect(standing).to_contain_text("Modelmicrostar")
            clock = re.compile("Clock(right|.+ s (ahead|behind)), asked .+ ago")
            expect(standing).to_contain_text(clock)
            page.get_by_role("link", name="Edit").click()
            asks = page.get_by_label("Ask daily for serial number and clock")
            expect(asks).to_have_value("true")
            asks.select_option("No")
            page.get_by_role("button", name="Save").click()
            expect(page.locator(".toast")).to_contain_text("was changed")
            self.enter(page, "discovery")
            expect(page.get_by_text('scan_networks = ["192.168.1.0/24"]')).to_be_visible()
            expect(page.get_by_role("button", name="Search")).to_have_count(0)
            self.enter(page, "meter/medidor_planta_A", "es")
            expect(standing).to_contain_text(f"Número de serie{self.serial}")
            expect(standing).to_contain_text("Reloj")
        self.assertEqual(wrong, [])

    def test_actions_and_the_way_out(self) -> None:
        self.add()
        BROWSER.run(self.acted_upon)
        self.end()

    def acted_upon(self) -> None:
        with browsing() as (page, wrong):
            self.enter(page, "meter/medidor_planta_A")
            page.get_by_role("button", name="Read now").click()
            expect(page.locator(".toast")).to_contain_text("and stored")
            page.get_by_label("Every (s)").fill("3")
            page.get_by_role("button", name="Set").click()
            expect(page.locator(".standing")).to_contain_text("Interval3 s")
            page.get_by_role("button", name="Test ThingsBoard").click()
            expect(page.locator(".toast.wrong")).to_contain_text(
                re.compile("The broker cannot be used: .*refused")
            )
            page.get_by_role("button", name="Trace one cycle").click()
            expect(page.locator(".frames")).to_contain_text("get-response")
            page.get_by_role("button", name="Stop").click()
            expect(page.locator(".state")).to_have_text("Inactive")
            page.get_by_role("button", name="Start").click()
            expect(page.locator(".state")).to_have_text("Healthy")
            expect(page.locator(".timeline")).to_contain_text("meter traced (web)")
            page.get_by_role("button", name="Delete").click()
            page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
            expect(page.get_by_role("button", name="Delete")).to_be_focused()
            page.get_by_role("button", name="Delete").click()
            page.get_by_role("dialog").get_by_role("button", name="Delete").click()
            expect(page.get_by_text("No meters yet.")).to_be_visible()
        self.assertEqual(wrong, [])


class ImportTests(DaemonPageCase):
    def test_a_document_is_looked_through_mended_and_taken(self) -> None:
        self.add()
        BROWSER.run(self.imported)
        names = [one["name"] for one in self.good("GET", "/api/meters")]
        self.assertEqual(names, ["medidor_planta_A", "one", "two", "four"])
        BROWSER.run(self.refused_in_spanish)
        self.end()

    def imported(self) -> None:
        head, place = "name,host,port,status", self.meters.endpoints[0]
        way = f"{place['host']},{place['port']}"
        good = f"{head}\none,{way},inactive\ntwo,127.0.0.2,1,inactive\n"
        file = self.folder / "meters.csv"
        file.write_text(good + f"<b>three,{way},inactive\none,{way},inactive\n")
        with browsing() as (page, wrong):
            self.enter(page, "meters")
            page.get_by_role("link", name="Import").click()
            page.get_by_label("File", exact=True).set_input_files(str(file))
            found = page.locator(".found")
            expect(found.get_by_role("alert")).to_contain_text("errors: nothing is taken")
            faults = found.locator(".faults tbody tr")
            expect(faults.filter(has_text="stands in line 2 already")).to_contain_text("5name")
            expect(faults.filter(has_text="4name")).to_contain_text("expected")
            # A row of the meter that is there has this client and address, too.
            expect(page.get_by_role("button", name="Import 1 meter")).to_be_hidden()
            text = page.get_by_label("Or its text")
            expect(text).to_have_value(re.compile("<b>three"))
            text.fill(good.replace(way, "127.0.0.3,1") + "four,127.0.0.4,1,inactive\n")
            expect(found).to_be_hidden()
            page.get_by_role("button", name="Preview").press("Enter")
            expect(found).to_contain_text("3 meters are new")
            found.locator("summary").click()
            expect(found.locator(".named")).to_have_text("one, two, four")
            self.assertEqual(len(self.good("GET", "/api/meters")), 1)
            page.get_by_role("button", name="Import 3 meters").click()
            expect(page.locator("#view h1")).to_have_text("Meters")
            expect(page.get_by_role("link", name="four")).to_be_visible()
            expect(page.locator(".toast")).to_contain_text("3 meters were imported.")
        self.assertEqual([line for line in wrong if "422" not in line], [])

    def refused_in_spanish(self) -> None:
        with browsing() as (page, wrong):
            self.enter(page, "import", "es")
            text = page.get_by_label("O su texto")
            text.fill("name,host\none,127.0.0.9\nfive,127.0.0.5\nfive,127.0.0.6\n")
            page.get_by_role("button", name="Vista previa").click()
            expect(page.locator(".faults")).to_contain_text("ya está en la línea 3")
            expect(page.locator(".found")).to_contain_text("1 medidor cambia")
            page.get_by_label("Tomar de todos modos").check()
            page.get_by_role("button", name="Importar 2 medidores").click()
            expect(page.get_by_role("link", name="five")).to_be_visible()
        self.assertEqual(wrong, [])


class ChartTests(DaemonPageCase):
    def test_a_chart_follows_live_values(self) -> None:
        self.add()
        BROWSER.run(self.followed)
        self.end()

    def followed(self) -> None:
        with browsing() as (page, wrong):
            self.enter(page, "meter/medidor_planta_A")
            chart = page.locator(".chart", has_text="voltage_l1")
            shown = chart.locator(".legend b").first
            value = page.locator(".values-table tr", has_text="voltage_l1").locator(".v-value")
            for _ in range(2):
                before = shown.text_content()
                # By chance some readings in a row have the same voltage.
                expect(shown).not_to_have_text(before or "", timeout=30_000)
                page.wait_for_function(
                    "([one, other]) => one.textContent === other.textContent",
                    arg=[shown.element_handle(), value.element_handle()],
                )
            painted = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width,
                canvas.height).data.some(octet => octet > 0)"""
            self.assertTrue(chart.locator("canvas").evaluate(painted))
            with page.expect_download() as download:
                page.get_by_role("button", name="Readings as CSV").click()
            text = download.value.path().read_text()
            self.assertEqual(text.split(",")[:3], ["time", "ts", "voltage_l1"])
            page.get_by_role("button", name="24 h").click()
            expect(page.get_by_role("button", name="24 h")).to_have_attribute(
                "aria-pressed", "true"
            )
            expect(page.locator(".chart", has_text="Time of a read")).to_be_visible()
        self.assertEqual(wrong, [])


class AlarmTests(DaemonPageCase):
    def test_the_alarm_of_a_meter_that_refuses_us_is_acknowledged(self) -> None:
        simulator = SimulatorProcess("--fault", "refuse=1.0")
        simulator.__enter__()
        self.addCleanup(simulator.__exit__, None, None, None)
        place = simulator.endpoints[0]
        body = {"name": "refusing", "ip_address": place["host"], "port": place["port"]}
        self.good("POST", "/api/meters", body | {"interval": 1})
        BROWSER.run(self.acknowledged)
        (alarm,) = [
            one for one in self.good("GET", "/api/alarms") if one["rule"] == "meter-refuses-us"
        ]
        self.assertEqual((alarm["acknowledged"], alarm["acknowledged_by"]), (True, "web"))
        self.end()

    def acknowledged(self) -> None:
        with browsing() as (page, wrong):
            self.enter(page, "alarms")
            row = page.locator(".alarm", has_text="refusing: it refuses our credentials")
            expect(row).to_be_visible(timeout=60_000)
            entry = page.get_by_role("navigation").get_by_role("link", name="Alarms")
            expect(entry).to_contain_text(re.compile("^Alarms[1-9] alarms? stand"))
            row.get_by_role("button", name="Acknowledge").press("Enter")
            expect(row).to_contain_text("Acknowledged by web, ")
            expect(row.get_by_role("button", name="Acknowledge")).to_be_hidden()
            page.reload()
            expect(row).to_contain_text("Acknowledged by web, ")
        self.assertEqual(wrong, [])


class AccessibilityTests(DaemonPageCase):
    def test_axe_finds_nothing_in_any_view_theme_and_width(self) -> None:
        self.add()
        BROWSER.run(self.audited)
        self.end()

    def audited(self) -> None:
        axe = files("axe_playwright_python").joinpath("axe.min.js").read_text()
        for theme, language, width in LOOKS:
            size = {"width": width, "height": 900}
            # The test's own script is not the page's: what the page may do is judged elsewhere.
            with browsing(color_scheme=theme, viewport=size) as (page, wrong):
                self.enter(page, language=language)
                for view in VIEWS:
                    page.goto(f"{self.base}/?lang={language}#/{view}")
                    page.wait_for_selector("#view h1")
                    page.wait_for_timeout(600)
                    page.evaluate(axe)
                    found = page.evaluate(
                        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})",
                        RULES,
                    )
                    told = [
                        (one["id"], node["target"], node["failureSummary"])
                        for one in found["violations"]
                        for node in one["nodes"]
                    ]
                    self.assertEqual(told, [], (theme, view, width))
                self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), width)
            self.assertEqual(wrong, [])
