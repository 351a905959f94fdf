"""``dlmsd token``: the tokens of page and REST."""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import click

from dlmsd import tokens
from dlmsd.cli.configuration import config_option, read_or_exit, refuse_or_exit
from dlmsd.cli.daemon import first_token
from dlmsd.cli.help import Group
from dlmsd.cli.language import explained, hear, say
from dlmsd.cli.terminal import show_table
from dlmsd.config.listen import Listen
from dlmsd.config.values import Configuration
from dlmsd.errors import StoreError
from dlmsd.identity import token_file
from dlmsd.store.audit import note_beside
from dlmsd.store.onlooker import NotYetError
from dlmsd.tokens import FIRST, Role, Token, TokenError, UnfitTokenError, list_file, load

_NAME: Final = click.argument("name")


@click.group(
    cls=Group,
    invoke_without_command=True,
    short_help="Print the first token of page and REST; list, add, remove.",
)
@config_option
@click.pass_context
def token(context: click.Context, config: Path | None) -> int:
    """Print the first token of page and REST, and an address that logs a browser in.

    It is made at the daemon's first start, for an admin. The token goes to standard output,
    the address, which holds it too, to standard error: open it once, and the page keeps it
    for that tab alone.

    Example: curl -H "Authorization: Bearer $(dlmsd token)" http://localhost:8425/api/status
    """
    if context.invoked_subcommand is not None:
        context.obj = config
        return 0
    found = read_or_exit(config)
    refuse_or_exit(found.web)
    kept = token_file(found.daemon.state_dir)
    try:
        first = first_token(found)
    except OSError as error:
        missing = say(
            "{path}: {reason}; the daemon makes it at its first start",
            path=kept,
            reason=hear(error.strerror or ""),
        )
        raise click.ClickException(missing) from None
    click.echo(first)
    if sys.stdout.isatty():
        _link(found, first)
    return 0


@token.command(short_help="Make a token, and print it once.")
@_NAME
@click.option(
    "--role",
    type=click.Choice(get_args(Role)),
    default="read",
    show_default=True,
    help="read: everything but changes; admin: changes too.",
)
@click.pass_obj
def add(config: Path | None, name: str, role: Role) -> int:
    """Make a token, and print it: only its SHA-256 is kept, so it is shown just once.

    NAME is what the audit trail will call whoever uses it. A running daemon knows the token at
    once.

    Example: dlmsd token add grafana --role read
    """
    found = read_or_exit(config)
    path = list_file(found.daemon.state_dir)
    with _sentences():
        made = tokens.add(path, name, role, os.urandom, int(time.time())).reveal().decode()
    click.echo(made)
    _link(found, made)
    _note(found, "token added", name, role)
    return 0


@token.command("list", short_help="Say which tokens there are.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def list_(config: Path | None, as_json: bool) -> int:
    """Say which tokens there are; the tokens themselves are not kept.

    Example: dlmsd token list --json
    """
    path = list_file(read_or_exit(config).daemon.state_dir)
    used = tokens.last_uses(path)
    rows = [
        (one.name, one.role, _moment(one.created), _moment(used.get(one.name, 0)))
        for one in (Token(FIRST, "admin", "", 0), *_known(path))
    ]
    if as_json:
        keys = ("name", "role", "created", "last_used")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    else:
        columns = [say("name"), say("role"), say("created"), say("last used")]
        show_table(columns, [[cell or "" for cell in row] for row in rows])
    return 0


@token.command()
@_NAME
@click.pass_obj
def remove(config: Path | None, name: str) -> int:
    """Let a token open nothing any more, at once.

    Example: dlmsd token remove grafana
    """
    found = read_or_exit(config)
    path = list_file(found.daemon.state_dir)
    with _sentences():
        removed = tokens.remove(path, name)
    if not removed:
        missing = say("there is no token {name} to remove", name=name)
        if name == FIRST:
            missing += say("; change [web] token, or the file web.token, instead")
        raise click.UsageError(missing)
    _note(found, "token removed", name)
    return 0


def _note(found: Configuration, action: str, name: str, detail: str = "") -> None:
    """In the audit trail, if the daemon has made one yet; the change itself stands."""
    registry = found.daemon.state_dir / "registry.db"
    user = f"command ({_user()})"
    try:
        note_beside(registry, int(time.time() * 1000), user, action, name, detail)
    except NotYetError:
        return
    except StoreError as error:
        click.echo(explained(error), err=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _known(path: Path) -> tuple[Token, ...]:
    with _sentences():
        return load(path)


@contextmanager
def _sentences() -> Iterator[None]:
    """What is wrong with the list or with what is wanted of it, as a sentence with its advice."""
    try:
        yield
    except UnfitTokenError as error:
        raise click.UsageError(explained(error)) from None
    except TokenError as error:
        raise click.ClickException(explained(error)) from None


def _moment(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def _link(found: Configuration, opens: str) -> None:
    """The part behind # stays in the browser: no server, and no proxy's log, hears of it."""
    url = Listen.parse(found.web.listen).url
    if url:
        click.echo(say("Log in: {url}", url=f"{url}#token={opens}"), err=True)
