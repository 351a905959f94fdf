"""``dlmsd firmware``: a new image for a meter."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from twisted.internet.task import deferLater

from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Command
from dlmsd.cli.language import explained, hear, say
from dlmsd.cli.meter import errand, meter_options
from dlmsd.cli.target import Target, chosen
from dlmsd.cli.terminal import printable
from dlmsd.cli.tracing import to_errors
from dlmsd.errors import LinkError, ReadOnlyError
from dlmsd.meter.image import Image, ImageTransfer
from dlmsd.meter.session import Session

# Between attempts after a broken connection: most modules need that long to let go.
_PAUSE: Final = 10.0
_STATUS: Final = {"status": {"class": 18, "obis": "0-0:44.0.0", "attribute": 6}}


@click.command(cls=Command, short_help="Send an image to a meter, and have it verified.")
@meter_options
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--identification", required=True, help="The image's, as its maker says.")
@click.option("--resume", is_flag=True, help="Go on with what an earlier run has sent.")
@click.option("--activate", is_flag=True, help="Activate it once it is verified.")
@click.option(
    "--attempts",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="How often each step is tried when the connection breaks.",
)
@click.option("--yes", is_flag=True, help="Really do it.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def firmware(
    file: Path,
    identification: str,
    resume: bool,
    activate: bool,
    attempts: int,
    yes: bool,
    as_json: bool,
    trace: bool,
    **given: Any,
) -> int:
    """Send the image in FILE to a meter, let it verify, and with --activate run it.

    METER is the name of a configured or added meter whose `writing` is true. A connection that
    breaks is made again, and the transfer goes on where it was; so does a later run with --resume.
    Without --yes it only says what it would do. Exit 0 when all was done, 1 when not.

    Example: dlmsd firmware plant-a v2.bin --identification V2.0 --activate --yes
    """
    target = chosen(given, _STATUS)
    octets = file.read_bytes()
    if not octets:
        raise click.UsageError(say("{file} is empty", file=file))
    image = Image(identification.encode(), octets)
    if not yes:
        would = say(
            "Would send {count} octets as {identification} to {meter}; --yes does it.",
            count=len(octets),
            identification=printable(identification),
            meter=target.meter.name,
        )
        click.echo(would, err=True)
        return FAILED
    if not target.meter.writing:
        error = ReadOnlyError("writing is off for this meter")
        click.echo(explained(error), err=True)
        return FAILED

    async def work(reactor: Any) -> int:
        transfer = ImageTransfer(image, reactor)
        with _bar() as bar:
            task = bar.add_task(say("blocks"), total=None)

            def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            async def send(session: Session) -> None:
                await transfer.send(session, progress, resume=resume)

            await _again(reactor, target, attempts, send, trace=trace)
        told = await _again(reactor, target, attempts, transfer.verify, trace=trace)
        if activate:
            await _again(reactor, target, 1, transfer.activate, trace=trace)
        _show(told.signature.hex(), activated=activate, as_json=as_json)
        return 0

    return errand(work)


async def _again(
    reactor: Any,
    target: Target,
    attempts: int,
    step: Callable[[Session], Awaitable[Any]],
    *,
    trace: bool,
) -> Any:
    """One step, in a new connection as often as the line breaks."""
    attempt = 1
    while True:
        try:
            async with target.visit(reactor, to_errors(trace)) as session:
                return await step(session)
        except LinkError as error:
            if attempt >= attempts:
                raise
            attempt += 1
            told = say(
                "{error}; attempt {attempt} in {seconds} s",
                error=hear(str(error)),
                attempt=attempt,
                seconds=f"{_PAUSE:.0f}",
            )
            click.echo(told, err=True)
            await deferLater(reactor, _PAUSE, lambda: None)


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))


def _show(signature: str, *, activated: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"verified": True, "activated": activated, "signature": signature}))
        return
    done = say("verified and activated") if activated else say("verified; --activate makes it run")
    click.echo(f"{done}\n" + say("signature {digits}", digits=signature or say("not told")))
