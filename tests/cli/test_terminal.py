"""Nothing that a meter sends steers a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli import terminal
from dlmsd.cli.terminal import printable, show_table

HOSTILE = "\x1b[2J\x1b]0;owned\x07 [bold]\r\u202e\x9b31m"


class TerminalTests(SynchronousTestCase):
    def table(self, *cells: str) -> list[str]:
        lines: list[str] = []
        self.patch(terminal.click, "echo", lambda line, file: lines.append(line))
        show_table(["a"] * len(cells), [cells])
        return lines

    @given(st.text())
    def test_only_what_can_be_looked_at_and_lines(self, text: str) -> None:
        self.assertTrue(all(line.isprintable() for line in printable(text).split("\n")))

    def test_a_table_shows_what_came_and_obeys_nothing(self) -> None:
        shown = "\n".join(self.table(HOSTILE, "b"))
        self.assertTrue(shown.replace("\n", "").isprintable())
        self.assertIn(r"\x1b[2J\x1b]0;owned\x07 [bold]\r\u202e\x9b31m", shown)

    def test_nothing_is_cut_off_in_a_file(self) -> None:
        self.assertIn("x" * 300, self.table("x" * 300, "b")[-1])
