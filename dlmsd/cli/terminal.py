"""What is shown on a terminal: nothing that a meter sends may steer it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

# Nobody wraps what goes into a file or another program.
_ENDLESS: Final = 10_000


def argument(text: str) -> str:
    """An argument, or what the first line of standard input holds if it is ``-``.

    Others of this machine can read arguments.
    """
    return sys.stdin.readline().rstrip("\r\n") if text == "-" else text


def printable(text: str) -> str:
    """``text`` with every character that is none to look at as an escape; lines stay."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], file: TextIO | None = None
) -> None:
    """Print a table, on standard output unless into ``file``; each row has a text for each
    column.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, because a cell is no markup.
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(file=file)
    if not console.is_terminal:
        console = Console(width=_ENDLESS)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip(), file=file)


def counted() -> Progress:
    """Work of so many pieces, as a bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)
