"""The way to a broker: TCP, or TLS that verifies the host's name."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - a look-up needs it, and it cannot be read once files are short
import errno
import os
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.python.failure import Failure

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
        return _honest(plain.connect)
    contexts = client_contexts(
        broker.host,
        where=f"sinks.{options.name}",
        ca_file=options.ca_file,
        cert_file=options.cert_file,
        key_file=options.key_file,
    )
    return _honest(wrapClientTLS(contexts, plain).connect)


def _honest(connect: Connect) -> Connect:
    """Of a process that may open no more files, the name server is not to blame."""

    def connected(factory: IProtocolFactory) -> Deferred[IProtocol]:
        return connect(factory).addErrback(_told)

    return connected


def _told(reason: Failure) -> Failure:
    if reason.check(DNSLookupError) is not None:
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                return Failure(error)
    return reason
