"""How a command explains itself: click's help and its complaints, in the reader's language."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Final

import click

from dlmsd.cli.language import hear, language_option, say

# Paragraphs that begin so go on with what is the same in every language.
LABELS: Final = ("Example:", "Faults:")
_VERBATIM: Final = "\b"
_METAVAR: Final = re.compile(r"[A-Z]{2,}")
_EXTRA: Final = re.compile(r"\b(default|required)(?=[:;\]])")


def explain(text: str) -> str:
    """The text of a help, paragraph by paragraph."""
    return "\n\n".join(_paragraph(one) for one in inspect.cleandoc(text).split("\n\n"))


def paragraphs(text: str) -> list[str]:
    """The texts of a help that a catalogue must have."""
    found = []
    for one in inspect.cleandoc(text).split("\n\n"):
        if one.startswith(_VERBATIM):
            found += [_cell(line)[1] for line in one.splitlines()[1:]]
        else:
            found.append(_filled(one))
    return [one for one in found if not one.startswith(LABELS)]


class Formatter(click.HelpFormatter):
    """Writes what click has put together, translated."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, _metavars(args), prefix or say("Usage:") + " ")

    def write_heading(self, heading: str) -> None:
        super().write_heading(say(heading))

    def write_text(self, text: str) -> None:
        super().write_text(explain(text))

    def write_dl(self, rows: Any, *args: Any, **kwargs: Any) -> None:
        told = [(_names(names), _described(text)) for names, text in rows]
        super().write_dl(told, *args, **kwargs)


class _Context(click.Context):
    formatter_class = Formatter


class _Spoken(click.Command):
    context_class = _Context

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(language_option())

    def get_short_help_str(self, limit: int = 45) -> str:
        if self.short_help:
            return say(self.short_help)
        return click.Command(None, help=explain(self.help or "")).get_short_help_str(limit)


class Command(_Spoken):
    """One that does something."""


class Group(_Spoken, click.Group):
    """One that has others below it."""

    command_class = Command


def complain(error: click.ClickException) -> None:
    """Say what is wrong with a command's use, and how it is used."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    with context.scope(cleanup=False) if context is not None else nullcontext():
        if context is not None:
            click.echo(context.get_usage(), err=True)
            hint = say("Try '{command} --help' for help.", command=context.command_path)
            click.echo(f"{hint}\n", err=True)
        message = hear(error.format_message())
        if isinstance(error, click.BadParameter):
            head, colon, tail = message.partition(": ")
            message = _metavars(head) + colon + tail
        click.echo(say("Error: {message}", message=message), err=True)


def _paragraph(text: str) -> str:
    if text.startswith(_VERBATIM):
        cells = [_cell(line) for line in text.splitlines()[1:]]
        return "\n".join((_VERBATIM, *(head + say(tail) for head, tail in cells)))
    for label in LABELS:
        if text.startswith(label):
            return say(label) + text.removeprefix(label)
    return say(_filled(text))


def _filled(text: str) -> str:
    return " ".join(text.split())


def _cell(line: str) -> tuple[str, str]:
    """A line that stays as it is, and its last cell, which is words."""
    head, gap, tail = line.rpartition("  ")
    return head + gap, tail


def _metavars(text: str) -> str:
    return _METAVAR.sub(lambda found: say(found[0]), text)


def _names(names: str) -> str:
    """The names of an option, or a command's, with what stands behind them."""
    head, space, metavar = names.partition(" ")
    return head + space + _metavars(metavar) if space else names


def _described(text: str) -> str:
    """An option's help, behind it what click adds; or a command's, in words already."""
    words, gap, extra = text.rpartition("  [")
    if not gap and not text.startswith(("[default", "[required")):
        return say(text)
    return (say(words) if words else "") + gap + _EXTRA.sub(lambda one: say(one[0]), extra)


def metavars(usage: Sequence[str]) -> set[str]:
    """The words in capitals that a catalogue must have."""
    return {word for piece in usage for word in _METAVAR.findall(piece)}
