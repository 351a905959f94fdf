"""The configuration as it is in force: the file, meters added by API, an operator's overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import evolve, field, frozen

from dlmsd.config.join import Added, join
from dlmsd.config.values import Configuration, MeterOptions, SinkOptions
from dlmsd.errors import Problem
from dlmsd.fleet.platform import table, with_platforms
from dlmsd.store.own import Override, OwnMeasurement, OwnMeter


@frozen
class Effective:
    """``refused`` are meters of the registry that are not read, and why; ``problems`` say it by
    key, where the key is at fault."""

    configuration: Configuration
    refused: Mapping[str, str]
    problems: Mapping[str, tuple[Problem, ...]] = field(factory=dict)


def effective(
    file: Configuration,
    own: Sequence[OwnMeter],
    overrides: Mapping[str, Override],
    environ: Mapping[str, str],
) -> Effective:
    """What is read and published; nothing in the registry can be in the way of the file."""
    refused = {meter.name: meter.locked for meter in own if meter.locked}
    readable = [meter for meter in own if not meter.locked]
    whole = with_platforms(file, readable)
    added = [_added(meter, file.sinks, whole.sinks) for meter in readable]
    joined = join(whole, added, environ)
    for name, problems in joined.refused.items():
        refused[name] = "; ".join(str(problem) for problem in problems)
    meters = tuple(
        _overridden(meter, overrides.get(meter.name, Override()))
        for meter in joined.configuration.meters
    )
    elsewhere = {one.name for one in own} | {one.name for one in whole.sinks[len(file.sinks) :]}
    configuration = evolve(joined.configuration, meters=meters, added=frozenset(elsewhere))
    return Effective(configuration, refused, joined.refused)


def _overridden(meter: MeterOptions, wanted: Override) -> MeterOptions:
    renamed = wanted.device_name or meter.device_name
    return evolve(
        meter,
        status=wanted.status or meter.status,
        interval=meter.interval if wanted.interval is None else wanted.interval,
        device_name=(renamed if meter.device_name == wanted.renamed_from else meter.device_name),
    )


def _added(meter: OwnMeter, file: Sequence[SinkOptions], sinks: Sequence[SinkOptions]) -> Added:
    secrets = {key: secret.reveal().decode() for key, secret in meter.secrets.items()}
    read = {one.measurement_name: _read(one) for one in meter.measurements}
    return Added(meter.name, {**table(meter, file, sinks), **secrets}, read)


def _read(one: OwnMeasurement) -> object:
    if not one.enabled:
        return False
    every = None if one.sampling_interval is None else Decimal(str(one.sampling_interval))
    said = {"obis": one.obis_code, "every": every, "key": one.tb_key}
    return {key: value for key, value in said.items() if value is not None}
