"""The way to a broker with a meter's own certificate."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IProtocol, IProtocolFactory

from dlmsd.config.values import MeterOptions, SinkOptions
from dlmsd.errors import ConfigurationError
from dlmsd.publish.connection import Connect
from dlmsd.publish.troubles import TLSTrouble


def shown(options: SinkOptions, meter: MeterOptions) -> SinkOptions:
    """The sink with the certificate that a meter shows there, if it has one."""
    if meter.mqtt_cert_file is None:
        return options
    return evolve(options, cert_file=meter.mqtt_cert_file, key_file=meter.mqtt_key_file)


def certified(
    options: SinkOptions, meter: MeterOptions, reach: Callable[[SinkOptions], Connect]
) -> Connect:
    """Reads the files for every attempt, so that a certificate may be renewed; one that cannot
    be used is a trouble of this meter alone.
    """
    own = shown(options, meter)

    def connect(factory: IProtocolFactory) -> Deferred[IProtocol]:
        try:
            way = reach(own)
        except ConfigurationError as error:
            return fail(TLSTrouble(str(error)))
        return way(factory)

    return connect
