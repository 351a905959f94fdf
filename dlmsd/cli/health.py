"""``dlmsd health``: how all meters, brokers and the outbox fared."""

from __future__ import annotations

import time
from pathlib import Path

import click

from dlmsd.cli.configuration import config_option, onlooked, read_or_exit
from dlmsd.cli.help import Command
from dlmsd.cli.language import explained, spoken
from dlmsd.cli.terminal import printable
from dlmsd.errors import StoreError
from dlmsd.watch.language import Language
from dlmsd.watch.onlooker import look

CRITICAL = 2


@click.command(cls=Command, short_help="Tell how everything fared, and what is wrong.")
@config_option
@click.option(
    "--minutes", type=click.IntRange(1, 60 * 24 * 60), default=60, show_default=True,
    help="How far to look back.",
)  # fmt: skip
@click.option("--save", is_flag=True, help="Keep the answer, as JSON, in a file here.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def health(config: Path | None, minutes: int, save: bool, as_json: bool) -> int:
    """Tell how meters, brokers and the outbox fared, and what is wrong.

    It reads the files of the state folder and looks at its disk, whether the daemon runs or
    not. A meter is healthy with 90 % of good cycles, degraded from 50 %, critical from 1 %,
    else down.

    Exit 0 when all is well, 1 when something needs attention, 2 when something is badly
    wrong: a critical finding, a daemon that does not run, or half of the meters down.

    Example: dlmsd health --minutes 60
    """
    configuration = read_or_exit(config)
    words = Language.of(spoken())
    now = time.time()
    try:
        report = look(onlooked(configuration).effective().configuration, minutes, now)
    except StoreError as error:
        click.echo(explained(error), err=True)
        return CRITICAL
    document = report.encode(words)
    if as_json:
        click.echo(document)
    else:
        click.echo(printable(report.text(words)))
    if save:
        file = Path(time.strftime("health-%Y%m%d-%H%M%S.json", time.localtime(now)))
        file.write_text(document + "\n")
        click.echo(words.word("saved", file=file), err=True)
    return report.status
