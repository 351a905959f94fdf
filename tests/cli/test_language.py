"""In which language a command speaks, and that it speaks it everywhere."""

from __future__ import annotations

import json
import os
import sys
from io import StringIO
from pathlib import Path

import click
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.command import command, main
from dlmsd.cli.language import spoken
from dlmsd.language import LANGUAGES, Catalogue
from tests import texts

SPANISH = '[daemon]\nlanguage = "es"\n'


class LanguageCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.environment(LC_ALL="C", CONFIGURATION_DIRECTORY=str(self.folder))

    def environment(self, **values: str) -> None:
        self.patch(os, "environ", {**os.environ, "COLUMNS": "200", **values})

    def write(self, text: str) -> Path:
        path = self.folder / "dlmsd.toml"
        path.write_text(text)
        return path

    def output(self, *arguments: str) -> str:
        runner = CliRunner()
        return runner.invoke(command, arguments, standalone_mode=False).output

    def complaint(self, *arguments: str) -> tuple[int, str]:
        """What ``main`` says when it is called so, and its exit code."""
        errors = StringIO()
        self.patch(click.utils, "_default_text_stderr", lambda: errors)
        self.patch(click.utils, "_default_text_stdout", lambda: StringIO())
        self.patch(sys, "argv", ["dlmsd", *arguments])
        end = self.assertRaises(SystemExit, main)
        return end.code, errors.getvalue()


class ChoiceTests(LanguageCase):
    def test_the_environment_in_the_order_of_posix(self) -> None:
        for values, code in (
            ({"LC_ALL": "es_CO.UTF-8"}, "es"),
            ({"LC_ALL": "", "LC_MESSAGES": "es", "LANG": "C"}, "es"),
            ({"LC_ALL": "C", "LANG": "es_ES.UTF-8"}, "en"),
            ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "es_ES"}, "es"),
        ):
            self.environment(**values)
            self.assertEqual(spoken(), code, values)

    def test_the_configuration_where_the_environment_says_nothing(self) -> None:
        self.write(SPANISH)
        self.assertIn("Uso: ", self.output("--help"))
        self.write('[[notices]]\nlanguage = "es"\n[daemon]\n# language = "es"\n')
        self.assertIn("Usage: ", self.output("--help"))

    def test_the_file_that_is_named_even_if_it_is_no_toml(self) -> None:
        path = self.write(SPANISH + "[web\n")
        told = self.output("check", "-c", str(path))
        self.assertIn("dlmsd.toml:", told)
        self.assertEqual(self.peek("check", "-c", str(path)), "es")

    def peek(self, *arguments: str) -> str:
        """Of a command whose configuration is never read."""
        context = click.Context(command.commands[arguments[0]])
        context.params["config"] = arguments[2]
        self.environment(CONFIGURATION_DIRECTORY="/nowhere")
        with context:
            return spoken()

    def test_what_is_asked_for_wins(self) -> None:
        self.write(SPANISH)
        self.assertIn("Usage: ", self.output("--language", "en", "check", "--help"))
        self.environment(LC_ALL="es")
        self.assertIn("Usage: ", self.output("check", "--language", "en", "--help"))


class HelpTests(LanguageCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment(LC_ALL="es_CO.UTF-8")

    def test_no_english_is_left(self) -> None:
        """Of each paragraph and option that has another Spanish none is there."""
        said = Catalogue.of("es").said
        foreign = {text for text, spanish in said.items() if text != spanish and " " in text}
        foreign = {text for text in foreign if "{" not in text}
        self.assertGreater(len(foreign), 150)
        for one, context in texts.commands():
            words = " ".join(self.output(*context.command_path.split()[1:], "--help").split())
            self.assertIn("Uso: ", words, one.name)
            self.assertEqual([text for text in foreign if text in words], [], one.name)
            self.assertTrue("Ejemplo: " in words or one is command, one.name)
            for english in ("Usage:", "Options:", "Commands:", "[default", "required]", "Example:"):
                self.assertNotIn(english, words)

    def test_each_command_fits_its_line(self) -> None:
        """On a terminal of 80 columns."""
        for language in LANGUAGES:
            self.environment(COLUMNS="80")
            for one, context in texts.commands():
                if isinstance(one, click.Group):
                    path = context.command_path.split()[1:]
                    told = self.output("--language", language, *path, "--help")
                    below = [line.split()[0] for line in told.splitlines() if line[2:3].strip()]
                    self.assertLessEqual(one.commands.keys(), set(below))
                    self.assertNotIn("...\n", told.partition("\n")[2])
                    self.assertLessEqual(max(map(len, told.splitlines())), 80)

    def test_metavars(self) -> None:
        told = self.output("set", "--help")
        self.assertIn("[OPCIONES] MEDIDOR CLASE/OBIS/ATRIBUTO VALOR", told)
        self.assertIn("--config ARCHIVO", told)
        self.assertIn("--client ENTERO", told)

    def test_what_is_verbatim_stays(self) -> None:
        told = self.output("set", "--help")
        self.assertIn("  long-unsigned:5          boolean:true      enum:1 ", told)
        self.assertRegex(self.output("simulate", "--help"), r"\n  microstar +la unidad de ")


class MessageTests(LanguageCase):
    def test_tables_and_sentences(self) -> None:
        path = self.write(SPANISH)
        self.assertIn("está bien. Medidores activos: 0 de 0; destinos: ninguno", self.check(path))

    def check(self, path: Path, *options: str) -> str:
        return self.output("check", "-c", str(path), *options)

    def test_json_is_the_same_in_every_language(self) -> None:
        answers = []
        for language in ("en", "es"):
            path = self.write(f'[daemon]\nlanguage = "{language}"\nprot = 1\n[web]\nlisten = 5\n')
            answers.append(json.loads(self.check(path, "--json")))
        self.assertEqual(*answers)

    def test_a_configuration_that_is_wrong(self) -> None:
        path = self.write(SPANISH + "prot = 1\n")
        said = f"{path}:3: daemon.prot: clave desconocida\n"
        for name in ("check", "run", "health"):
            runner = CliRunner()
            result = runner.invoke(command, [name, "-c", str(path)])
            self.assertEqual(result.stderr, said, name)

    def test_complaints(self) -> None:
        self.environment(LC_ALL="es")
        self.assertEqual(
            self.complaint("read", "--prot"),
            (
                64,
                "Uso: dlmsd read [OPCIONES] MEDIDOR OBIS...\n"
                "Pruebe «dlmsd read --help» para ver la ayuda.\n\n"
                "Error: No existe la opción '--prot'. "
                "(¿Quiso decir una de estas: '--port', '--profile'?)\n",
            ),
        )
        code, told = self.complaint("read")
        self.assertIn("Error: Falta el argumento 'MEDIDOR'.", told)
        self.assertEqual(code, 64)
        code, told = self.complaint("simulate", "--tls", "/FILE")
        self.assertIn("para '--tls': El archivo '/FILE' no existe.", told)

    def test_complaints_of_our_own(self) -> None:
        path = self.write(SPANISH)
        code, told = self.complaint("doctor", "mqtt", "-c", str(path), "nobody")
        self.assertIn("Error: la configuración no tiene destinos\n", told)
        self.assertEqual(code, 64)
        path = self.write(SPANISH + '[[sinks]]\nname = "tb"\nkind = "mqtt"\nurl = "mqtt://h"\n')
        for words in (("doctor", "mqtt"), ("outbox", "replay", "--quarantined", "--sink")):
            code, told = self.complaint(*words, "bt", "-c", str(path))
            self.assertIn(f"no hay ningún destino bt en {path} (tiene tb)", told)
            self.assertEqual(code, 64)
        code, told = self.complaint("token", "-c", str(path))
        self.assertIn("no existe; el demonio lo crea en su primer inicio\n", told)
        self.assertEqual(code, 1)
