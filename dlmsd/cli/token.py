"""``dlmsd token``: the page's token."""

from __future__ import annotations

from pathlib import Path

import click

from dlmsd.cli.configuration import config_option, read_or_exit
from dlmsd.identity import web_token


@click.command()
@config_option
def token(config: Path | None) -> int:
    """Print the token of page and REST; it is made at the daemon's first start.

    Example: curl -H "Authorization: Bearer $(dlmsd token)" http://localhost:8425/api/status
    """
    found = read_or_exit(config)
    state_dir = found.daemon.state_dir
    if found.web.token is None and not state_dir.is_dir():
        raise click.ClickException(f"{state_dir} does not exist yet: start the daemon once")
    click.echo((found.web.token or web_token(state_dir)).reveal().decode())
    return 0
