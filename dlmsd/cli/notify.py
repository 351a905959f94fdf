"""``dlmsd notify``: what the receivers of notices answer to a test."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import msgspec

from dlmsd.cli.configuration import config_option, read_or_exit
from dlmsd.cli.exits import FAILED, MISUSED
from dlmsd.cli.help import Group
from dlmsd.cli.language import hear, say
from dlmsd.cli.meter import errand
from dlmsd.cli.terminal import printable
from dlmsd.config.notice import NoticeOptions
from dlmsd.config.values import Configuration
from dlmsd.errors import DlmsdError
from dlmsd.watch.notify.notifier import tried
from dlmsd.withheld import refuse_withheld


@click.group(cls=Group)
def notify() -> None:
    """Notices of alarms, by mail and webhook.

    Example: dlmsd notify test
    """


@notify.command(short_help="Send a test notice, and show what is answered.")
@config_option
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def test(config: Path | None, name: str | None, as_json: bool) -> int:
    """Send a test to NAME of [[notices]], or to all, and show what is answered.

    The daemon need not run.

    Exit 0 when all took it, 1 when not.

    Example: dlmsd notify test duty
    """
    configuration = read_or_exit(config)
    chosen = [one for one in configuration.notices if name in (None, one.name)]
    if not chosen:
        said = say("there are no [[notices]]")
        if name is not None:
            said = say("there are no notices {name}", name=name)
        click.echo(printable(said), err=True)
        return MISUSED

    async def work(reactor: Any) -> int:
        told = [await _told(one, configuration, reactor) for one in chosen]
        if as_json:
            click.echo(msgspec.json.encode(told).decode())
        else:
            for one in told:
                said = one["answer"] or f"{hear(one['error'])}\n  {say(one['advice'])}"
                click.echo(printable(f"{one['name']}: {said}"))
        return 0 if all(one["success"] for one in told) else FAILED

    return errand(work)


async def _told(
    receiver: NoticeOptions, configuration: Configuration, reactor: Any
) -> dict[str, Any]:
    told = {"name": receiver.name, "success": False, "answer": None, "error": None, "advice": None}
    try:
        refuse_withheld(receiver)
        answer = await tried(receiver, configuration, reactor, time.time())
    except DlmsdError as error:
        return told | {"error": str(error), "advice": error.advice}
    return told | {"success": True, "answer": answer}
