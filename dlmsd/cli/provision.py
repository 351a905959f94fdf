"""``dlmsd provision``: the meters' devices at ThingsBoard, and their tokens here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from attrs import frozen

from dlmsd.cli import tokenfiles
from dlmsd.cli.configuration import config_option, refuse_or_exit
from dlmsd.cli.exits import FAILED
from dlmsd.cli.help import Command
from dlmsd.cli.language import explained, hear, say
from dlmsd.cli.meter import errand
from dlmsd.cli.terminal import counted, show_table
from dlmsd.cli.tokenfiles import TokenFileError
from dlmsd.config.load import find
from dlmsd.config.rules import Refusal
from dlmsd.config.secrets import SecretReader, sealed
from dlmsd.config.system import Outside
from dlmsd.config.tokens import Owner, TokenPlace, load_without_tokens
from dlmsd.config.values import Configuration, SinkOptions
from dlmsd.errors import ConfigurationError
from dlmsd.publish.endpoint import endpoint
from dlmsd.publish.enrolment import Enrolment
from dlmsd.publish.provision import Granted, Outcome, Provisioning, Wish
from dlmsd.publish.rest import Account, KeptConnections, Rest, Site
from dlmsd.publish.tenant import Tenant
from dlmsd.secret import Secret
from dlmsd.tls import client_contexts

API_KEY: Final = "DLMSD_TB_API_KEY"
PASSWORD: Final = "DLMSD_TB_PASSWORD"  # noqa: S105 - the variable's name, no password
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_FILE: Final = click.Path(path_type=Path, dir_okay=False)

Run = Callable[[Any, Sequence[Wish], Callable[[Granted], None]], Any]


@frozen
class _Job:
    """What is wanted, and where each token goes; ``apart`` if the daemon reads only those in its
    state folder."""

    configuration: Configuration
    sink: SinkOptions
    wishes: Sequence[Wish]
    places: Mapping[Owner, TokenPlace]
    apart: bool

    def owner(self, name: str) -> Owner:
        return ("sinks" if self.sink.kind == "thingsboard-gateway" else "meters", name)

    def file(self, name: str) -> str:
        """As the configuration is to name it."""
        file = tokenfiles.file_name(self.owner(name))
        return str(self.state_dir / file) if self.apart else file

    @property
    def state_dir(self) -> Path:
        return self.configuration.daemon.state_dir.absolute()

    @property
    def form(self) -> tokenfiles.Form:
        """Of tokens that the configuration does not name yet."""
        return "file" if self.configuration.daemon.registry_key is None else "sealed"

    def content(self, name: str, token: Secret) -> bytes:
        """What its file is to hold."""
        key = self.configuration.daemon.registry_key
        place = self.places.get(self.owner(name), TokenPlace())
        if key is None or (place.said and not place.sealed):
            return token.reveal()
        return sealed(self.path(name).name, token, key, os.urandom)

    def path(self, name: str) -> Path:
        place = self.places.get(self.owner(name), TokenPlace())
        return place.file or self.configuration.path.absolute().parent / self.file(name)

    def keep(self, name: str, token: Secret) -> None:
        """Raises TokenFileError."""
        path = self.path(name)
        ours = self.kept(path)
        like = self.state_dir if ours else self.configuration.path
        tokenfiles.write(path, self.content(name, token), like)

    def kept(self, path: Path) -> bool:
        """Whether it is in the state folder."""
        return self.state_dir in path.parents


@click.command(cls=Command, short_help="Make devices at ThingsBoard, and keep their tokens.")
@click.argument("meters", nargs=-1)
@config_option
@click.option("--sink", "sink_name", help="Of which sink [the only one of ThingsBoard].")
@click.option("--url", help="Where ThingsBoard's page is, such as https://thingsboard.example.")
@click.option("--username", help="Log in as this administrator of the tenant.")
@click.option("--password-file", type=_FILE, help=f"[${PASSWORD}, or a question]")
@click.option("--api-key-file", type=_FILE, help=f"Instead of a login [${API_KEY}].")
@click.option("--ca-file", type=_FILE, help="Who signed ThingsBoard's certificate.")
@click.option("--key-file", type=_FILE, help="A device profile's provision key.")
@click.option("--secret-file", type=_FILE, help="Its secret.")
@click.option("--type", "type_", default="DLMS meter", show_default=True, help="Device profile.")
@click.option("--gateway-name", help="The gateway's device [dlmsd-SINK].")
@click.option("--set-tokens", is_flag=True, help="The configuration's tokens win.")
@click.option("--dry-run", is_flag=True, help="Only look; nothing is changed here or there.")
@click.option("--print", "only_print", is_flag=True, help="Print the lines, do not insert them.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def provision(
    meters: tuple[str, ...],
    config: Path | None,
    sink_name: str | None,
    type_: str,
    gateway_name: str | None,
    dry_run: bool,
    only_print: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Make the devices of METERS (all, unless named) at ThingsBoard, and keep their tokens.

    A device that is there stays as it is, and its token is fetched; so the command may be
    given again at any time. Each token goes into a file beside the configuration, tokens/NAME.token
    unless that says another, sealed where there is a registry_key, and a line that names it is
    inserted below the meter's name; the configuration as it was stays as FILE.bak. Where anybody
    may read the configuration and the daemon runs as a user of its own, tokens/ is in its state
    folder. For a sink of kind thingsboard-gateway the one device is the gateway.

    With --key-file and --secret-file, a device profile's, devices are made over MQTT, and no
    --url or login is needed; that makes new devices only.

    Exit 0 when every device has its token, 1 when one has not, 78 for the configuration's errors.

    Example: dlmsd provision --url https://thingsboard.example --username tenant@example.org
    """
    try:
        path = config or find(os.environ, Path.cwd())
        configuration, places = load_without_tokens(path, environ=Outside.of(path, os.environ))
    except ConfigurationError as error:
        click.echo(hear(str(error)), err=True)
        return error.exit_code
    sink = _sink(configuration, sink_name)
    wishes = _wishes(configuration, sink, meters, type_, gateway_name)
    state_dir = configuration.daemon.state_dir
    try:
        apart = tokenfiles.is_apart(path, state_dir, os.environ)
    except TokenFileError as error:
        click.echo(explained(error), err=True)
        return error.exit_code
    job = _Job(configuration, sink, wishes, places, apart)
    _writable(job)
    run = _enrol(sink, dry_run, given) if given["key_file"] else _rest(dry_run, given)
    granted: list[Granted] = []

    async def work(reactor: Any) -> int:
        with counted() as bar:
            task = bar.add_task(say("devices"), total=len(wishes))

            def told(one: Granted) -> None:
                if one.token is not None and one.token != one.wish.token and not dry_run:
                    job.keep(one.wish.name, one.token)
                granted.append(one)
                bar.update(task, completed=len(granted))

            await run(reactor, wishes, told)
        return 0 if all(one.outcome.good for one in granted) else FAILED

    code = errand(work)
    granted.sort(key=lambda one: one.wish.name)
    _show(job, granted, as_json=as_json)
    if not dry_run:
        _name_files(job, granted, only_print=only_print)
    return code


def _sink(configuration: Configuration, name: str | None) -> SinkOptions:
    ours = [one for one in configuration.sinks if one.kind != "mqtt"]
    found = [one for one in ours if name in (None, one.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.name for one in ours) or say("none")
    raise click.UsageError(
        say("give --sink; of ThingsBoard's kinds there are: {names}", names=names)
    )


def _wishes(
    configuration: Configuration,
    sink: SinkOptions,
    names: Sequence[str],
    type_: str,
    gateway_name: str | None,
) -> list[Wish]:
    if sink.kind == "thingsboard-gateway":
        if names:
            raise click.UsageError(
                say("ThingsBoard makes the meters of a gateway itself; name none")
            )
        device = gateway_name or f"dlmsd-{sink.name}"
        return [Wish(sink.name, device, "default", sink.token, gateway=True)]
    ours = {one.name: one for one in configuration.meters if sink.name in one.sinks}
    if strangers := [name for name in names if name not in ours]:
        raise click.UsageError(
            say("sink {sink} has no meter {meter}", sink=sink.name, meter=repr(strangers[0]))
        )
    chosen = [ours[name] for name in dict.fromkeys(names)] or list(ours.values())
    if not chosen:
        raise click.UsageError(say("sink {sink} has no meters", sink=sink.name))
    return [Wish.of(one, type_) for one in chosen]


def _writable(job: _Job) -> None:
    """A token must not be made that then has no place; nor must what cannot be sent be begun."""
    refuse_or_exit([one.own for one in job.wishes])
    if job.form == "sealed" or any(one.sealed for one in job.places.values()):
        refuse_or_exit(job.configuration.daemon)
    for wish in job.wishes:
        place = job.places.get(job.owner(wish.name), TokenPlace())
        line = tokenfiles.line(job.file(wish.name), job.form)
        if job.apart and place.file and not (place.file.exists() or job.kept(place.file)):
            raise click.UsageError(
                say(
                    "the daemon runs as another user, who could not read {file}: "
                    "write {line}, or nothing",
                    file=place.file,
                    line=line,
                )
            )
        if wish.token is None and place.said and place.file is None:
            raise click.UsageError(
                say(
                    "the token of {meter} is named, not there, and no file: "
                    "write {line}, or nothing",
                    meter=wish.name,
                    line=line,
                )
            )


def _rest(dry_run: bool, given: Mapping[str, Any]) -> Run:
    """By ThingsBoard's REST interface."""
    if not given["url"]:
        raise click.UsageError(
            say("give --url, or a device profile's --key-file and --secret-file")
        )
    try:
        site = Site.parse(given["url"])
    except Refusal as error:
        raise click.UsageError(f"--url: {error}") from None
    account = _account(given)
    if not site.tls and site.host not in _LOCAL:
        click.echo(
            say("Others may read the credentials on their way; https:// hides them."), err=True
        )
    ca_file = given["ca_file"]

    async def run(reactor: Any, wishes: Sequence[Wish], told: Callable[[Granted], None]) -> None:
        contexts = None
        if site.tls:
            contexts = client_contexts(site.host, where="provision", ca_file=ca_file)
        http = KeptConnections(reactor, contexts)
        rest = Rest(site, account, http, reactor)
        set_tokens = given["set_tokens"]
        doing = Provisioning(Tenant(rest), os.urandom, told, set_tokens=set_tokens, dry=dry_run)
        try:
            await doing.run(wishes)
        finally:
            await http.close()

    return run


def _enrol(sink: SinkOptions, dry_run: bool, given: Mapping[str, Any]) -> Run:
    """By a device profile's key and secret, over MQTT; a meter with a token needs none."""
    if not given["secret_file"]:
        raise click.UsageError(say("--key-file needs --secret-file"))
    key, secret = (_first_line(given[name]) for name in ("key_file", "secret_file"))

    async def run(reactor: Any, wishes: Sequence[Wish], told: Callable[[Granted], None]) -> None:
        enrolment = Enrolment(endpoint(reactor, sink), key, secret, reactor, sink.protocol)
        for wish in wishes if dry_run else ():
            outcome = Outcome.MISSING if wish.token is None else Outcome.FOUND
            told(Granted(wish, outcome, wish.token))
        if not dry_run:
            await enrolment.run(wishes, told)

    return run


def _account(given: Mapping[str, Any]) -> Account:
    if given["api_key_file"]:
        return Account(api_key=_first_line(given["api_key_file"]))
    if given["username"]:
        return Account(username=given["username"], password=_password(given["password_file"]))
    if key := os.environ.get(API_KEY):
        return Account(api_key=Secret(key))
    raise click.UsageError(
        say("give --username, or --api-key-file or ${variable}", variable=API_KEY)
    )


def _password(file: Path | None) -> Secret:
    if file is not None:
        return _first_line(file)
    if password := os.environ.get(PASSWORD):
        return Secret(password)
    return Secret(click.prompt(say("Password"), hide_input=True, err=True))


def _first_line(file: Path) -> Secret:
    try:
        return SecretReader(Path.cwd(), os.environ).read({"file": str(file)})
    except Refusal as error:
        raise click.UsageError(f"{file}: {error}") from None


def _show(job: _Job, granted: Sequence[Granted], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode([_flat(job, one) for one in granted]).decode())
        return
    if granted:
        rows = [
            [
                one.wish.name,
                one.wish.device,
                say(one.outcome.value),
                _fingerprint(one),
                hear(one.error),
            ]
            for one in granted
        ]
        show_table(
            (say("name"), say("device"), say("outcome"), say("fingerprint"), ""),
            rows,
        )
    for advice in dict.fromkeys(one.advice for one in granted if one.advice):
        click.echo(say(advice), err=True)
    good = sum(one.outcome.good for one in granted)
    told = say("{good} of {all} have their device and token", good=good, all=len(job.wishes))
    click.echo(told, err=True)


def _flat(job: _Job, one: Granted) -> dict[str, object]:
    return {
        "name": one.wish.name,
        "device": one.wish.device,
        "outcome": one.outcome.value,
        "fingerprint": _fingerprint(one) or None,
        "file": str(job.path(one.wish.name)) if one.token is not None else None,
        "error": one.error,
        "advice": one.advice,
    }


def _fingerprint(one: Granted) -> str:
    return one.token.fingerprint() if one.token is not None else ""


def _name_files(job: _Job, granted: Sequence[Granted], *, only_print: bool) -> None:
    """The lines that the configuration lacks: inserted, or else printed."""
    files = {
        job.owner(one.wish.name): job.file(one.wish.name)
        for one in granted
        if one.token is not None and not job.places[job.owner(one.wish.name)].said
    }
    if not files:
        return
    path = job.configuration.path
    copy = None if only_print else tokenfiles.insert(path, files, job.form)
    if copy is not None:
        named = say(
            "{path} names {count} files of tokens; before it was {copy}",
            path=path,
            count=len(files),
            copy=copy,
        )
        click.echo(named, err=True)
        return
    if not only_print:
        formed = say("{path} is written in a form that nothing is inserted in. Write:", path=path)
        click.echo(formed, err=True)
    for (_, name), file in files.items():
        click.echo(f"# {name}\n{tokenfiles.line(file, job.form)}")
