"""The language that a command speaks: what was asked for, else the environment's, else the
configuration's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from dlmsd.config.spoken import peek
from dlmsd.config.values import Configuration
from dlmsd.errors import DlmsdError
from dlmsd.language import LANGUAGES, Catalogue, Code

# In the order of POSIX.
_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
# Where a context and all below it keep the language.
_SPOKEN: Final = "dlmsd.language"


def say(english: str, /, **values: object) -> str:
    """A text of a command; its ``{names}`` are filled in."""
    return Catalogue.of(spoken()).say(english, **values)


def hear(sentences: str) -> str:
    """Sentences of others, such as errors, one a line."""
    catalogue = Catalogue.of(spoken())
    return "\n".join(map(catalogue.hear, sentences.split("\n")))


def explained(error: DlmsdError) -> str:
    """What went wrong, and below it what to do."""
    return f"{hear(str(error))}\n{say(error.advice)}"


def spoken() -> Code:
    """The language, looked for once in a command; it needs no good configuration."""
    context = click.get_current_context(silent=True)
    if context is None:
        return _environment() or peek(None)
    if _SPOKEN not in context.meta:
        context.meta[_SPOKEN] = _environment() or peek(_named(context))
    found: Code = context.meta[_SPOKEN]
    return found


def heed(configuration: Configuration) -> None:
    """Its language is known without looking, now that it is read."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta.setdefault(_SPOKEN, _environment() or configuration.daemon.language)


def language_option() -> click.Option:
    """``--language``."""
    return click.Option(
        ["--language"],
        type=click.Choice(LANGUAGES),
        expose_value=False,
        is_eager=True,
        callback=_ask,
        help="Of the answer [the environment's, else the configuration's].",
    )


def _ask(context: click.Context, option: click.Parameter, asked: Code | None) -> None:
    if asked is not None:
        context.meta[_SPOKEN] = asked


def _environment() -> Code | None:
    """Spanish; any other is left to the configuration, because "C" means nothing."""
    said = next((os.environ[key] for key in _VARIABLES if os.environ.get(key)), "")
    return "es" if said.startswith("es") else None


def _named(context: click.Context | None) -> Path | None:
    """The file of ``--config``, of this command or the one above it."""
    while context is not None:
        if context.params.get("config"):
            return Path(context.params["config"])
        context = context.parent
    return None
