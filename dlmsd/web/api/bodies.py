"""The bodies in which meters come, and the registry's meters that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import evolve, fields, frozen

from dlmsd.config.rules import Refusal
from dlmsd.config.tables import SECRETS, MeterTable
from dlmsd.config.values import SinkOptions
from dlmsd.fleet.lending import BROKERS
from dlmsd.fleet.platform import KEY, Platform
from dlmsd.secret import Secret
from dlmsd.store.own import OwnMeasurement, OwnMeter
from dlmsd.web import kinds
from dlmsd.web.kinds import said
from dlmsd.web.problem import FieldProblem, RefusedError
from dlmsd.web.shape import objects_of

# A model of the meters that the earlier system read; whoever posts another one names it.
PROFILE: Final = "microstar"
# With room for their names and codes in one body.
MEASUREMENTS: Final = 200

# Fields of a body by the keys of [[meters]] that they stand for.
KEYS: Final = {
    "ip_address": "host",
    "port": "port",
    "client_id": "client",
    "server_id": "physical_device",
    "logical_device": "logical_device",
    "profile": "profile",
    "authentication": "authentication",
    "interval": "interval",
    "timeout": "timeout",
    "identify": "identify",
    "status": "status",
    "tb_device_name": "device_name",
    "sinks": "sinks",
}
_SECRET_KEYS: Final = {"password": "password", "tb_token": "token"}
_FIELDS: Final = {key: name for name, key in (KEYS | _SECRET_KEYS).items()}
_KEYS: Final = {name: key for key, name in _FIELDS.items()}
_MORE: Final = frozenset(one.name for one in fields(MeterTable)) - {
    "name",
    "read",
    *KEYS.values(),
    *_SECRET_KEYS.values(),
}


@frozen(kw_only=True)
class MeasurementBody:
    """A measurement. Without ``obis_code`` its name is a well-known one or the profile's;
    without ``sampling_interval`` it is read in every cycle."""

    measurement_name: str = said(kinds.text(64), example="voltage_l1")
    obis_code: str | None = said(kinds.OBIS, None, example="1-1:32.7.0")
    enabled: bool = said(kinds.FLAG, True)
    sampling_interval: float | None = said(kinds.EVERY, None, says="Seconds")
    tb_key: str | None = said(kinds.text(64), None, says="The name that is published")

    def row(self) -> OwnMeasurement:
        return OwnMeasurement(
            self.measurement_name,
            self.obis_code,
            self.enabled,
            self.sampling_interval,
            self.tb_key,
        )


@frozen(kw_only=True)
class MeterChange:
    """What of a meter is to be otherwise; what is left out, or null, stays as it is."""

    name: str | None = said(kinds.NAME, None)
    ip_address: str | None = said(kinds.HOST, None, says="[[meters]] host")
    port: int | None = said(kinds.PORT, None)
    client_id: int | None = said(kinds.whole(1, 127), None, says="[[meters]] client")
    server_id: int | None = said(kinds.whole(0, 16383), None, says="[[meters]] physical_device")
    logical_device: int | None = said(kinds.whole(0, 65535), None)
    profile: str | None = said(kinds.text(64), None, says="The model's profile")
    authentication: str | None = said(kinds.text(32), None)
    password: str | None = said(kinds.SECRET, None)
    interval: float | None = said(kinds.SECONDS, None, says="Seconds between two polls")
    timeout: float | None = said(
        kinds.SECONDS, None, says="The longest wait for an answer, in seconds"
    )
    identify: bool | None = said(
        kinds.FLAG, None, says="Whether its serial number and its clock are asked for daily"
    )
    status: str | None = said(kinds.STATUS, None)
    tb_enabled: bool | None = said(kinds.FLAG, None, says="Whether it goes to ThingsBoard")
    tb_host: str | None = said(kinds.HOST, None, says="Its broker, else the first sink's")
    tb_port: int | None = said(kinds.PORT, None)
    tb_token: str | None = said(kinds.SECRET, None)
    tb_device_name: str | None = said(kinds.text(255), None)
    sinks: tuple[str, ...] | None = said(
        kinds.list_of(kinds.NAME, 100), None, says="Left out: all that need no token"
    )
    measurements: tuple[str, ...] | None = said(
        kinds.list_of(kinds.text(64), MEASUREMENTS),
        None,
        says="Names that are read, and no others; left out: the profile's",
    )
    rows: tuple[MeasurementBody, ...] | None = said(
        objects_of(MeasurementBody, MEASUREMENTS),
        None,
        says="Instead of measurements: all that is said of them, as it is kept",
    )
    options: Mapping[str, object] | None = said(
        kinds.OPTIONS, None, says="Any other key of [[meters]], as in etc/dlmsd.toml"
    )
    error_count: int | None = said(
        kinds.whole(0, 0), None, says="0: failures are counted anew from here"
    )

    @property
    def quick(self) -> bool:
        """Whether it says nothing that would have to be written in the configuration."""
        meant = {one.name for one in fields(type(self)) if getattr(self, one.name) is not None}
        return meant <= {"status", "interval", "error_count"}

    def applied(self, meter: OwnMeter, profile_read: tuple[str, ...]) -> OwnMeter:
        """``meter`` with what this says; ``profile_read`` is what its profile reads."""
        options: dict[str, object] = dict(meter.options)
        secrets = dict(meter.secrets)
        for name, key in KEYS.items():
            value = getattr(self, name)
            if value is not None:
                options[key] = _as_written(value)
        for name, key in _SECRET_KEYS.items():
            value = getattr(self, name)
            if value is not None:
                secrets[key] = Secret(value)
        self._more(options, secrets)
        options[KEY] = self._platform(Platform.of(meter)).said()
        measurements = meter.measurements
        if self.measurements is not None:
            measurements = selected(self.measurements, profile_read, meter.measurements)
        if self.rows is not None:
            measurements = self._rows()
        return evolve(
            meter,
            name=self.name or meter.name,
            options=options,
            secrets=secrets,
            measurements=measurements,
            locked="",
        )

    def _more(self, options: dict[str, object], secrets: dict[str, Secret]) -> None:
        wrong = []
        for key, value in (self.options or {}).items():
            where = f"options.{key[:64]}"
            if key in _FIELDS:
                wrong.append(FieldProblem(where, f"has a field of its own: {_FIELDS[key]}"))
            elif key not in _MORE:
                wrong.append(FieldProblem(where, "unknown key"))
            elif value is None:
                options.pop(key, None)
                secrets.pop(key, None)
            elif key in SECRETS:
                try:
                    secrets[key] = Secret(kinds.SECRET.rule(value))
                except Refusal as error:
                    wrong.append(FieldProblem(where, str(error)))
            else:
                options[key] = value
        if wrong:
            raise RefusedError(422, "The body does not fit; errors says where.", wrong)

    def _rows(self) -> tuple[OwnMeasurement, ...]:
        rows = {one.measurement_name: one.row() for one in self.rows or ()}
        if self.measurements is not None or len(rows) < len(self.rows or ()):
            wrong = [FieldProblem("rows", "a measurement stands here twice")]
            raise RefusedError(422, "The body does not fit; errors says where.", wrong)
        return tuple(rows.values())

    def _platform(self, before: Platform) -> Platform:
        return Platform(
            before.enabled if self.tb_enabled is None else self.tb_enabled,
            self.tb_host or before.host,
            self.tb_port or before.port,
        )


@frozen(kw_only=True)
class NewMeter(MeterChange):
    """A meter; read from now on, unless its status is inactive."""

    name: str = said(kinds.NAME, example="medidor_planta_A")
    ip_address: str = said(kinds.HOST, says="[[meters]] host", example="192.168.1.150")

    @property
    def quick(self) -> bool:
        return False

    @property
    def profile_name(self) -> str:
        """The model's, whether it is said or not."""
        return self.profile or PROFILE

    def made(self, profile_read: tuple[str, ...], before: OwnMeter | None = None) -> OwnMeter:
        """The whole meter. What is secret and left out stays as ``before``, since it is never
        told and nobody could say it again; and what of it is ThingsBoard's goes where it went."""
        secrets = dict(before.secrets) if before else {}
        new = self.applied(OwnMeter(self.name, {"profile": PROFILE}, secrets), profile_read)
        kept = {key for key, one in secrets.items() if new.secrets.get(key) is one}
        if before is None or not kept & BROKERS:
            return new
        place = self._platform(evolve(Platform.of(before), enabled=True))
        return evolve(new, options={**new.options, KEY: place.said()})


def _as_written(value: object) -> object:
    """As a file gives it."""
    if isinstance(value, float):
        return Decimal(str(value))
    return list(value) if isinstance(value, tuple) else value


def selected(
    names: tuple[str, ...], profile_read: tuple[str, ...], before: tuple[OwnMeasurement, ...] = ()
) -> tuple[OwnMeasurement, ...]:
    """Exactly ``names`` are read: what the profile reads beside them is taken away."""
    known = {one.measurement_name: one for one in before}
    wanted = dict.fromkeys(names)
    rows = [evolve(known.get(name, OwnMeasurement(name)), enabled=True) for name in wanted]
    rest = [name for name in dict.fromkeys((*profile_read, *known)) if name not in wanted]
    return (
        *rows,
        *(evolve(known.get(name, OwnMeasurement(name)), enabled=False) for name in rest),
    )


def body_of(table: Mapping[str, object]) -> dict[str, object]:
    """What ``[[meters]]`` says, secrets in clear, as a body: a key without a field of its own
    goes among ``options``."""
    body = {_FIELDS.get(key, key): value for key, value in table.items()}
    options = {key: body.pop(key) for key in table if key in _MORE}
    return {**body, "options": options} if options else body


def key_of(field: str) -> str:
    """The key of ``[[meters]]`` that a field of a body stands for."""
    first = re.split(r"[.\[]", field, maxsplit=1)[0]
    if first == "options":
        return field.removeprefix("options.")
    return _KEYS.get(first, first) + field[len(first) :]


def field_of(key: str) -> str:
    """The field of a body that a key of the configuration is told in."""
    first = key.partition(".")[0].partition("[")[0]
    if first == "read":
        return "measurements" + key[len(first) :]
    if first == "name":
        return "name"
    if first in _MORE:
        return f"options.{key}"
    return _FIELDS.get(first, first) + key[len(first) :]


def sink_of(sinks: tuple[SinkOptions, ...], names: tuple[str, ...]) -> SinkOptions | None:
    """The ThingsBoard among a meter's sinks."""
    found = (one for one in sinks if one.kind == "thingsboard" and one.name in names)
    return next(found, None)
