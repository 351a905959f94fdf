from __future__ import annotations

from dlmsd.config.load import load
from dlmsd.errors import ConfigurationError
from tests.config.case import ConfigurationCase

NO_TOML = "dlmsd.toml:{}: is not valid TOML: {}"


class SourceTests(ConfigurationCase):
    def test_a_byte_order_mark_is_no_fault(self) -> None:
        configuration = self.load(b'\xef\xbb\xbf[daemon]\r\nlanguage = "es"\r\n')
        self.assertEqual(configuration.daemon.language, "es")

    def test_bad_utf8(self) -> None:
        self.assertEqual(
            self.problems(b'[daemon]\n# a\xf1o\nlanguage = "es"\n'),
            ["dlmsd.toml:2: is not UTF-8 here; save the file as UTF-8"],
        )

    def test_a_file_that_cannot_be_read(self) -> None:
        for name, reason in (("none.toml", "No such file or directory"), ("", "Is a directory")):
            path = self.folder / name
            with self.assertRaises(ConfigurationError) as caught:
                load(path, environ={})
            self.assertEqual(str(caught.exception), f"{path}: cannot be read: {reason}")

    def test_syntax(self) -> None:
        value = "a value is missing or not understood here; text needs quotes"
        table = {
            "[daemon]\nlanguage = es\n": (2, f"{value} (column 12)"),
            "[daemon]\nlanguage =": (2, f"{value} (at the end)"),
            "[daemon]\nlanguage es\n": (
                2,
                "expected '=' after a key in a key/value pair (column 10)",
            ),
            "a = 1\na = 2\n": (2, "this key is already set above (column 6)"),
            "[web]\n[web]\n": (2, "this table is already written above (column 5)"),
            'a = "x\n': (
                1,
                "a text is not closed on its line, or holds a control character (column 7)",
            ),
            'a = "x': (1, "a text is not closed (at the end)"),
            "a = [1,\n2\n": (2, "an array is not closed (at the end)"),
            "= 3": (1, "expected a key, a [table] or a comment (column 1)"),
        }
        for text, (line, message) in table.items():
            with self.subTest(text):
                self.assertEqual(self.problems(text), [NO_TOML.format(line, message)])

    def test_absurd_values_are_problems_not_crashes(self) -> None:
        deep = "a = " + "[" * 5000
        self.assertEqual(
            self.problems(deep), ["dlmsd.toml: arrays or tables are nested too deeply"]
        )
        self.assertEqual(len(self.problems("a = " + "9" * 5000)), 1)
        self.assertEqual(
            self.problems("[daemon]\nreport_interval = 1e99999999999999999999"),
            ["dlmsd.toml:2: daemon.report_interval: expected a number from 1 to 31622400"],
        )
