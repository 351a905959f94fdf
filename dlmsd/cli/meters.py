"""``dlmsd meters``: those of the file, and those beside it that the daemon keeps."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
from attrs import asdict, frozen

from dlmsd.cli.configuration import config_option, onlooked, read_or_exit
from dlmsd.cli.credentials import with_secrets
from dlmsd.cli.daemon import Daemon, told
from dlmsd.cli.exchange import export, import_
from dlmsd.cli.help import Group
from dlmsd.cli.language import hear, say
from dlmsd.cli.meter import way_options
from dlmsd.cli.terminal import show_table
from dlmsd.config.rules import Refusal
from dlmsd.config.secrets import SecretReader
from dlmsd.config.tables import SECRETS
from dlmsd.config.values import Configuration, MeterOptions
from dlmsd.store.inventory import last_readings
from dlmsd.store.onlooker import NotYetError
from dlmsd.web.api.bodies import body_of

_NAME: Final = click.argument("name")
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
# What is a file here would be one of the daemon's folder there.
_PATHS: Final = ("ca_file", "cert_file", "key_file")


@click.group(cls=Group, short_help="List meters; add, remove, import and export them.")
def meters() -> None:
    """The meters of the file, and those beside it: list, add, accept, import, export, remove.

    A meter beside the file was added here, on the page or by REST; the daemon keeps it in the
    registry of its state folder.

    Example: dlmsd meters list
    """


@frozen
class _Listed:
    """``reason`` is why one is not read; ``last_reading`` is ISO 8601."""

    name: str
    origin: str
    status: str
    profile: str
    address: str
    last_reading: str | None
    reason: str


@meters.command("list", short_help="List all meters, and when they were read last.")
@config_option
@_JSON
def list_(config: Path | None, as_json: bool) -> int:
    """List all meters with their origin, status, profile, address and last reading.

    It reads the files of the state folder, whether the daemon runs or not. The status is the one
    in force: what an operator wants comes before the file.

    Example: dlmsd meters list --json
    """
    configuration = read_or_exit(config)
    return told(lambda: _list(configuration, as_json=as_json))


def _list(configuration: Configuration, *, as_json: bool) -> int:
    rows = list(_listed(configuration))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in rows]))
        return 0
    origins = {"file": say("file"), "registry": say("registry")}
    states = {"active": say("active"), "inactive": say("inactive"), "refused": say("refused")}
    show_table(
        (
            *(say("name"), say("origin"), say("status"), say("profile"), say("address")),
            *(say("last reading"), ""),
        ),
        (
            (
                *(one.name, origins[one.origin], states[one.status], one.profile, one.address),
                *(one.last_reading or "", hear(one.reason)),
            )
            for one in rows
        ),
    )
    return 0


def _listed(configuration: Configuration) -> Iterator[_Listed]:
    found = onlooked(configuration).effective()
    seen: Mapping[str, int] = {}
    with suppress(NotYetError):
        seen = last_readings(configuration.daemon.state_dir / "outbox.db")
    for one in found.configuration.meters:
        origin = "registry" if one.name in found.configuration.added else "file"
        last = _time(seen.get(one.name))
        yield _Listed(one.name, origin, one.status, one.profile, _address(one), last, "")
    for name, reason in found.refused.items():
        yield _Listed(name, "registry", "refused", "", "", _time(seen.get(name)), reason)


def _address(meter: MeterOptions) -> str:
    if meter.transport == "serial":
        return meter.device or ""
    if not meter.host:
        return meter.transport
    return f"[{meter.host}]:{meter.port}" if ":" in meter.host else f"{meter.host}:{meter.port}"


def _time(ts: int | None) -> str | None:
    """Local time, of a ts in ms."""
    if ts is None:
        return None
    return datetime.datetime.fromtimestamp(ts / 1000).astimezone().isoformat(" ", "seconds")


@meters.command(short_help="Add a meter beside the file, and read it.")
@_NAME
@click.option("--host", required=True, help="Its address or name.")
@click.option("--interval", type=float, help="Seconds between two polls [the profile's].")
@click.option("--measurement", multiple=True, help="Read this, and what else is named so.")
@click.option("--sink", multiple=True, help="To this sink, and what else is named so.")
@click.option("--device-name", help="What ThingsBoard calls it [NAME].")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The token of its device at ThingsBoard [$DLMSD_TOKEN].",
)
@click.option("--inactive", is_flag=True, help="Keep it, and do not read it yet.")
@way_options
def add(
    name: str,
    host: str,
    config: Path | None,
    measurement: tuple[str, ...],
    sink: tuple[str, ...],
    inactive: bool,
    **given: Any,
) -> int:
    """Add a meter beside the file; the running daemon reads it at once.

    Without --profile it is a microstar, without --measurement what the profile reads is read.
    Secrets come from files or the environment, and are kept sealed where there is a
    registry_key.

    Example: dlmsd meters add "Plant A" --host 192.168.1.150 --measurement voltage_l1
    """
    configuration = read_or_exit(config)
    table = _in_clear({key: one for key, one in given.items() if one is not None})
    table |= {"name": name, "host": host}
    if measurement:
        table["measurements"] = measurement
    if sink:
        table["sinks"] = sink
    if inactive:
        table["status"] = "inactive"

    def work() -> int:
        with Daemon(configuration) as daemon:
            daemon.call("POST", "/api/meters", body_of(table))
        click.echo(say("{meter} is added", meter=name))
        return 0

    return told(work)


@meters.command(short_help="Read a meter beside the file no more.")
@_NAME
@config_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, config: Path | None, yes: bool) -> int:
    """Read a meter beside the file no more, and forget its secrets; its history stays.

    What `dlmsd meters export --secrets` has written before, `dlmsd meters import` brings back.

    Example: dlmsd meters remove "Plant A" --yes
    """
    configuration = read_or_exit(config)

    def work() -> int:
        with Daemon(configuration) as daemon:
            number = _number(daemon, name)
            if not yes:
                click.confirm(say("Remove {meter}?", meter=name), abort=True, err=True)
            daemon.call("DELETE", f"/api/meters/{number}")
        click.echo(say("{meter} is removed; its history stays", meter=name))
        return 0

    return told(work)


@meters.command(short_help="Accept another meter in a meter's place.")
@_NAME
@config_option
def accept(name: str, config: Path | None) -> int:
    """Accept another meter, which answers at a meter's address, in its place.

    Nothing is read there until then, so that two meters are not one series. The new one's load
    profile is read back as far as it was seen there.

    Example: dlmsd meters accept "Plant A"
    """
    configuration = read_or_exit(config)

    def work() -> int:
        with Daemon(configuration) as daemon:
            daemon.call("POST", f"/api/meters/{_number(daemon, name)}/accept")
        click.echo(say("{meter} is read again, from the new meter", meter=name))
        return 0

    return told(work)


def _number(daemon: Daemon, name: str) -> int:
    """The id of a meter; exits 64 where there is none."""
    cursor = 0
    while page := daemon.call("GET", f"/api/meters?limit=5000&cursor={cursor}"):
        for one in page:
            if one["name"] == name:
                return int(one["id"])
        cursor = page[-1]["id"]
    raise click.UsageError(say("there is no meter {meter}", meter=name))


def _in_clear(given: Mapping[str, Any]) -> dict[str, Any]:
    """What ``[[meters]]`` would say; exits 64 for a secret that cannot be read."""
    table = with_secrets(given, os.environ)
    file = table.pop("token_file", None)
    if file is not None:
        table["token"] = {"file": str(file)}
    elif "DLMSD_TOKEN" in os.environ:
        table["token"] = {"env": "DLMSD_TOKEN"}
    reader = SecretReader(Path.cwd(), os.environ)
    for key in SECRETS & table.keys():
        try:
            table[key] = reader.read(table[key]).reveal().decode()
        except Refusal as error:
            raise click.UsageError(f"{key}: {error}") from None
    for key in _PATHS:
        if key in table:
            table[key] = str(Path(table[key]).absolute())
    if table.get("address_size", "auto") != "auto":
        table["address_size"] = int(table["address_size"])
    return table


meters.add_command(import_)
meters.add_command(export)
