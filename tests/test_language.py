"""Whatever the code says has its Spanish, and the catalogue has nothing else."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import dlmsd
from dlmsd.errors import NotListeningError, StoreError
from dlmsd.language import LANGUAGES, Catalogue, matched, preferred
from tests import texts

FOLDER = Path(dlmsd.__file__).parent / "texts"
HERE = Path(__file__).parents[1]
# Sentences of the command line's parser and of the system; nothing here makes them.
OTHERS = ("click", "system")


def tables(code: str, name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((FOLDER / code / f"{name}.toml").read_text("utf-8"))


def entries(code: str, name: str) -> dict[str, str]:
    return {key: text for table in tables(code, name).values() for key, text in table.items()}


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


class CatalogueTests(SynchronousTestCase):
    """A text that is new, changed or gone in the code is so in every catalogue."""

    def compare(self, name: str, wanted: set[str]) -> None:
        for code in LANGUAGES[1:]:
            found = entries(code, name).keys()
            self.assertEqual(sorted(wanted - found), [], f"{code}/{name}.toml lacks these")
            self.assertEqual(sorted(found - wanted), [], f"{code}/{name}.toml: none says these")

    def test_commands(self) -> None:
        self.compare("command", texts.said())

    def test_nothing_is_shown_that_is_not_said(self) -> None:
        self.assertEqual(texts.unsaid(), [])

    def test_advice(self) -> None:
        self.compare("advice", texts.advices())

    def test_sentences_of_errors(self) -> None:
        """Some come from where none is looked for; but what no code has is stale."""
        literals, wanted = texts.literals(), texts.sentences()
        for code in LANGUAGES[1:]:
            found = {
                key
                for table, said in tables(code, "errors").items()
                if table not in OTHERS
                for key in said
            }
            self.assertEqual(sorted(wanted - found), [], f"{code}/errors.toml lacks these")
            stale = [key for key in found - wanted if not texts.told(key, literals)]
            self.assertEqual(sorted(stale), [], f"{code}/errors.toml: none says these")

    def test_the_same_places(self) -> None:
        for code in LANGUAGES[1:]:
            for name in ("command", "errors"):
                for english, text in entries(code, name).items():
                    self.assertEqual(places(english), places(text), english)

    def test_each_text_once(self) -> None:
        # TOML itself refuses a key twice in one table.
        for code in LANGUAGES[1:]:
            for name in ("advice", "command", "errors"):
                by_key: dict[str, set[str]] = {}
                for table in tables(code, name).values():
                    for key, text in table.items():
                        self.assertTrue(text.strip(), key)
                        by_key.setdefault(key, set()).add(text)
                self.assertEqual({key: all_ for key, all_ in by_key.items() if len(all_) > 1}, {})


class SayTests(SynchronousTestCase):
    spanish = Catalogue.of("es")

    def test_english_is_what_stands_in_the_code(self) -> None:
        english = Catalogue.of("en")
        self.assertEqual(english.say("{count} objects", count=3), "3 objects")
        self.assertEqual(
            english.hear("[Errno] x: Permission denied"), "[Errno] x: Permission denied"
        )

    def test_values_are_filled_in(self) -> None:
        self.assertEqual(self.spanish.say("{count} objects", count=3), "3 objetos")

    def test_what_is_unknown_stays(self) -> None:
        self.assertEqual(self.spanish.say("a {thing}", thing="b"), "a b")
        self.assertEqual(self.spanish.hear("nobody: ever said: this"), "nobody: ever said: this")

    def test_advice(self) -> None:
        self.assertIn("puerto del medidor", self.spanish.say(NotListeningError().advice))
        self.assertIn("carpeta de estado", self.spanish.say(StoreError().advice))

    def test_a_place_before_a_colon(self) -> None:
        told = self.spanish.hear("/var/lib/dlmsd: Permission denied")
        self.assertEqual(told, "/var/lib/dlmsd: permiso denegado")

    def test_a_sentence_in_a_sentence(self) -> None:
        self.assertEqual(
            self.spanish.hear("Invalid value for '--port': 'x' is not a valid integer."),
            "Valor no válido para '--port': 'x' no es un número entero.",
        )

    def test_as_they_are_made(self) -> None:
        for english, spanish in (
            (
                'dlmsd.toml:9: meters[0].prot: unknown key; did you mean "port"?',
                "dlmsd.toml:9: meters[0].prot: clave desconocida; ¿quiso decir «port»?",
            ),
            (
                "a.toml:2: web.token: expected a number above 0 to 5",
                "a.toml:2: web.token: se esperaba un número mayor que 0 hasta 5",
            ),
            (
                "listen: expected text of at most 64 bytes, or hex: and hex digits",
                "listen: se esperaba un texto de como mucho 64 bytes, o hex: y dígitos "
                "hexadecimales",
            ),
            (
                "a.toml:6: sinks[1].name: another sink has this name (line 2)",
                "a.toml:6: sinks[1].name: otro sink tiene este nombre (línea 2)",
            ),
            ('m: expected "a", "b" or "c"', 'm: se esperaba "a", "b" o "c"'),
            (
                "rejected-permanent: the meter refuses, and will again unless something changes; "
                "authentication-failure: the password is wrong for this client; check client and "
                "password",
                "rejected-permanent: el medidor rechaza, y lo hará de nuevo si no cambia algo; "
                "authentication-failure: la contraseña es incorrecta para este cliente; "
                "compruebe client y password",
            ),
            (
                "11 associations were lost within an hour; the last: the connection broke",
                "11 asociaciones se perdieron en una hora; la última: la conexión se cortó",
            ),
            (
                "2 times: the broker disconnected: session taken over (DISCONNECT 0x8E)",
                "2 veces: el bróker desconectó: sesión tomada por otro (DISCONNECT 0x8E)",
            ),
            (
                "connection from token abc refused: not authorised (CONNACK 0x87)",
                "conexión de token abc rechazada: no autorizado (CONNACK 0x87)",
            ),
        ):
            self.assertEqual(self.spanish.hear(english), spanish)

    def test_a_name_is_no_sentence(self) -> None:
        # A meter may be called as a text is.
        self.assertEqual(self.spanish.hear("No such option: none"), "No existe la opción none")


class PatternTests(SynchronousTestCase):
    def test_matched(self) -> None:
        self.assertEqual(matched("{a} is {b}.", "x.y is z."), {"a": "x.y", "b": "z"})
        self.assertEqual(matched("all", "all"), {})
        self.assertIsNone(matched("{a} is {b}.", "x is "))
        self.assertIsNone(matched("all", "all of it"))
        self.assertEqual(matched("a {{b}} {c}", "a {b} 1"), {"c": "1"})

    def test_patterns_of_code(self) -> None:
        def made(source: str) -> str | None:
            return texts.pattern(ast.parse(source, mode="eval").body)

        self.assertEqual(made('"with {braces}"'), "with {{braces}}")
        self.assertEqual(
            made('f"{self._path}: {error.strerror} {len(rows)}"'), "{path}: {strerror} {rows}"
        )
        self.assertEqual(made('f"{a.name} {b.name}"'), "{name} {name_1}")
        self.assertIsNone(made("words"))


class ReadmeTests(SynchronousTestCase):
    """What the tables of errors quote is what a reader of the language sees."""

    def quoted(self, name: str) -> list[str]:
        """Pieces of the sentences in the first column; values and names of the standard go."""
        lines = (HERE / name).read_text("utf-8").splitlines()
        quotes = [
            quote
            for line in lines
            if line.startswith("| ") and re.match(r"\| (\w+): ", line)
            for quote in re.findall("`([^`]+)`", line.split("|")[1])
            if " " in quote and not quote.startswith("/")
        ]
        cut = re.compile(r"\.{3}|\b[\dA-F]*\d[\dA-F]*\b|\bSNRM\b|\bNAME\b|\bNOMBRE\b|: ")
        return [piece.strip() for quote in quotes for piece in cut.split(quote) if piece.strip()]

    def test_english(self) -> None:
        literals = texts.literals()
        found = self.quoted("README.md")
        self.assertGreater(len(found), 20)
        self.assertEqual([one for one in found if one not in literals], [])

    def test_spanish(self) -> None:
        spanish = "\n".join(Catalogue.of("es").heard.values())
        found = self.quoted("README.es.md")
        self.assertGreater(len(found), 20)
        self.assertEqual([one for one in found if one not in spanish], [])


class PreferenceTests(SynchronousTestCase):
    def test_of_what_a_browser_accepts(self) -> None:
        for accepted, code in (
            ("es-CO,es;q=0.9,en;q=0.8", "es"),
            ("en-GB, es", "en"),
            ("en;q=0.3, ES ; q=0.7", "es"),
            ("de, fr;q=0.9, es;q=0.1", "es"),
            ("es;q=0, en;q=0.001", "en"),
            ("es;q=2", None),
            ("*", None),
            ("", None),
            ("espa\u00f1ol;;;q=,", None),
        ):
            self.assertEqual(preferred(accepted), code, accepted)
