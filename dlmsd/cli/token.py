"""``dlmsd token``: the page's token."""

from __future__ import annotations

from pathlib import Path

import click

from dlmsd.cli.configuration import config_option, read_or_exit
from dlmsd.identity import token_file


@click.command()
@config_option
def token(config: Path | None) -> int:
    """Print the token of page and REST; it is made at the daemon's first start.

    Example: curl -H "Authorization: Bearer $(dlmsd token)" http://localhost:8425/api/status
    """
    found = read_or_exit(config)
    if found.web.token is not None:
        click.echo(found.web.token.reveal().decode())
        return 0
    kept = token_file(found.daemon.state_dir)
    try:
        click.echo(kept.read_text().strip())
    except OSError as error:
        advice = "the daemon makes it at its first start"
        raise click.ClickException(f"{kept}: {error.strerror}; {advice}") from None
    return 0
