"""Shipped profiles: each loads, and tells where what it says is from."""

from __future__ import annotations

import re
import tomllib

from dlmsd.config.profiles import shipped
from tests.config.case import ConfigurationCase
from tests.shipped import LEFT, NAMES, PUSHING, meter

KEY = re.compile(r"(?:\[\w+\]|\w+ = .*)")
# A standard with its clause or table, a document of a maker, or a public report with its year.
SOURCE = re.compile(
    r"clause|table|section|[Gg]uide|manual|Book|IANA|IEC |IS 15959|issue|request|20\d\d"
    r"|[Ll]ab unit|predecessor|The same"
)


def paragraphs(name: str) -> list[tuple[str, list[str]]]:
    """The comment above each group of keys, and the keys."""
    found = []
    for paragraph in (shipped() / f"{name}.toml").read_text(encoding="utf-8").split("\n\n"):
        lines = paragraph.strip().splitlines()
        comment = [line for line in lines if line.startswith("#")]
        keys = [line for line in lines if not line.startswith("#")]
        assert lines == comment + keys, f"{name}: a comment stands below a key: {lines}"
        found.append((" ".join(comment), keys))
    return found


class ShippedTests(ConfigurationCase):
    def test_all_of_them_are_looked_at_here(self) -> None:
        self.assertEqual(set(NAMES), set(LEFT))

    def test_each_loads_with_what_it_leaves_to_the_meter(self) -> None:
        for name in NAMES:
            with self.subTest(name):
                (options,) = self.load(meter(name)).meters
                self.assertEqual(options.profile, name)
                self.assertGreater(len(options.read), 5)
                self.assertEqual(len({one.attribute for one in options.read}), len(options.read))

    def test_each_leaves_out_what_it_says_that_it_leaves_out(self) -> None:
        for name, left in LEFT.items():
            head, _ = paragraphs(name)[0]
            for key in re.findall(r"^(\w+) =", left, re.MULTILINE):
                with self.subTest(profile=name, key=key):
                    self.assertIn(key, head)
                    without = re.sub(rf"^{key} = .*\n", "", meter(name), flags=re.MULTILINE)
                    self.assertTrue(self.problems(without))

    def test_each_key_stands_below_a_comment_that_names_a_source(self) -> None:
        for name in NAMES:
            for comment, keys in paragraphs(name):
                with self.subTest(profile=name, keys=keys):
                    self.assertTrue(all(KEY.fullmatch(key) for key in keys))
                    self.assertTrue(not keys or SOURCE.search(comment), comment)

    def test_what_was_not_tried_says_so(self) -> None:
        for name in NAMES:
            text = (shipped() / f"{name}.toml").read_text(encoding="utf-8")
            self.assertEqual("# Not tried on hardware" in text, name != "microstar", name)

    def test_what_pushing_meters_leave_out(self) -> None:
        listener = '[[push]]\nname = "han"\nlisten = "tcp:1"\n'
        for name in PUSHING:
            with self.subTest(name):
                table = f'[[meters]]\nname = "a"\npush = "han"\nprofile = "{name}"\n'
                (options,) = self.load(listener + table).meters
                self.assertEqual((options.transport, options.read), ("push", ()))
                head, _ = paragraphs(name)[0]
                if "tells their units" not in " ".join(head.split()):
                    self.assertGreater(len(options.push_units), 10)
                self.assertIn("Not tried on hardware", head)
                self.assertIn("https://github.com/", head)

    def test_no_secret_is_shipped_but_those_that_are_published(self) -> None:
        secret = {"password", "encryption_key", "authentication_key", "signing_key"}
        said = {
            (name, key)
            for name in NAMES
            for key in tomllib.loads((shipped() / f"{name}.toml").read_text(encoding="utf-8"))
            if key in secret
        }
        self.assertEqual(said, {("microstar", "password"), ("kaifa-ma309", "password")})
