"""The way to a broker: TCP, or TLS that verifies the host's name."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS

from dlmsd.config.broker import Broker
from dlmsd.config.values import SinkOptions
from dlmsd.publish.connection import Connect
from dlmsd.tls import client_contexts

CONNECT_TIMEOUT: Final = 15.0


def endpoint(reactor: Any, options: SinkOptions) -> Connect:
    """Reaches the broker of ``options.url`` through ``reactor``.

    With ``mqtts`` the certificate must be made out to the url's host. The files are read
    here, once; raises ConfigurationError for one that cannot be used.
    """
    broker = Broker.parse(options.url)
    plain = HostnameEndpoint(reactor, broker.host, broker.port, timeout=CONNECT_TIMEOUT)
    if not broker.tls:
        return plain.connect
    contexts = client_contexts(
        broker.host,
        where=f"sinks.{options.name}",
        ca_file=options.ca_file,
        cert_file=options.cert_file,
        key_file=options.key_file,
    )
    return wrapClientTLS(contexts, plain).connect
