"""``dlmsd clock``: a meter's time beside this machine's, and set by it."""

from __future__ import annotations

import time
from typing import Any, Final

import click
import msgspec

from dlmsd.cli.exits import FAILED, MISUSED
from dlmsd.cli.help import Command
from dlmsd.cli.language import say
from dlmsd.cli.meter import errand, meter_options
from dlmsd.cli.target import chosen
from dlmsd.cli.terminal import show_table
from dlmsd.cli.tracing import to_errors
from dlmsd.dlms.axdr.clock import ClockStatus
from dlmsd.machine import synchronised
from dlmsd.meter.installation import Installation
from dlmsd.meter.timekeeping import ClockReading, Timekeeping, refuse_unless_right

# The rows of the table, by the keys of JSON.
ROWS: Final = ("time", "deviation", "status", "difference", "uncertainty")


@click.command(cls=Command, short_help="Show or set a meter's clock.")
@meter_options
@click.option("--set", "sets", is_flag=True, help="Set it to this machine's time.")
@click.option("--yes", is_flag=True, help="Really set it.")
@click.option("--force", is_flag=True, help="Also if this machine's clock is not synchronised.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def clock(sets: bool, yes: bool, force: bool, as_json: bool, trace: bool, **given: Any) -> int:
    """Show a meter's time and its difference to this machine's; with --set, set it.

    METER is the name of a configured or added meter, or the HOST of any other meter. The difference
    is positive where the meter is ahead. It is uncertain by half a round trip, and by half a second
    where the meter tells whole ones.

    --set needs `writing = true` below the meter, --yes, and a clock here that is
    synchronised. The meter's own deviation from UTC stays; without one its `timezone`
    serves. Exit 0 when it is then right within the uncertainty and a second, 1 when not.

    Example: dlmsd clock plant-a --set --yes
    """
    target = chosen(given)

    async def work(reactor: Any) -> int:
        if sets:
            target.refuse_unless_writing()
        async with target.visit(reactor, to_errors(trace)) as session:
            place = Installation.of(target.meter)
            keeping = Timekeeping(session, place, wall=time.time, clock=reactor)
            before = await keeping.read()
            after = None
            if sets and yes:
                if not force:
                    refuse_unless_right(synchronised())
                after = await keeping.set(before)
        _show([before] if after is None else [before, after], as_json=as_json)
        if sets and not yes:
            click.echo(say("Nothing was set; --yes sets it."), err=True)
            return MISUSED
        return _judged(after) if after is not None else 0

    return errand(work)


def _judged(after: ClockReading) -> int:
    if after.difference is not None and abs(after.difference) <= after.uncertainty + 1:
        return 0
    click.echo(say("The meter took it, and tells another time."), err=True)
    return FAILED


def _show(readings: list[ClockReading], *, as_json: bool) -> None:
    told = [_told(one) for one in readings]
    if as_json:
        answer = {"before": told[0], "after": told[1]} if len(told) > 1 else told[0]
        click.echo(msgspec.json.encode(answer).decode())
        return
    columns = ["", say("meter")] if len(told) == 1 else ["", say("before"), say("after")]
    rows = [[say(key), *(_text(key, one[key]) for one in told)] for key in ROWS]
    show_table(columns, rows)


def _told(reading: ClockReading) -> dict[str, Any]:
    status, difference = reading.told.status, reading.difference
    instant = reading.instant
    return {
        "time": instant.isoformat() if instant else None,
        "deviation": reading.told.deviation,
        "status": None if status is None else _words(status),
        "difference": None if difference is None else round(difference, 3),
        "uncertainty": round(reading.uncertainty, 3),
    }


def _words(status: ClockStatus) -> list[str]:
    return [
        flag.name.lower().replace("_", "-") for flag in ClockStatus if flag in status and flag.name
    ]


def _text(key: str, value: Any) -> str:
    if value is None:
        return say("not specified")
    match key:
        case "deviation":
            return say("{minutes} min (from local time to UTC)", minutes=value)
        case "status":
            return ", ".join(value) or say("good")
        case "difference":
            return f"{value:+.3f} s"
        case "uncertainty":
            return f"± {value:.3f} s"
    return str(value)
