"""The configuration as it is in force: the file, meters added by API, an operator's overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from dlmsd.config.join import Added, join
from dlmsd.config.values import Configuration, MeterOptions
from dlmsd.store.registry import Override, OwnMeasurement, OwnMeter


@frozen
class Effective:
    """``refused`` are meters of the registry that are not read, and why."""

    configuration: Configuration
    refused: Mapping[str, str]


def effective(
    file: Configuration,
    own: Sequence[OwnMeter],
    overrides: Mapping[str, Override],
    environ: Mapping[str, str],
) -> Effective:
    """What is read and published; nothing in the registry can be in the way of the file."""
    refused = {meter.name: meter.locked for meter in own if meter.locked}
    joined = join(file, [_added(meter) for meter in own if not meter.locked], environ)
    for name, problems in joined.refused.items():
        refused[name] = "; ".join(str(problem) for problem in problems)
    meters = tuple(
        _overridden(meter, overrides.get(meter.name, Override()))
        for meter in joined.configuration.meters
    )
    return Effective(evolve(joined.configuration, meters=meters), refused)


def _overridden(meter: MeterOptions, wanted: Override) -> MeterOptions:
    return evolve(
        meter,
        status=wanted.status or meter.status,
        interval=meter.interval if wanted.interval is None else wanted.interval,
    )


def _added(meter: OwnMeter) -> Added:
    secrets = {key: secret.reveal().decode() for key, secret in meter.secrets.items()}
    read = {one.measurement_name: _read(one) for one in meter.measurements}
    return Added(meter.name, {**meter.options, **secrets}, read)


def _read(one: OwnMeasurement) -> object:
    if not one.enabled:
        return False
    said = {"obis": one.obis_code, "every": one.sampling_interval, "key": one.tb_key}
    return {key: value for key, value in said.items() if value is not None}
