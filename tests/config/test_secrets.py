from __future__ import annotations

import base64
import os
from pathlib import Path

from dlmsd.config.rules import Refusal
from dlmsd.config.secrets import SecretReader, sealed
from dlmsd.config.system import CREDENTIALS, Outside
from dlmsd.secret import Secret
from dlmsd.withheld import WithheldSecret
from tests.config.case import ConfigurationCase


class SecretReaderTests(ConfigurationCase):
    def reader(self, **environ: str) -> SecretReader:
        return SecretReader(self.folder, environ)

    def refusal(self, value: object, **environ: str) -> str:
        with self.assertRaises(Refusal) as caught:
            self.reader(**environ).read(value)
        return str(caught.exception)

    def test_text(self) -> None:
        self.assertEqual(self.reader().read("canary-ñ").reveal(), "canary-ñ".encode())

    def test_file_first_line_stripped(self) -> None:
        self.write("web.token", b"  canary \r\nsecond line\n").chmod(0o644)
        self.assertEqual(self.reader().read({"file": "web.token"}), Secret("canary"))

    def test_absolute_file(self) -> None:
        path = self.write("web.token", b"canary")
        reader = SecretReader(Path("/nowhere"), {})
        self.assertEqual(reader.read({"file": str(path)}), Secret("canary"))

    def test_environment(self) -> None:
        reader = self.reader(TB="canary")
        self.assertEqual(reader.read({"env": "TB"}), Secret("canary"))

    def test_environment_that_is_no_utf8(self) -> None:
        reader = self.reader(TB=os.fsdecode(b"canary\xff"))
        self.assertEqual(reader.read({"env": "TB"}).reveal(), b"canary\xff")

    def test_credential(self) -> None:
        self.write("credentials/tb", b"canary\n")
        reader = self.reader(CREDENTIALS_DIRECTORY=str(self.folder / "credentials"))
        self.assertEqual(reader.read({"credential": "tb"}), Secret("canary"))

    def test_refused(self) -> None:
        self.write("empty", b"\ncanary")
        self.write("long", b"x" * 100_000)
        (self.folder / "fold").mkdir()
        os.mkfifo(self.folder / "pipe")
        forms = '"text", { file = "..." }, { env = "..." }, { credential = "..." } or '
        forms += '{ sealed = "..." }'
        shape = f"expected a secret: {forms}"
        missing = "the file named here cannot be read: No such file or directory"
        irregular = "what is named here is no regular file"
        table: list[tuple[object, str]] = [
            (5, shape),
            (True, shape),
            (["canary"], shape),
            ({}, shape),
            ({"fil": "canary"}, shape),
            ({"file": "a", "env": "B"}, shape),
            ({"file": 3}, shape),
            ({"env": ""}, shape),
            ("", "the secret is empty"),
            ({"file": "canary"}, missing),
            ({"file": "empty"}, "the first line of the file named here is empty"),
            (
                {"file": "long"},
                "the first line of the file named here is too long for a secret",
            ),
            ({"file": "fold"}, irregular),
            ({"file": "pipe"}, irregular),
            ({"file": "a\0b"}, "the file named here cannot have such a name"),
            ({"env": "CANARY"}, "the environment variable named here is not set"),
            ({"env": "NONE"}, "the environment variable named here is empty"),
            (
                {"credential": "tb"},
                "there is no $CREDENTIALS_DIRECTORY; systemd's LoadCredential= makes it",
            ),
        ]
        for value, message in table:
            with self.subTest(repr(value)):
                self.assertEqual(self.refusal(value, NONE=""), message)

    def test_outside_the_service_a_credential_is_withheld(self) -> None:
        self.write("credentials/here", b"canary\n")
        empty = Outside()
        given = Outside(CREDENTIALS_DIRECTORY=str(self.folder / "credentials"))
        for environ, name, seen in (
            (empty, "here", False),
            (given, "here", True),
            (given, "other", False),
        ):
            found = SecretReader(self.folder, environ).read({"credential": name})
            self.assertEqual(isinstance(found, WithheldSecret), not seen)
        reader = SecretReader(self.folder, empty)
        self.assertIsInstance(reader.octets(16)({"credential": "key"}), WithheldSecret)
        self.assertRaises(Refusal, reader.read, {"credential": "../a"})
        self.assertRaises(Refusal, reader.read, {"env": "NONE"})

    def test_the_services_are_those_of_the_systems_file_alone(self) -> None:
        path = self.write("dlmsd.toml", "")
        shell = {"CONFIGURATION_DIRECTORY": str(self.folder)}
        self.assertEqual(Outside.of(path, shell)["CREDENTIALS_DIRECTORY"], CREDENTIALS)
        given = {**shell, "CREDENTIALS_DIRECTORY": "/given"}
        self.assertEqual(Outside.of(path, given), given)
        other = self.write("other.toml", "")
        self.assertEqual(Outside.of(other, shell), shell)

    def test_a_credential_is_no_path(self) -> None:
        folder = str(self.folder / "credentials")
        for name in ("../dlmsd.toml", "/etc/passwd", ".."):
            self.assertEqual(
                self.refusal({"credential": name}, CREDENTIALS_DIRECTORY=folder),
                "expected the name of a credential, not a path",
            )


class SealedTests(ConfigurationCase):
    """What ``dlmsd provision`` writes where there is a registry_key."""

    KEY = Secret(bytes(range(32)))
    KEY_TEXT = bytes(range(32)).hex()

    def text(self, key: str = KEY_TEXT, token: str = '{ sealed = "tokens/a.token" }') -> str:
        daemon = f'[daemon]\nregistry_key = "{key}"\n' if key else ""
        sink = '[[sinks]]\nname = "tb"\nkind = "thingsboard"\nurl = "mqtt://h"\n'
        meter = '[[meters]]\nname = "a"\nhost = "h"\nprofile = "microstar"\n'
        return f"{daemon}{sink}{meter}token = {token}\n"

    def seal(self, name: str = "a.token") -> bytes:
        content = sealed(name, Secret("canary"), self.KEY, os.urandom)
        self.write("tokens/a.token", content.decode() + "\n")
        return content

    def test_it_opens_with_its_key_alone(self) -> None:
        self.assertNotIn(b"canary", base64.b64decode(self.seal()))
        (meter,) = self.load(self.text()).meters
        self.assertEqual(meter.token, Secret("canary"))
        for key, words in (("", "give [daemon] registry_key"), ("00" * 32, "another registry_key")):
            (problem,) = self.problems(self.text(key))
            self.assertIn("meters[0].token: ", problem)
            self.assertIn(words, problem)

    def test_what_is_none(self) -> None:
        self.seal("b.token")
        (problem,) = self.problems(self.text())
        self.assertIn("under another name", problem)
        for content in ("canary", base64.b64encode(b"\0{}").decode(), "AQ=="):
            self.write("tokens/a.token", content)
            (problem,) = self.problems(self.text())
            self.assertNotIn("canary", problem)
        (problem,) = self.problems(self.text(token='{ sealed = "nothing" }'))
        self.assertIn("cannot be read", problem)

    def test_a_wrong_key_is_told_once_more(self) -> None:
        self.seal()
        problems = self.problems(self.text("00"))
        self.assertIn("registry_key: expected 64 hex digits", problems[0])
