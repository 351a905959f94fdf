"""``dlmsd doctor``: each step of the way to a meter or to a broker, and which one fails."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Final

import click
from attrs import evolve
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from dlmsd.cli.candidates import wanted_sinks
from dlmsd.cli.configuration import config_option, onlooked, read_or_exit
from dlmsd.cli.help import Group
from dlmsd.cli.language import explained, spoken
from dlmsd.cli.meter import errand, meter_options
from dlmsd.cli.steps import Walk, addresses, show
from dlmsd.cli.target import Target, chosen
from dlmsd.cli.tracing import Tracing, put_text
from dlmsd.config.broker import Broker
from dlmsd.config.values import Configuration, SinkOptions
from dlmsd.errors import DlmsdError, StoreError, UnresolvedError
from dlmsd.meter.cycle import Cycle
from dlmsd.meter.installation import Installation
from dlmsd.publish import troubles
from dlmsd.publish.certified import shown
from dlmsd.publish.codec import Login
from dlmsd.publish.endpoint import endpoint
from dlmsd.publish.login import device_login, login_for
from dlmsd.publish.rehearsal import rehearse
from dlmsd.store.lock import Lock
from dlmsd.watch.language import Language
from dlmsd.withheld import refuse_withheld

_NETWORKED: Final = ("tcp", "udp")
# The step that an error before the first frame belongs to.
_CONNECTING: Final = {"dns": "name", "tls": "tls", "port": "port"}


@click.group(cls=Group)
def doctor() -> None:
    """Test the way to a meter or to a broker, step by step.

    Example: dlmsd doctor meter plant-a
    """


@doctor.command(short_help="Test the way to a meter, step by step.")
@meter_options
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def meter(as_json: bool, trace: bool, **given: Any) -> int:
    """Walk to a meter: name, connection, link, association, one value.

    METER is the name of a configured or added meter, or the HOST of any other meter. The walk ends
    at the step that fails, with the reason and what to do. Most meters serve one client: while the
    daemon reads this one, either of the two may be turned away.

    Exit 0 when all steps are good, 1 when not.

    Example: dlmsd doctor meter plant-a
    """
    target = chosen(given)
    words = Language.of(spoken())

    async def work(reactor: Any) -> int:
        walk = Walk(target.meter.name if target.configuration else target.meter.address)
        await _to_meter(walk, target, reactor, trace)
        if not walk.good and target.configuration is not None and _runs(target.configuration):
            walk.hint = "daemon-reads"
        return show([walk], words, as_json=as_json)

    return errand(work)


async def _to_meter(walk: Walk, target: Target, reactor: Any, trace: bool) -> None:
    options = target.meter
    if options.transport in _NETWORKED:
        try:
            walk.passed("name", ", ".join(await addresses(options.host, options.port)))
        except OSError as error:
            walk.failed("name", UnresolvedError(f"{options.host}: {error.strerror}"))
            return
    seen = _Seen(walk, trace)
    try:
        async with target.visit(reactor, seen) as session:
            seen.opened()
            wanted = options.read[:1]
            cycle = Cycle(wanted, session, 0.0, lambda *_: None, Installation.of(options))
            values = await cycle.run(wanted, reactor.seconds())
            found = [f"{key} = {value} {cycle.units.get(key, '')}" for key, value in values.items()]
            refused = [f"{key}: {reason}" for key, reason in cycle.absent.items()]
            walk.passed("read", "; ".join((*found, *refused)).strip())
    except DlmsdError as error:
        walk.failed(seen.next(error), error)


class _Seen(Tracing):
    """What passes tells how far we are."""

    def __init__(self, walk: Walk, trace: bool) -> None:
        super().__init__(put_text(err=True) if trace else lambda *_: None)
        self._walk = walk
        self._place = "connection"

    def frame(self, direction: str, octets: bytes) -> None:
        if self._place == "connection":
            self._walk.passed("connection")
            self._place = "link"
        super().frame(direction, octets)

    def apdu(self, direction: str, apdu: bytes, plain: bytes | None) -> None:
        if self._place in ("connection", "link"):
            self._walk.passed("link")
            self._place = "association"
        super().apdu(direction, apdu, plain)

    def opened(self) -> None:
        self._walk.passed("association")
        self._place = "read"

    def next(self, error: DlmsdError) -> str:
        """The step at which an error ended the walk."""
        if self._place == "connection":
            return _CONNECTING.get(error.cause, "connection")
        return self._place


@doctor.command(short_help="Test the way to a broker, step by step.")
@config_option
@click.argument("sink", required=False)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def mqtt(config: Path | None, sink: str | None, as_json: bool) -> int:
    """Walk to the broker of SINK, or of each sink: name, connection, TLS, login.

    Nothing is published, and the client id is another than the daemon's. ThingsBoard lets a
    token in once: while the daemon runs, the login there is left out, and the page says how
    its own fares. Of a sink with a token for each meter the first one is tried.

    Exit 0 when all steps are good, 1 when not.

    Example: dlmsd doctor mqtt tb
    """
    configuration = _in_force(read_or_exit(config))
    chosen_sinks = wanted_sinks(configuration, sink)
    words = Language.of(spoken())

    async def work(reactor: Any) -> int:
        walks = []
        for one in chosen_sinks:
            walks.append(Walk(f"{one.name} ({one.url})"))
            await _to_broker(walks[-1], one, configuration, reactor)
        return show(walks, words, as_json=as_json)

    return errand(work)


async def _to_broker(
    walk: Walk, options: SinkOptions, configuration: Configuration, reactor: Any
) -> None:
    broker = Broker.parse(options.url)
    try:
        walk.passed("name", ", ".join(await addresses(broker.host, broker.port)))
    except OSError as error:
        walk.failed("name", troubles.UnresolvedTrouble(f"{broker.host}: {error.strerror}"))
        return
    plain = evolve(options, url=f"mqtt://{_bracketed(broker.host)}:{broker.port}")
    try:
        bare = await endpoint(reactor, plain)(Factory.forProtocol(Protocol))
    except Exception as failure:  # noqa: BLE001 - told in the words of a broker's troubles
        walk.failed("connection", troubles.broken(Failure(failure)))
        return
    transport: Any = bare.transport  # type: ignore[attr-defined]
    transport.loseConnection()
    walk.passed("connection")
    if options.kind != "mqtt" and _runs(configuration):
        walk.hint = "daemon-publishes"
        return
    try:
        # An id of its own: the daemon's would end the daemon's connection.
        reached, login = _login(evolve(options, client_id=None), configuration)
        refuse_withheld(login)
        version = await rehearse(endpoint(reactor, reached), login, options.protocol, reactor)
        walk.passed("login", f"MQTT {'5' if version == 5 else '3.1.1'}")
    except DlmsdError as error:
        walk.failed("tls" if isinstance(error, troubles.TLSTrouble) else "login", error)


def _in_force(file: Configuration) -> Configuration:
    """With what was added by page and REST, if that can be known."""
    try:
        return onlooked(file).effective().configuration
    except StoreError as error:
        click.echo(explained(error), err=True)
        return file


def _login(options: SinkOptions, configuration: Configuration) -> tuple[SinkOptions, Login]:
    """As the sink, or as the first meter that has credentials of its own there."""
    instance_id = f"doctor-{secrets.token_hex(4)}"
    if options.kind == "thingsboard":
        for one in configuration.meters:
            if options.name in one.sinks and one.credentials:
                login = device_login(options, instance_id, one.name, one.credentials)
                return shown(options, one), login
    return options, login_for(options, instance_id, options.token)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _runs(configuration: Configuration) -> bool:
    return Lock(configuration.daemon.state_dir / "dlmsd.lock").held_since is not None
