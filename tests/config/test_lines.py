from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.lines import KeyPath, Lines, dotted

DOCUMENT = (
    '''\
# [not.a.table]
top = 1
a . "b c" . 'd' = 2

[daemon] # comment with [brackets] = 1
text = """
[fake]
key = 1
\\""" still inside = 2 """"
literal = \'\'\'
[[fake]] \'\'\' # '''
    + """
date = 1979-05-27 07:32:00 # a space within
list = [
  "one # no comment",
  { x = 1, y = [
    2,
    3 ] },
  '''
  ]''',
]
after = 1

[[meters]]
name = "a"
[meters.read]
volt = { obis = "1", every = 2 }

  [[ meters ]]
read."v 1".every = 1
[[meters.tags]]
k = 1
[[meters.tags]]
k = 2
numbers = [ 1 # ], fake = 3
  , 2 ]
last = 1
"""
)


class LinesTests(SynchronousTestCase):
    def test_every_kind_of_key(self) -> None:
        tomllib.loads(DOCUMENT)
        lines = Lines(DOCUMENT)
        wanted: dict[KeyPath, int] = {
            ("top",): 2,
            ("a",): 3,
            ("a", "b c", "d"): 3,
            ("daemon",): 5,
            ("daemon", "text"): 6,
            ("daemon", "literal"): 10,
            ("daemon", "date"): 12,
            ("daemon", "list"): 13,
            ("daemon", "list", 0): 14,
            ("daemon", "list", 1, "x"): 15,
            ("daemon", "list", 1, "y", 1): 17,
            ("daemon", "list", 2): 18,
            ("daemon", "after"): 21,
            ("meters",): 23,
            ("meters", 0): 23,
            ("meters", 0, "name"): 24,
            ("meters", 0, "read"): 25,
            ("meters", 0, "read", "volt", "every"): 26,
            ("meters", 1): 28,
            ("meters", 1, "read", "v 1", "every"): 29,
            ("meters", 1, "tags", 0, "k"): 31,
            ("meters", 1, "tags", 1, "k"): 33,
            ("meters", 1, "tags", 1, "numbers", 1): 35,
            ("meters", 1, "tags", 1, "last"): 36,
        }
        self.assertEqual({path: lines.of(path) for path in wanted}, wanted)

    def test_a_missing_key_stands_at_the_table_around_it(self) -> None:
        lines = Lines(DOCUMENT)
        self.assertEqual(lines.of(("meters", 1, "host")), 28)
        self.assertEqual(lines.of(("daemon", "list", 1, "z", 3)), 15)
        self.assertEqual(lines.of(("web", "listen")), 0)
        self.assertEqual(lines.of(()), 0)

    def test_windows_line_ends(self) -> None:
        lines = Lines('a = 1\r\n[b]\r\nc = """\r\n"""\r\nd = 2\r\n')
        self.assertEqual([lines.of(("b",)), lines.of(("b", "c")), lines.of(("b", "d"))], [2, 3, 5])

    def test_dotted(self) -> None:
        self.assertEqual(dotted(("meters", 2, "host")), "meters[2].host")
        self.assertEqual(dotted(("profiles", 'a "b', "port")), 'profiles."a \\"b".port')
        self.assertEqual(dotted(()), "")


# A writer of TOML that notes the line of each key as it writes: the oracle.
_TEXTS = st.text(st.sampled_from("ab#[]{}=,.\\'\"\n é"), max_size=8)
_KEYS = st.text(st.sampled_from("ab-_ .#[]='"), min_size=1, max_size=4)
_SCALARS = st.one_of(st.integers(), st.booleans(), _TEXTS)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=6,
)
_TABLES = st.dictionaries(_KEYS, _VALUES, max_size=4)


class _Writer:
    def __init__(self, draw: st.DataObject) -> None:
        self.text = ""
        self.lines: dict[KeyPath, int] = {}
        self._draw = draw

    def mark(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def noise(self) -> None:
        self.text += self._draw.draw(st.sampled_from(["", "\n", "# [x]\n", '  # a = "\n', "\n\n"]))

    def key(self, key: str) -> None:
        bare = key.replace("-", "a").replace("_", "a").isalnum()
        self.text += key if bare else '"' + key + '"'

    def value(self, path: KeyPath, value: Any) -> None:
        if isinstance(value, bool):
            self.text += str(value).lower()
        elif isinstance(value, int):
            self.text += str(value)
        elif isinstance(value, str):
            self.string(value)
        elif isinstance(value, list):
            self.text += "["
            for index, one in enumerate(value):
                self.noise()
                self.mark((*path, index))
                self.value((*path, index), one)
                self.text += ","
            self.noise()
            self.text += "]"
        else:
            self.text += "{"
            for index, (key, one) in enumerate(value.items()):
                self.text += ", " if index else " "
                self.pair(path, key, one)
            self.text += " }"

    def string(self, value: str) -> None:
        plain = value.replace("\\", "\\\\").replace('"', '\\"')
        forms = [f'"{plain}"'.replace("\n", "\\n"), f'"""\n{plain}"""']
        if "'" not in value:
            forms.append(f"'''\n{value}'''")
            if "\n" not in value:
                forms.append(f"'{value}'")
        self.text += self._draw.draw(st.sampled_from(forms))

    def pair(self, table: KeyPath, key: str, value: Any) -> None:
        self.mark((*table, key))
        self.key(key)
        self.text += self._draw.draw(st.sampled_from([" = ", "="]))
        self.value((*table, key), value)

    def table(self, path: KeyPath, header: str, table: dict[str, Any]) -> None:
        self.noise()
        self.mark(path)
        self.text += header + "\n"
        for key, value in table.items():
            self.noise()
            self.pair(path, key, value)
            self.text += "\n"


class LinesPropertyTests(SynchronousTestCase):
    @settings(max_examples=150, deadline=None)
    @given(st.data(), _TABLES, st.lists(_TABLES, max_size=3))
    def test_agrees_with_the_writer(
        self, data: st.DataObject, one: dict[str, Any], many: list[dict[str, Any]]
    ) -> None:
        writer = _Writer(data)
        writer.table(("one",), "[one]", one)
        for index, table in enumerate(many):
            writer.table(("many", index), "[[many]]", table)
        expected = {"one": one} | ({"many": many} if many else {})
        self.assertEqual(tomllib.loads(writer.text), expected)
        lines = Lines(writer.text)
        self.assertEqual({path: lines.of(path) for path in writer.lines}, writer.lines)
