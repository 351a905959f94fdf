from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from dlmsd.cli.tokenfiles import TokenFileError, file_name, insert, is_apart, line, write
from dlmsd.config.tokens import Owner, load_without_tokens
from dlmsd.errors import ConfigurationError
from tests.owners import OTHER, Owners, others_folder

TEXT = """\
# The head.
[[sinks]]
name = "tb"
kind = "thingsboard"
url = "mqtt://h"

# --- The meters.
[[meters]]
  name = "a"   # the first
  host = "h"
  profile = "microstar"

# About the second.
[[meters]]
host = "h2"
profile = "microstar"
name = "b"
[meters.read]
x = "1-0:1.8.0"
"""


def owner(name: str) -> Owner:
    return "meters", name


class FilesCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "dlmsd.toml"
        self.path.write_text(TEXT)


class InsertTests(FilesCase):
    def test_below_the_name_and_nothing_else(self) -> None:
        copy = insert(self.path, {owner(name): file_name(owner(name)) for name in "ab"}, "file")
        first, second = "   # the first\n", 'name = "b"\n'
        expected = TEXT.replace(first, f"{first}  {line('tokens/a.token', 'file')}\n")
        expected = expected.replace(second, f"{second}{line('tokens/b.token', 'file')}\n")
        self.assertEqual(self.path.read_text(), expected)
        self.assertEqual(copy, self.path.absolute().with_name("dlmsd.toml.bak"))
        self.assertEqual(self.path.with_name("dlmsd.toml.bak").read_text(), TEXT)

    def test_every_end_of_line_and_none(self) -> None:
        for text in ('[[meters]]\r\nname = "a"\r\nhost = "h"\r\n', '[[meters]]\nname = "a"'):
            self.path.write_bytes(text.encode())
            self.assertIsNotNone(insert(self.path, {owner("a"): "t"}, "file"))
            found = tomllib.loads(self.path.read_bytes().decode())["meters"][0]
            self.assertEqual(found["token"], {"file": "t"}, "file")
            self.assertEqual("\r\n" in text, b"}\r\n" in self.path.read_bytes())

    def test_forms_that_nothing_is_inserted_in(self) -> None:
        for text in (
            'meters = [{ name = "a", host = "h" }]\n',
            'meters = [\n  { name = "a", host = "h" },\n]\n',
            '[[meters]]\nname = """\na"""\n',
        ):
            self.path.write_text(text)
            name = tomllib.loads(text)["meters"][0]["name"]
            self.assertIsNone(insert(self.path, {owner(name): "t"}, "file"))
            self.assertEqual(self.path.read_text(), text)
            self.assertFalse(self.path.with_name("dlmsd.toml.bak").exists())

    def test_a_link_stays_one(self) -> None:
        link = self.folder / "link.toml"
        link.symlink_to(self.path.absolute())
        insert(link, {owner("a"): "t"}, "file")
        self.assertTrue(link.is_symlink())
        self.assertIn('{ file = "t" }', self.path.read_text())

    @given(st.lists(st.sampled_from(TEXT.splitlines()), max_size=12), st.booleans())
    def test_whatever_is_written_means_what_it_did(self, rows: list[str], last: bool) -> None:
        """In any order of lines that is TOML: the same, and the token; or nothing."""
        text = "\n".join(rows) + "\n" * last
        try:
            before = tomllib.loads(text)
            assert isinstance(before["meters"], list)
        except (tomllib.TOMLDecodeError, KeyError, AssertionError):
            return
        self.path.write_text(text)
        insert(self.path, {owner("a"): "t"}, "file")
        after = tomllib.loads(self.path.read_text())
        for table in after["meters"]:
            wanted = {"file": "t"} if table.get("name") == "a" else None
            self.assertEqual(table.pop("token", None), wanted)
        self.assertEqual(after, before)


class WriteTests(FilesCase):
    def mode(self, path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    def test_for_nobody_but_who_reads_the_configuration(self) -> None:
        for of_configuration, file, folder in ((0o644, 0o640, 0o750), (0o600, 0o600, 0o700)):
            self.path.chmod(of_configuration)
            path = self.folder / f"t{of_configuration}" / "a.token"
            for token in ("first", "second"):
                write(path, token.encode(), self.path)
                self.assertEqual(path.read_text(), f"{token}\n")
            self.assertEqual((self.mode(path), self.mode(path.parent)), (file, folder))
            self.assertEqual(os.listdir(path.parent), ["a.token"])

    def test_one_that_is_there_stays_as_readable_as_it_is(self) -> None:
        path = self.folder / "a.token"
        for mode in (0o644, 0o600):
            path.touch()
            path.chmod(mode)
            write(path, b"canary", self.path)
            self.assertEqual(self.mode(path), mode)

    def test_in_a_daemons_folder_it_is_the_daemons(self) -> None:
        state = self.folder / "state"
        state.mkdir(mode=0o700)
        owners = Owners(self, state)
        path = state / file_name(owner("a"))
        write(path, b"canary", state)
        self.assertEqual((self.mode(path.parent), self.mode(path)), (0o700, 0o600))
        self.assertEqual(owners.strangers(), set())
        write(path := self.folder / "new" / "tokens" / "a", b"canary", self.folder / "new")
        self.assertEqual(self.mode(path.parent.parent), 0o700)

    def test_whether_the_daemon_could_read_it_beside_the_configuration(self) -> None:
        ours = self.folder / "state"
        ours.mkdir()
        other = others_folder(self, self.folder)
        shell = {"CONFIGURATION_DIRECTORY": str(self.folder.absolute())}
        none = self.folder / "none"
        for mode, state, environ, apart in (
            (0o644, other, {}, True),
            (0o640, other, {}, False),
            (0o644, ours, {}, False),
            (0o644, none, {}, False),
            (0o644, none, shell, True),
            (0o644, ours, shell, False),
            (0o600, none, shell, False),
        ):
            self.path.chmod(mode)
            self.assertIs(is_apart(self.path, state, environ), apart, (oct(mode), state, environ))

    def test_one_that_runs_as_root_can_read_it_anywhere(self) -> None:
        """It is given once: whoever is not root could not put it in root's folder either."""
        roots = Path("/")
        self.assertEqual(roots.stat().st_uid, 0)
        if os.geteuid() == 0:
            os.chown(self.path, OTHER, OTHER)
        self.path.chmod(0o644)
        self.assertIs(is_apart(self.path, roots, {}), False)

    def test_what_cannot_be_written(self) -> None:
        (self.folder / "tokens").write_text("")
        path = self.folder / "tokens" / "a"
        error = self.assertRaises(TokenFileError, write, path, b"canary", self.path)
        self.assertNotIn("canary", str(error))


class LoadTests(FilesCase):
    def load(self, text: str = TEXT, **environ: str) -> tuple[dict[str, str | None], dict]:
        self.path.write_text(text)
        configuration, places = load_without_tokens(self.path, environ=environ)
        every = (*configuration.meters, *configuration.sinks)
        tokens = {one.name: one.token and one.token.reveal().decode() for one in every}
        return tokens, dict(places)

    def token(self, text: str) -> str:
        return TEXT.replace('name = "b"\n', f'name = "b"\n{text}\n')

    def test_tokens_that_are_not_there_yet(self) -> None:
        tokens, places = self.load()
        self.assertEqual(tokens, {"a": None, "b": None, "tb": None})
        self.assertEqual({place.said for place in places.values()}, {False})

    def test_where_the_configuration_says_it(self) -> None:
        text = self.token('token = { file = "b.token" }')
        tokens, places = self.load(text)
        place = places[owner("b")]
        self.assertEqual((tokens["b"], place.said), (None, True))
        self.assertEqual(place.file, self.folder.absolute() / "b.token")
        write(place.file, b"mine", self.path)
        self.assertEqual(self.load(text)[0]["b"], "mine")

    def test_text_and_environment(self) -> None:
        self.assertEqual(self.load(self.token('token = "mine"'))[0]["b"], "mine")
        text = self.token('token = { env = "TB" }')
        self.assertEqual(self.load(text, TB="mine")[0]["b"], "mine")
        tokens, places = self.load(text)
        place = places[owner("b")]
        self.assertEqual((tokens["b"], place.said, place.file), (None, True, None))

    def test_a_gateways(self) -> None:
        tokens, places = self.load(TEXT.replace('"thingsboard"', '"thingsboard-gateway"'))
        self.assertEqual((tokens["tb"], ("sinks", "tb") in places), (None, True))

    def test_all_else_must_be_right(self) -> None:
        for text in (self.token("token = 5"), self.token('token = ""'), self.token("hots = 1")):
            self.assertRaises(ConfigurationError, self.load, text)
        both = self.token('token = "mine"').replace('"a"', '"a"\ntoken = "mine"')
        self.assertIn("use one token", str(self.assertRaises(ConfigurationError, self.load, both)))
