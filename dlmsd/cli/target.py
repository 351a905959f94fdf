"""The meter that a command speaks to: the name of a configured or added one, or a host."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from getpass import GetPassWarning
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from attrs import evolve, field, frozen

from dlmsd.cli.candidates import candidates
from dlmsd.cli.configuration import onlooked, read, read_or_exit, refuse_or_exit
from dlmsd.cli.credentials import VARIABLES, lacks_password, with_secrets
from dlmsd.cli.language import hear, say
from dlmsd.cli.state import KeptCounters, NoCounters, Place
from dlmsd.cli.tracing import Tracing
from dlmsd.config.load import find, load_meter, load_read
from dlmsd.config.values import Configuration, DialInOptions, Measurement, MeterOptions
from dlmsd.dlms.cosem.catalogue import NAMES
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.errors import ConfigurationError, ReadOnlyError, StoreError
from dlmsd.meter.build import make_way
from dlmsd.meter.dialin import Reception
from dlmsd.meter.security import CounterStore, MeterSecurity, needs_counters, secured
from dlmsd.meter.session import Session
from dlmsd.meter.visit import Visit
from dlmsd.meter.way import Way

T = TypeVar("T")

# What a command's arguments say besides how to reach a host.
_OTHERS: Final = frozenset({"meter", "config", "trace"})
# What a command reads that asks for no measurement: a meter without any is none.
NOTHING: Final = {"clock": {"class": 8, "obis": "0-0:1.0.0", "attribute": 2}}


@frozen
class Target:
    """A meter, and the configuration that it stands in, None for a host.

    ``place`` is where its counters are kept; ``dial_in`` is where it calls, if it does.
    """

    meter: MeterOptions
    place: Place
    configuration: Configuration | None = None
    dial_in: DialInOptions = field(factory=DialInOptions)
    _names: ShortNames = field(factory=ShortNames, init=False, eq=False)

    def refuse_unless_writing(self) -> None:
        """ReadOnlyError where the meter's configuration allows no more than reading."""
        if not self.meter.writing:
            raise ReadOnlyError(f"writing is off for {self.meter.name}")

    @asynccontextmanager
    async def counters(self, reactor: Any) -> AsyncIterator[CounterStore]:
        """Those of the state folder, which is held meanwhile, if the meter needs any."""
        if not needs_counters(self.meter):
            yield NoCounters()
            return
        async with KeptCounters(self.place, reactor) as store:
            yield store.invocation_counters

    @asynccontextmanager
    async def visit(self, reactor: Any, tracing: Tracing | None) -> AsyncIterator[Session]:
        """One connection for one errand; ``tracing`` sees what passes."""
        async with self.counters(reactor) as store:
            security = secured(self.meter, store, os.urandom)
            async with (
                self._way(reactor) as way,
                visited(self.meter, reactor, tracing, security, way, self._names) as session,
            ):
                yield session

    @asynccontextmanager
    async def _way(self, reactor: Any) -> AsyncIterator[Way]:
        """A meter that calls in is waited for."""
        if self.meter.transport != "dial-in":
            yield make_way(self.meter, reactor)
            return
        reception = Reception(self.dial_in, reactor=reactor)
        await reception.start()
        try:
            yield reception.way(self.meter)
        finally:
            await reception.stop()


def visited(
    meter: MeterOptions,
    reactor: Any,
    tracing: Tracing | None,
    security: MeterSecurity | None = None,
    way: Way | None = None,
    names: ShortNames | None = None,
) -> Visit:
    """A connection to ``meter`` that ``tracing`` looks on at."""
    if tracing is None:
        return Visit(meter, reactor, None, security, way, names=names)
    return Visit(meter, reactor, tracing.frame, security, way, tracing.apdu, names)


def chosen(given: Mapping[str, Any], wanted: Mapping[str, object] = NOTHING) -> Target:
    """The meter of ``meter_options``, to be asked for ``wanted``, as a table ``read`` says it.

    A name that stands in the configuration, or was added by page or REST, is that meter, as an
    operator wants it; a path is a serial port, an endpoint where a meter that calls in does so,
    and everything else a host. With options on how to reach it, it must be a host. Exits 64 if
    it is neither, and 78 where the configuration cannot be read and its names not be known.
    """
    way = {key: one for key, one in given.items() if one is not None and key not in _OTHERS}
    file = _configuration(given["config"], needed=not way)
    known = _Known.of(file)
    name = given["meter"]
    meter = known.meters.get(name)
    try:
        if name in known.refused:
            reason = hear(known.refused[name])
            raise click.UsageError(say("{meter} is not read: {reason}", meter=name, reason=reason))
        if meter is None:
            if not way and not _is_address(name):
                _tell_host(name, known)
            meter = _host(name, way, wanted)
            place = _place(given["config"], meter, file)
            return Target(meter, place, dial_in=DialInOptions(name))
        if way:
            option = f"--{min(way).replace('_', '-')}"
            raise click.UsageError(
                say(
                    "{meter} stands in {path}, which says how to reach it: {option} is for a HOST",
                    meter=meter.name,
                    path=known.place(meter.name),
                    option=option,
                )
            )
        if meter.transport == "push":
            raise click.UsageError(
                say("{meter} pushes, and is not asked: name a HOST instead", meter=meter.name)
            )
        refuse_or_exit(evolve(meter, token=None, mqtt_password=None))  # not the meter's to hear
        meter = _reading(meter, wanted)
        found = known.configuration
        assert found is not None
        return Target(meter, Place.of(found), found, found.dial_in)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None


@frozen
class _Known:
    """The meters that a name may mean; ``trouble`` is why only those of the file are known."""

    configuration: Configuration | None = None
    refused: Mapping[str, str] = field(factory=dict)
    trouble: StoreError | None = None

    @classmethod
    def of(cls, file: Configuration | None) -> _Known:
        if file is None:
            return cls()
        try:
            found = onlooked(file).effective()
        except StoreError as error:
            return cls(file, trouble=error)
        return cls(found.configuration, found.refused)

    @property
    def meters(self) -> Mapping[str, MeterOptions]:
        listed = self.configuration.meters if self.configuration else ()
        return {one.name: one for one in listed}

    def place(self, name: str) -> Path:
        """Where it stands."""
        assert self.configuration is not None
        if name in self.configuration.added:
            return self.configuration.daemon.state_dir / "registry.db"
        return self.configuration.path


def _is_address(text: str) -> bool:
    """Whether it can only be a serial port, an endpoint or an address, and no meter's name."""
    with suppress(ValueError):
        ip_address(text)
        return True
    return "/" in text or ":" in text


def _tell_host(name: str, known: _Known) -> None:
    """It is none of the meters that are ``known``, but may have been meant as one."""
    if known.trouble is not None:
        raise click.UsageError(
            say(
                "{meter} does not stand in the file, and meters that were added by page or REST "
                "cannot be known: {reason}. For a HOST give an option on how to reach it, such "
                "as --profile",
                meter=name,
                reason=hear(str(known.trouble)),
            )
        )
    if known.configuration is not None and known.meters:
        note = say(
            "no meter {meter} in {path} (it has {names}); taken as a host name",
            meter=name,
            path=known.configuration.path,
            names=candidates(name, known.meters),
        )
        click.echo(note, err=True)


def _misread(error: ConfigurationError, wanted: Mapping[str, object]) -> str | None:
    """The first measurement that is ``wanted`` by its name alone, and that nobody has: if that
    is all that is wrong."""
    if any(not one.key.startswith("read.") for one in error.problems):
        return None
    at_fault = {one.key.removeprefix("read.") for one in error.problems}
    return next((name for name, said in wanted.items() if not said and name in at_fault), None)


def _no_measurement(name: str, whom: str, has: Iterable[Measurement]) -> str:
    names = candidates(name, dict.fromkeys((*(one.name for one in has), *NAMES)))
    return say(
        "{name} is no measurement of {whom} (it has {names}); give its OBIS code",
        name=name,
        whom=whom,
        names=names,
    )


def named(parse: Callable[..., T], *text: Any) -> T:
    """What ``parse`` makes of an argument; exits 64 with its sentence if that is nothing."""
    try:
        return parse(*text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _configuration(given: Path | None, *, needed: bool) -> Configuration | None:
    """The file that was named, or the one that is found, or None if there is none.

    Unless it is ``needed``, one that was not named may be bad.
    """
    if given is None:
        try:
            given = find(os.environ, Path.cwd())
        except ConfigurationError:
            return None
        if not needed:
            with suppress(ConfigurationError):
                return read(given)
            return None
    return read_or_exit(given)


def _place(given: Path | None, meter: MeterOptions, found: Configuration | None) -> Place:
    """Where a host's counters are: with those of the configuration that there is.

    Two stores of one key would draw the same counters, so a bad configuration, which hides
    its folder, is exit 78.
    """
    if found is None and needs_counters(meter):
        found = _configuration(given, needed=True)
    if found is not None:
        return Place.of(found)
    return Place.of_user(os.environ, Path.home())


def _reading(meter: MeterOptions, wanted: Mapping[str, object]) -> MeterOptions:
    """A known one, to be asked for ``wanted`` too."""
    try:
        return load_read(meter, wanted, environ=os.environ, cwd=Path.cwd())
    except ConfigurationError as error:
        if (name := _misread(error, wanted)) is not None:
            raise click.UsageError(_no_measurement(name, meter.name, meter.read)) from None
        raise


def _host(host: str, way: Mapping[str, Any], wanted: Mapping[str, object]) -> MeterOptions:
    table = with_secrets(way, os.environ)
    if table.get("address_size", "auto") != "auto":
        table["address_size"] = int(table["address_size"])
    if "timeout" in table:
        table["timeout"] = Decimal(str(table["timeout"]))  # as the file's numbers are
    if lacks_password(table):
        table["password"] = _asked_password()
    dial_in: dict[str, object] = {}
    if table.get("transport") == "dial-in":
        dial_in["listen"] = host
    elif host.startswith("/"):
        table = {"transport": "serial", "device": host, **table}
    else:
        table["host"] = host

    def loaded(read: Mapping[str, object]) -> MeterOptions:
        said = {"name": "meter", **table, "read": read}
        return load_meter(said, environ=os.environ, cwd=Path.cwd(), dial_in=dial_in)

    try:
        return loaded(wanted)
    except ConfigurationError as error:
        if (name := _misread(error, wanted)) is None:
            raise
        profile = table.get("profile")
        has = [one for one in loaded(NOTHING).read if profile and one.name not in NOTHING]
        whom = say("profile {name}", name=profile) if profile else say("the catalogue")
        raise click.UsageError(_no_measurement(name, whom, has)) from None


def _asked_password() -> str:
    with warnings.catch_warnings():
        # Where it cannot be hidden it is not asked for.
        warnings.simplefilter("error", GetPassWarning)
        try:
            return str(click.prompt(say("Password"), hide_input=True, err=True))
        except GetPassWarning:
            raise click.UsageError(
                say(
                    "there is no terminal to ask for the password on: give --password-file, or "
                    "${variable}",
                    variable=VARIABLES["password"],
                )
            ) from None
