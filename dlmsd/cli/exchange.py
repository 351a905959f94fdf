"""``dlmsd meters import`` and ``export``: meters beside the file, as a document."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from attrs import define, field, frozen

from dlmsd.cli import sheet
from dlmsd.cli.configuration import config_option, read_or_exit
from dlmsd.cli.daemon import Daemon, DaemonRefusedError, told
from dlmsd.cli.entry import KEYS, Entry, body, entry_of, meter_of
from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Command
from dlmsd.cli.language import hear, say
from dlmsd.cli.sheet import Fault, Form, Row
from dlmsd.cli.terminal import counted, printable
from dlmsd.config.rules import suggestion
from dlmsd.config.values import Configuration
from dlmsd.fleet.desk import UnfitMeterError
from dlmsd.fleet.effective import effective
from dlmsd.store.own import Override, OwnMeter, take_own
from dlmsd.web.api.bodies import field_of, key_of

_NOTHING: Final = Override()


@frozen
class _Kept:
    """The meters of the registry, and what an operator wants of any."""

    meters: Mapping[str, OwnMeter]
    overrides: Mapping[str, Override]
    configuration: Configuration

    @classmethod
    def of(cls, configuration: Configuration) -> _Kept:
        """Nothing where no daemon has run yet. Raises StoreError."""
        daemon = configuration.daemon
        own, overrides = take_own(daemon.state_dir / "registry.db", daemon.registry_key)
        return cls({one.name: one for one in own}, overrides, configuration)

    def wanted(self, name: str) -> Override:
        return self.overrides.get(name, _NOTHING)

    def entry(self, meter: OwnMeter, wanted: Override, *, secrets: bool) -> dict[str, object]:
        profile = self.configuration.profiles.get(str(meter.options.get("profile")))
        return entry_of(meter, wanted, tuple(profile.read) if profile else (), secrets=secrets)


@frozen
class _Change:
    """A row that differs from what is kept; ``number`` is the id of what it replaces."""

    row: Row
    entry: Entry = field(repr=False)
    meter: OwnMeter
    number: int | None

    @property
    def request(self) -> tuple[str, str]:
        if self.number is None:
            return "POST", "/api/meters"
        return "PUT", f"/api/meters/{self.number}"


@define
class _Plan:
    """What a document asks for, and what was done of it."""

    changes: list[_Change]
    same: list[str]
    faults: list[Fault]
    done: list[_Change] = field(factory=list)


@click.command("import", cls=Command)
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
        plan = _planned(_Kept.of(configuration), *sheet.read(text))
        if not dry_run and plan.changes and (partial or not plan.faults):
            _carry_out(configuration, plan, partial=partial)
        if as_json:
            click.echo(json.dumps(_document(plan, dry_run=dry_run)))
        else:
            _show(file, plan, dry_run=dry_run, partial=partial)
        return FAILED if plan.faults else 0

    return told(work)


@click.command("export", cls=Command)
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
        kept = _Kept.of(configuration)
        good = [one for one in kept.meters.values() if not one.locked]
        entries = [kept.entry(one, kept.wanted(one.name), secrets=secrets) for one in good]
        _put(sheet.write(entries, form), output)
        secretive = sum(bool(one.secrets) for one in good)
        if secretive and not secrets:
            left = say("secrets of {count} meters are left out; see --secrets", count=secretive)
            click.echo(left, err=True)
        for one in kept.meters.values():
            if one.locked:
                click.echo(printable(f"{one.name}: {hear(one.locked)}"), err=True)
        return 0 if len(good) == len(kept.meters) else FAILED

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


def _planned(kept: _Kept, rows: Sequence[Row], faults: Sequence[Fault]) -> _Plan:
    """Each row by itself, then all of them together with what is there."""
    found = list(faults)
    seen: dict[str, Row] = {}
    asked: dict[str, _Change] = {}
    for row in rows:
        wrong = _wrong(kept, row, seen)
        try:
            change = None if wrong else _change(kept, row)
        except UnfitMeterError as error:
            wrong = [row.fault(key_of(one.key), one.message) for one in error.problems]
        else:
            if change is not None:
                asked[change.meter.name] = change
        found += wrong
    own = [one for name, one in kept.meters.items() if name not in asked]
    own += [one.meter for one in asked.values()]
    joined = effective(kept.configuration, own, kept.overrides, os.environ)
    plan = _Plan([], [], found)
    for name, change in asked.items():
        problems = joined.problems.get(name, ())
        plan.faults += [
            change.row.fault(key_of(field_of(one.key)), one.message) for one in problems
        ]
        if _is_kept(kept, change):
            plan.same.append(name)
        elif not problems:
            plan.changes.append(change)
    plan.faults.sort(key=lambda one: one.spot)
    return plan


def _wrong(kept: _Kept, row: Row, seen: dict[str, Row]) -> list[Fault]:
    """What keeps a row from being a meter beside the file, whatever its values are."""
    wrong = [
        row.fault(key, "unknown key" + suggestion(key, KEYS))
        for key in row.entry
        if key not in KEYS
    ]
    name = row.entry.get("name")
    if not isinstance(name, str):
        return wrong
    if seen.setdefault(name, row) is not row:
        wrong.append(row.fault("name", f"stands in line {seen[name].spot[0]} already"))
    if any(one.name == name for one in kept.configuration.meters):
        path = kept.configuration.path
        wrong.append(row.fault("name", f"meter {name} stands in {path}"))
    return wrong


def _change(kept: _Kept, row: Row) -> _Change:
    """Raises UnfitMeterError."""
    name = str(row.entry.get("name", ""))
    before, wanted = kept.meters.get(name), kept.wanted(name)
    entry = dict(row.entry)
    if before is not None and not before.locked:
        stays = kept.entry(before, wanted, secrets=False)
        entry = {key: stays[key] for key in ("status", "interval") if key in stays} | entry
    meter = meter_of(entry, kept.configuration.profiles, before)
    return _Change(row, entry, meter, before.id if before else None)


def _is_kept(kept: _Kept, change: _Change) -> bool:
    before = kept.meters.get(change.meter.name)
    if before is None or before.locked:
        return False
    is_so = kept.entry(before, kept.wanted(before.name), secrets=True)
    return kept.entry(change.meter, _NOTHING, secrets=True) == is_so


def _carry_out(configuration: Configuration, plan: _Plan, *, partial: bool) -> None:
    """Until the daemon refuses one, which it may if its file has changed meanwhile."""
    with Daemon(configuration) as daemon, counted() as bar:
        task = bar.add_task(say("meters"), total=len(plan.changes))
        for change in plan.changes:
            try:
                daemon.call(*change.request, body(change.entry))
                plan.done.append(change)
            except DaemonRefusedError as error:
                wrong = error.fields or [("", str(error))]
                plan.faults += [change.row.fault(key_of(key), said) for key, said in wrong]
                if not partial:
                    return
            bar.advance(task)


def _counts(plan: _Plan, *, dry_run: bool) -> dict[str, list[str]]:
    which = plan.changes if dry_run else plan.done
    return {
        "added": [one.meter.name for one in which if one.number is None],
        "changed": [one.meter.name for one in which if one.number is not None],
        "same": plan.same,
    }


def _document(plan: _Plan, *, dry_run: bool) -> dict[str, Any]:
    faults = [
        {"line": one.spot[0], "column": one.spot[1], "key": one.key, "message": one.message}
        for one in plan.faults
    ]
    return {**_counts(plan, dry_run=dry_run), "dry_run": dry_run, "errors": faults}


def _show(file: Path, plan: _Plan, *, dry_run: bool, partial: bool) -> None:
    for one in plan.faults:
        place = ":".join((str(file), *map(str, one.spot)))
        key = f"{one.key}: " if one.key else ""
        click.echo(printable(f"{place}: {key}{hear(one.message)}"), err=True)
    counts = {key: len(names) for key, names in _counts(plan, dry_run=dry_run).items()}
    if dry_run:
        summary = say("{added} would be added, {changed} changed; {same} are so already", **counts)
    else:
        summary = say("{added} added, {changed} changed; {same} were so already", **counts)
    click.echo(summary)
    if plan.faults and not partial and not plan.done:
        click.echo(say("Nothing is taken; --partial takes what is right."), err=True)
