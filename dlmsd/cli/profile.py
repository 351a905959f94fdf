"""``dlmsd profile``: a load profile of one meter."""

from __future__ import annotations

import datetime
import functools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Command
from dlmsd.cli.language import hear, say
from dlmsd.cli.meter import errand, meter_options
from dlmsd.cli.moment import moment
from dlmsd.cli.rows import CsvRows, JsonRows, OutputError, Rows, TableRows, Written
from dlmsd.cli.target import chosen, named
from dlmsd.cli.terminal import printable
from dlmsd.cli.tracing import to_errors
from dlmsd.config.values import MeterOptions
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.errors import DlmsdError
from dlmsd.meter.installation import Installation
from dlmsd.meter.layout import ProfileRow
from dlmsd.meter.profile import ATTEMPTS, ProfileReading, read_through

# A meter's clock may be fast; its newest rows are wanted too.
_FAST: Final = datetime.timedelta(days=1)


@click.command(cls=Command)
@meter_options
@click.argument("obis")
@click.option("--from", "start", metavar="TIME", help="First row: 2026-03-01, -2d, today.")
@click.option("--to", "end", metavar="TIME", help="Last row [the newest].")
@click.option("--last", type=click.IntRange(1), metavar="N", help="The newest N rows.")
@click.option("--timezone", metavar="NAME", help="Where the meter is, if it does not tell.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write into this file.",
)
@click.option(
    "--attempts",
    type=click.IntRange(1, 100),
    default=ATTEMPTS,
    show_default=True,
    help="Connections in a row that may bring no row.",
)
def profile(
    obis: str,
    start: str | None,
    end: str | None,
    last: int | None,
    as_csv: bool,
    as_json: bool,
    output: Path | None,
    attempts: int,
    trace: bool,
    **given: Any,
) -> int:
    """Read the load profile OBIS of a meter, row by row.

    METER is the name of a configured or added meter, or the HOST of any other meter.

    Without --from, --to and --last all rows come. Times are the meter's timezone's if that is
    configured; what you give is else local time here, and rows are in UTC. A connection that
    breaks is made again, and reading goes on behind the last row. Exit 0 when all values were
    read, 1 when not.

    Example: dlmsd profile plant-a 1-0:99.1.0 --from -2d --csv -o plant-a.csv
    """
    if as_csv and as_json:
        raise click.UsageError(say("--csv and --json exclude each other"))
    if last is not None and (start is not None or end is not None):
        raise click.UsageError(say("--last goes without --from and --to"))
    code = named(Obis.parse, obis)
    target = chosen(given)
    meter = target.meter
    first, until = _range(start, end, meter.timezone)

    async def work(reactor: Any) -> int:
        with _opened(output) as file, _Progress(first, until) as progress:
            zone = meter.timezone or datetime.UTC
            written = Written(
                _rows(file, zone, meter, code, as_csv=as_csv, as_json=as_json),
                lambda: reading.layout,
            )

            def take(row: ProfileRow) -> None:
                written.take(row)
                progress.show(reading.rows + 1, row.time)

            def told(error: DlmsdError, failed: int, pause: float) -> None:
                said = say(
                    "{error}; attempt {attempt} of {attempts} in {seconds} s, {rows} so far",
                    error=printable(hear(str(error))),
                    attempt=failed + 1,
                    attempts=attempts,
                    seconds=f"{pause:.0f}",
                    rows=_number(reading.came),
                )
                click.echo(said, err=True)

            reading = ProfileReading(
                code,
                first,
                until,
                take,
                newest=last,
                read=meter.read,
                installation=Installation.of(meter),
            )
            connect = functools.partial(target.visit, reactor, to_errors(trace))
            complete = False
            try:
                await read_through(connect, reading, clock=reactor, told=told, attempts=attempts)
                complete = True
            finally:
                progress.stop()
                written.end(complete=complete)
                _report(reading, complete=complete)
        return FAILED if written.faulty else 0

    return errand(work)


def _range(
    start: str | None, end: str | None, zone: datetime.tzinfo | None
) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
    first = None if start is None else named(moment, start, now, zone)
    until = None if end is None else named(moment, end, now, zone)
    if first is not None and until is None:
        until = max(first, now) + _FAST
    if first is not None and until is not None and until < first:
        raise click.UsageError(say("--to is before --from"))
    return first, until


def _rows(
    file: TextIO,
    zone: datetime.tzinfo,
    meter: MeterOptions,
    obis: Obis,
    *,
    as_csv: bool,
    as_json: bool,
) -> Rows:
    if as_csv:
        return CsvRows(file, zone)
    if as_json:
        about = {"host": meter.host, "port": meter.port, "profile": str(obis)}
        return JsonRows(file, zone, about)
    return TableRows(file, zone)


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        file = output.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise OutputError(str(error)) from error
    with file:
        yield file


def _report(reading: ProfileReading, *, complete: bool) -> None:
    """How far it came, on standard error."""
    reached = ""
    if reading.reached:
        reached = say(", the last of {time}", time=reading.reached.isoformat())
    end = "" if complete else say("; not complete")
    click.echo(f"{_number(reading.rows)}{reached}{end}", err=True)


def _number(rows: int) -> str:
    return say("1 row") if rows == 1 else say("{count} rows", count=rows)


class _Progress:
    """A bar on standard error, if that is a terminal: rows, and the time that they reached."""

    def __init__(self, start: datetime.datetime | None, end: datetime.datetime | None) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._start = start
        total = (end - start).total_seconds() if start and end else None
        self._task = self._bar.add_task(_number(0), total=total)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def show(self, rows: int, reached: datetime.datetime | None) -> None:
        """So many rows, up to this time."""
        words = _number(rows) + (f", {reached:%Y-%m-%d %H:%M}" if reached else "")
        done = (reached - self._start).total_seconds() if reached and self._start else None
        self._bar.update(self._task, description=words, completed=done)

    def stop(self) -> None:
        """Nothing more is shown."""
        self._bar.stop()
