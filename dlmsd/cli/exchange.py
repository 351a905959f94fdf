"""``dlmsd meters import`` and ``export``: meters beside the file, as a document."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from dlmsd.cli.configuration import config_option, onlooked, read_or_exit
from dlmsd.cli.daemon import Daemon, DaemonRefusedError, told
from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Command
from dlmsd.cli.language import hear, say
from dlmsd.cli.terminal import counted, printable
from dlmsd.config.values import Configuration
from dlmsd.web.api import sheet
from dlmsd.web.api.intake import FaultView, IntakeView, entries, intake
from dlmsd.web.api.sheet import Form

# A field of the daemon's refusal: where in the document, and the key.
_PLACE: Final = re.compile(r"(\d+):(\d+):(.*)", re.DOTALL)


@click.command(
    "import", cls=Command, short_help="Take meters as `dlmsd meters export` writes them."
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@config_option
@click.option("--partial", is_flag=True, help="Take what is right, also if not all is.")
@click.option("--dry-run", is_flag=True, help="Only look; nothing is changed.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def import_(file: Path, config: Path | None, partial: bool, dry_run: bool, as_json: bool) -> int:
    """Take the meters of FILE, CSV or JSON as `dlmsd meters export` writes it, or - for stdin.

    All of it is looked through first: what is wrong is told by line and column, and then nothing
    is taken, unless with --partial. A meter that is there already becomes as FILE says; secrets,
    status and interval that FILE leaves out stay. So the same FILE twice changes nothing. The
    daemon has to run, but for --dry-run.

    A column is a key of [[meters]]; only name and host must be there. In a cell, names of sinks
    or measurements have a semicolon between them.

    Exit 0 when all of it is as FILE says, 1 when not.

    Example: dlmsd meters import meters.csv --dry-run
    """
    configuration = read_or_exit(config)
    text = sheet.decoded(_octets(file))

    def work() -> int:
        if dry_run:
            kept = onlooked(configuration)
            found = intake(kept, text, partial=partial).view(dry_run=True)
        else:
            found = _taken(configuration, text, partial=partial)
        if as_json:
            click.echo(json.dumps(msgspec.to_builtins(found)))
        else:
            _show(file, found, partial=partial)
        return FAILED if found.errors else 0

    return told(work)


@click.command("export", cls=Command, short_help="Write the meters beside the file down.")
@config_option
@click.option("--format", "form", type=click.Choice(["csv", "json"]), help="[FILE's, or csv]")
@click.option("--secrets", is_flag=True, help="With passwords, keys and tokens, in clear.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write into this file."
)
def export(config: Path | None, form: Form | None, secrets: bool, output: Path | None) -> int:
    """Write the meters beside the file down, as `dlmsd meters import` takes them.

    Those of the configuration file are in that file. Status and interval are those in force.
    Without --secrets no password, key or token is in it; what is written with -o only its owner
    can read.

    Exit 1 when a meter is left out because its secrets cannot be opened.

    Example: dlmsd meters export --format json --secrets -o meters.json
    """
    configuration = read_or_exit(config)
    form = form or ("json" if output and output.suffix.lower() == ".json" else "csv")

    def work() -> int:
        kept = onlooked(configuration)
        good = [one for one in kept.own.values() if not one.locked]
        _put(sheet.write(entries(kept, secrets=secrets), form), output)
        secretive = sum(bool(one.secrets) for one in good)
        if secretive and not secrets:
            left = say("secrets of {count} meters are left out; see --secrets", count=secretive)
            click.echo(left, err=True)
        for one in kept.own.values():
            if one.locked:
                click.echo(printable(f"{one.name}: {hear(one.locked)}"), err=True)
        return 0 if len(good) == len(kept.own) else FAILED

    return told(work)


def _octets(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise click.ClickException(hear(f"{file}: {error.strerror}")) from None


def _put(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(handle, 0o600)
            file.write(text)
    except OSError as error:
        raise click.ClickException(hear(f"{output}: {error.strerror}")) from None


def _taken(configuration: Configuration, text: str, *, partial: bool) -> IntakeView:
    """By the running daemon, in one change; or what it finds wrong."""
    try:
        with Daemon(configuration) as daemon, counted() as bar:
            bar.add_task(say("the daemon takes them"), total=None)
            body = {"document": text, "partial": partial}
            answer = daemon.call("POST", "/api/meters/import", body)
    except DaemonRefusedError as error:
        faults = tuple(_faults(error.fields))
        if not faults:
            raise
        return IntakeView((), (), (), faults, dry_run=False)
    return msgspec.convert(answer, IntakeView)


def _faults(fields: Sequence[tuple[str, str]]) -> Iterator[FaultView]:
    for field, message in fields:
        if place := _PLACE.fullmatch(field):
            line, column, key = place.groups()
            yield FaultView(int(line), int(column), key, message)


def _show(file: Path, found: IntakeView, *, partial: bool) -> None:
    for one in found.errors:
        key = f"{one.key}: " if one.key else ""
        place = f"{file}:{one.line}:{one.column}"
        click.echo(printable(f"{place}: {key}{hear(one.message)}"), err=True)
    counts = {key: len(getattr(found, key)) for key in ("added", "changed", "same")}
    if found.dry_run:
        summary = say("{added} would be added, {changed} changed; {same} are so already", **counts)
    else:
        summary = say("{added} added, {changed} changed; {same} were so already", **counts)
    click.echo(summary)
    if found.errors and not partial:
        click.echo(say("Nothing is taken; --partial takes what is right."), err=True)
