"""``dlmsd outbox``: what waits, what is missing and why, and what is to be sent again."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from attrs import asdict, evolve
from twisted.internet.task import deferLater

from dlmsd.cli.candidates import wanted_sinks
from dlmsd.cli.configuration import config_option, read_or_exit
from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Group
from dlmsd.cli.language import explained, hear, say
from dlmsd.cli.meter import errand
from dlmsd.cli.moment import moment
from dlmsd.cli.state import HeldError, KeptCounters, Place
from dlmsd.cli.terminal import printable, show_table
from dlmsd.config.values import Configuration
from dlmsd.errors import StoreError
from dlmsd.model import Gap
from dlmsd.store.inventory import Inventory, ask_daemon, outcomes, take_inventory
from dlmsd.store.replay import Replay

# Of the quarantine the newest are shown; all of them are counted.
_SHOWN: Final = 20
_EVER: Final = 2**62
# A daemon looks every two seconds, and may have a million rows to move.
_PATIENCE: Final = 600.0
_LOOK: Final = 0.5


@click.group(cls=Group)
def outbox() -> None:
    """Readings on their way to brokers: status and replay.

    Example: dlmsd outbox status
    """


@outbox.command(short_help="Count deliveries by meter, sink and fate.")
@config_option
@click.option("--gaps", "since", default="-7d", show_default=True, help="How old gaps may be.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def status(config: Path | None, since: str, as_json: bool) -> int:
    """Count deliveries by meter, sink and fate; list gaps and the quarantine.

    It only reads, also while the daemon runs. Exit 1 if the counters do not agree.

    Example: dlmsd outbox status --gaps -30d
    """
    configuration = read_or_exit(config)
    try:
        found = take_inventory(_path(configuration), _moment(since), _SHOWN)
    except StoreError as error:
        click.echo(explained(error), err=True)
        return error.exit_code
    if as_json:
        click.echo(json.dumps(_document(found, configuration)))
    else:
        _show(found, configuration)
    return FAILED if found.wrong else 0


@outbox.command(short_help="Send readings again, delivered ones or refused ones.")
@config_option
@click.option("--from", "start", help="The first moment of the readings.")
@click.option("--to", "end", default="now", show_default=True, help="The end, not included.")
@click.option("--sink", help="To this sink only.")
@click.option("--meter", help="Of this meter only.")
@click.option("--quarantined", is_flag=True, help="What is in quarantine, not what was delivered.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def replay(
    config: Path | None,
    start: str | None,
    end: str,
    sink: str | None,
    meter: str | None,
    quarantined: bool,
    as_json: bool,
) -> int:
    """Send readings again that were delivered, or that a broker refused for good.

    What was delivered is remembered for keep_delivered_hours. It is sent behind what is
    live, with the ids and bytes of the first time. A running daemon does it itself within
    seconds: this command leaves the request in its file and waits for the count.

    Moments are 2026-03-01, 2026-03-01T12:30 (local), -6h, today or now.

    Example: dlmsd outbox replay --from -6h --sink tb

    Example: dlmsd outbox replay --quarantined
    """
    configuration = read_or_exit(config)
    if start is None and not quarantined:
        raise click.UsageError(say("--from is needed, unless with --quarantined"))
    sinks = [one.name for one in wanted_sinks(configuration, sink)]
    asked = Replay(
        0 if start is None else _moment(start),
        _EVER if end == "now" else _moment(end),
        meter=meter,
        quarantined=quarantined,
    )
    replays = [evolve(asked, sink=name) for name in sinks]

    async def work(reactor: Any) -> int:
        counts = await _replay(configuration, reactor, replays)
        if as_json:
            click.echo(json.dumps({"queued": dict(zip(sinks, counts, strict=True))}))
        else:
            for name, count in zip(sinks, counts, strict=True):
                click.echo(say("{sink}: {count} readings are queued again", sink=name, count=count))
        return 0

    return errand(work)


async def _replay(
    configuration: Configuration, reactor: Any, replays: Sequence[Replay]
) -> list[int]:
    path = _path(configuration)
    if not path.exists():
        raise StoreError(f"{path}: no such file; nothing was ever delivered from here")
    try:
        async with KeptCounters(Place.of(configuration), reactor) as store:
            return [await store.replay(one) for one in replays]
    except HeldError:
        requests = ask_daemon(path, list(replays))
    end = reactor.seconds() + _PATIENCE
    while None in (counts := outcomes(path, requests)):
        if reactor.seconds() > end:
            raise StoreError(f"{path}: the daemon has not done it yet, and will")
        await deferLater(reactor, _LOOK)
    return [count or 0 for count in counts]


def _path(configuration: Configuration) -> Path:
    return configuration.daemon.state_dir / "outbox.db"


def _moment(text: str) -> int:
    now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
    try:
        return int(moment(text, now).timestamp() * 1000)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _document(found: Inventory, configuration: Configuration) -> dict[str, Any]:
    return {
        "streams": [
            {"meter": meter, "sink": sink, **asdict(account)}
            | {"oldest_queued_ts": found.oldest.get((meter, sink))}
            for (meter, sink), account in found.accounts.items()
        ],
        "gaps": [asdict(gap) | {"cause": gap.cause.value} for gap in found.gaps],
        "quarantine": [asdict(one) for one in found.isolated],
        "files": found.sizes,
        "max_bytes": configuration.outbox.max_bytes,
        "wrong": found.wrong,
    }


def _show(found: Inventory, configuration: Configuration) -> None:
    show_table(
        (
            say("meter"),
            say("sink"),
            say("committed"),
            say("delivered"),
            say("queued"),
            say("quarantined"),
            say("dropped"),
            say("oldest"),
        ),
        (
            (
                *stream,
                *(f"{count}" for count in asdict(account).values()),
                _time(found.oldest.get(stream)),
            )
            for stream, account in found.accounts.items()
        ),
    )
    if found.gaps:
        click.echo()
        show_table(
            (
                say("gap of"),
                say("to"),
                say("from"),
                say("until"),
                say("readings"),
                say("cause"),
                say("filled"),
            ),
            (_gap_row(gap) for gap in found.gaps),
        )
    if found.isolated:
        click.echo()
        show_table(
            (say("in quarantine of"), say("to"), say("read at"), say("since"), say("because")),
            (
                (one.meter, one.sink, _time(one.ts), _time(one.since), hear(one.reason))
                for one in found.isolated
            ),
        )
    click.echo()
    for name, size in found.sizes.items():
        click.echo(say("{name}: {size} bytes", name=name, size=size))
    click.echo(f"max_bytes: {configuration.outbox.max_bytes}")
    for one in found.wrong:
        click.echo(printable(say("the counters do not agree: {what}", what=one)), err=True)


def _gap_row(gap: Gap) -> tuple[str, ...]:
    return (
        gap.meter,
        gap.sink or "-",
        _time(gap.from_ts),
        _time(gap.to_ts),
        str(gap.count or ""),
        gap.cause.value,
        _time(gap.filled_at),
    )


def _time(ts: int | None) -> str:
    """Local time, of a ts in ms."""
    if ts is None:
        return ""
    return datetime.datetime.fromtimestamp(ts / 1000).astimezone().isoformat(" ", "seconds")
