"""``dlmsd backup`` and ``dlmsd restore``: the state folder in one file, and back."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from dlmsd.cli.configuration import config_option, read_or_exit
from dlmsd.cli.help import Command
from dlmsd.cli.language import explained, hear, say
from dlmsd.errors import DlmsdError
from dlmsd.store import archive
from dlmsd.store.lock import Lock

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.command(cls=Command, short_help="Write the state folder into a file.")
@_FILE
@config_option
@_JSON
def backup(file: Path, config: Path | None, as_json: bool) -> int:
    """Write readings, registry, identity and token of the state folder into FILE.

    The daemon may run meanwhile. FILE is a tar archive for its owner's eyes only: it holds
    the page's token, and the secrets of meters that were added by API (under registry_key, if
    there is one). Those of the configuration are not in it, nor is the configuration.

    Example: dlmsd backup /srv/backup/dlmsd-$(date +%F).tar
    """
    state_dir = read_or_exit(config).daemon.state_dir

    def work() -> int:
        _refuse_nowhere(file.absolute().parent)
        contents = archive.write(state_dir, file.absolute(), time.time())
        _tell({"file": str(file), "files": dict(contents.sizes)}, f"{file}: ", contents, as_json)
        return 0

    return _told(work)


@click.command(cls=Command, short_help="Put back what `dlmsd backup` has written.")
@_FILE
@config_option
@_JSON
@click.option("--yes", is_flag=True, help="Also where the state folder is not empty.")
def restore(file: Path, config: Path | None, as_json: bool, yes: bool) -> int:
    """Put back what `dlmsd backup` has written; the daemon must not run.

    What the state folder holds is kept beside it, under names that end in .before-restore;
    readings that only it has are not delivered any more. Readings that were delivered after
    the backup are delivered again. Invocation counters never go back: they rise above
    everything that can have been used since the backup was made. Of one identity let only one
    daemon run.

    Example: dlmsd restore /srv/backup/dlmsd-2026-11-26.tar --yes
    """
    state_dir = read_or_exit(config).daemon.state_dir
    kept = [name for name in archive.DATABASES if (state_dir / f"{name}.db").exists()]
    if kept and not yes:
        held = say("{folder} holds readings; with --yes they are set aside", folder=state_dir)
        raise click.UsageError(held)

    def work() -> int:
        try:
            state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise click.ClickException(hear(f"{state_dir}: {error.strerror}")) from None
        lock = Lock(state_dir / "dlmsd.lock")
        lock.take()
        try:
            done = archive.restore(state_dir, file, time.time())
        finally:
            lock.release()
        said = {
            "files": dict(done.contents.sizes),
            "counters": done.counters,
            "aside": [str(path) for path in done.aside],
        }
        _tell(said, f"{state_dir}: ", done.contents, as_json)
        if not as_json:
            click.echo(say("Invocation counters raised: {count}.", count=done.counters))
            for path in done.aside:
                click.echo(say("What was there is {path}.", path=path))
        return 0

    return _told(work)


class NowhereError(DlmsdError):
    """The backup has no place there: make that folder, let it belong to whoever runs the command,
    or name another FILE. The state folder is as it was."""

    culprit = "operator"


def _refuse_nowhere(folder: Path) -> None:
    """Where FILE is to be. It is made beside its place, and put there when it is whole."""
    if not folder.exists():
        raise NowhereError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise NowhereError(f"{folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise NowhereError(f"{folder}: no file can be made there")


def _told(work: Callable[[], int]) -> int:
    try:
        return work()
    except DlmsdError as error:
        click.echo(explained(error), err=True)
        return error.exit_code


def _tell(said: dict[str, Any], place: str, contents: archive.Contents, as_json: bool) -> None:
    made = datetime.fromtimestamp(contents.created, UTC).isoformat(timespec="seconds")
    if as_json:
        click.echo(json.dumps({"created": made, **said}))
        return
    files = ", ".join(
        say("{name} ({size} bytes)", name=name, size=f"{size:,}")
        for name, size in contents.sizes.items()
    )
    click.echo(place + say("{files}, as of {made}.", files=files, made=made))
