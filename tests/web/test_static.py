"""The files of the page: what they refer to, and that they say the same in every language."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import dlmsd.web
from dlmsd.errors import StoreError
from dlmsd.watch.remedies import TREATMENTS
from dlmsd.web.page import StaticFile, load
from tests.web.visitor import Visitor

STATIC = Path(dlmsd.web.__file__).parent / "static"
SCRIPTS = [one for one in sorted(STATIC.rglob("*.js")) if one.parent.name != "vendor"]


def words(name: str) -> set[str]:
    """The keys of texts/NAME.js."""
    return set(re.findall(r"^  (\w+): ", (STATIC / f"texts/{name}.js").read_text(), re.MULTILINE))


class PageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.visitor = Visitor()

    def test_the_page_holds_no_data_and_nothing_inline(self) -> None:
        answer = self.visitor.ask("/")
        self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
        page = answer.body.decode()
        self.assertIn('<html lang="en">', page)
        self.assertNotIn("planta-a", page)
        self.assertNotRegex(page, r"<style|style=|\son\w+=|javascript:|https?://")
        self.assertEqual(re.findall(r"<script(?![^>]* src=)", page), [])

    def test_its_language_is_the_configured_one(self) -> None:
        page = load("es")["/"]
        assert isinstance(page, StaticFile)
        self.assertIn(b'<html lang="es">', page.body)

    def test_whatever_it_refers_to_is_served(self) -> None:
        page = self.visitor.ask("/").body.decode()
        found = set(re.findall(r'(?:src|href)="(static/[^"]+)"', page))
        for script in SCRIPTS:
            for name in re.findall(r'from "(\.[^"]+)"', script.read_text()):
                path = (script.parent / name).resolve().relative_to(STATIC.resolve())
                found.add(f"static/{path}")
        self.assertGreater(len(found), 20)
        for path in found:
            self.assertEqual(self.visitor.ask(f"/{path}").status, 200, path)

    def test_the_catalogue_of_errors_is_served(self) -> None:
        script = self.visitor.ask("/static/heard/es.js")
        self.assertEqual(script.headers["content-type"], "text/javascript; charset=utf-8")
        self.assertTrue(script.body.startswith(b"export default {"))
        self.assertIn(StoreError().advice, script.body.decode())

    def test_every_script_and_style_is_used(self) -> None:
        text = "".join(one.read_text() for one in (STATIC / "index.html", *SCRIPTS))
        for one in (*SCRIPTS, *STATIC.glob("style/*.css")):
            self.assertIn(f"/{one.name}", text, one)

    def test_what_others_made_is_unchanged(self) -> None:
        vendor = STATIC / "vendor"
        listed = re.findall(r"^([0-9a-f]{64})  (\S+)$", (vendor / "README.txt").read_text(), re.M)
        self.assertEqual(len(listed), 2)
        for digest, name in listed:
            self.assertEqual(sha256((vendor / name).read_bytes()).hexdigest(), digest, name)

    def test_data_never_becomes_markup(self) -> None:
        for script in SCRIPTS:
            self.assertNotRegex(
                script.read_text(), r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\("
            )

    def test_a_file_that_the_browser_has_is_not_sent_again(self) -> None:
        first = self.visitor.ask("/static/style/base.css")
        self.assertEqual(first.headers["content-type"], "text/css; charset=utf-8")
        again = self.visitor.ask("/static/style/base.css", If_None_Match=first.headers["etag"])
        self.assertEqual((again.status, again.body), (304, b""))

    def test_both_languages_have_the_same_words(self) -> None:
        for script in STATIC.glob("texts/*.js"):
            english, spanish = (
                re.findall(r"^  (\w+): ", part, re.MULTILINE)
                for part in script.read_text().split("\nexport const es = {")
            )
            self.assertEqual(english, spanish, script)
            self.assertEqual(len(set(english)), len(english), script)
            self.assertGreater(len(english), 5, script)

    def test_spanish_has_one_word_for_a_broker(self) -> None:
        for script in STATIC.glob("texts/*.js"):
            spanish = script.read_text().partition("\nexport const es = {")[2]
            self.assertNotRegex(spanish, r'"[^"]*\bbroker\b', script)

    def test_words_that_are_said_are_known(self) -> None:
        common, said_at_all = words("common"), set()
        for script in SCRIPTS:
            text = script.read_text()
            files = re.findall(r'from "\.\.?/texts/(\w+)\.js"', text)
            known = common.union(*(words(name) for name in files))
            said = set(re.findall(r'\bt\(\s*"(\w+)"', text))
            self.assertEqual(said - known, set(), script)
            said_at_all |= said
        self.assertGreater(len(said_at_all), 50)

    def test_every_category_of_an_alarm_has_its_word(self) -> None:
        wanted = {f"of_{one.category}" for one in TREATMENTS.values()}
        self.assertEqual(wanted - words("alarms"), set())

    def test_every_action_of_the_audit_trail_has_its_word(self) -> None:
        room = Path(dlmsd.web.__file__).parents[1]
        text = "".join(one.read_text() for one in room.rglob("*.py"))
        calls = re.findall(r"(?:\bnote\(|audit\.add\(|_put\(|_change\()([^)]*)", text)
        found = {name for call in calls for name in re.findall(r'"([a-z]+(?: [a-z]+)?)"', call)}
        found -= {"interval", "page", "state folder", "status"}  # subjects, and fields
        self.assertGreater(len(found), 15)
        known = words("deeds")
        self.assertEqual({one for one in found if one.replace(" ", "_") not in known}, set())
