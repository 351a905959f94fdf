"""``dlmsd plan``: what is to be done, in which order."""

from __future__ import annotations

import time
from pathlib import Path

import click

from dlmsd.cli.configuration import config_option, onlooked, read_or_exit
from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Command
from dlmsd.cli.language import explained, hear, say, spoken
from dlmsd.cli.terminal import printable
from dlmsd.errors import StoreError
from dlmsd.watch.language import Language
from dlmsd.watch.onlooker import look
from dlmsd.watch.places import Places
from dlmsd.watch.plan import Plan

_MINUTES = 60


@click.command(cls=Command, short_help="Tell what is to be done, the most urgent first.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.option("--markdown", is_flag=True, help="Answer as Markdown, for a ticket.")
@click.option(
    "--save", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Keep it in FILE: .json and .md say the form.",
)  # fmt: skip
def plan(config: Path | None, as_json: bool, markdown: bool, save: Path | None) -> int:
    """Tell what is to be done about all that is wrong now, the most urgent first.

    Each action has its command or place, about how long it takes, and for whom it is:
    at once, within days, within months; then the findings with cause and evidence, and how
    to prevent them. It reads the files of the state folder, whether the daemon runs or not.

    Example: dlmsd plan --save plan.md
    """
    if as_json and markdown:
        raise click.UsageError(say("--json or --markdown, not both"))
    configuration = read_or_exit(config)
    words = Language.of(spoken())
    try:
        configuration = onlooked(configuration).effective().configuration
        report = look(configuration, _MINUTES, time.time())
    except StoreError as error:
        click.echo(explained(error), err=True)
        return FAILED
    places = Places.of(configuration, "" if config is None else str(config))
    stand = [one for one in report.findings if not one.gone]
    made = Plan.of(stand, words, report.at, places)
    forms = {".json": made.json, ".md": made.markdown}
    shown = made.json if as_json else made.markdown if markdown else made.text
    if save is None:
        click.echo(printable(shown(words)))
        return 0
    form = shown if as_json or markdown else forms.get(save.suffix, made.text)
    try:
        save.write_text(form(words) + "\n")
    except OSError as error:
        click.echo(hear(f"{save}: {error.strerror}"), err=True)
        return FAILED
    click.echo(words.word("saved", file=save), err=True)
    return 0
