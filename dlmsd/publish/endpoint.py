"""The way to a broker: TCP, or TLS that verifies the host's name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, cast

from OpenSSL import crypto
from twisted.internet import ssl
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS

from dlmsd.config.broker import Broker
from dlmsd.config.values import SinkOptions
from dlmsd.errors import ConfigurationError, Problem
from dlmsd.publish.connection import Connect

CONNECT_TIMEOUT: Final = 15.0

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def endpoint(reactor: Any, options: SinkOptions) -> Connect:
    """Reaches the broker of ``options.url`` through ``reactor``.

    With ``mqtts`` the certificate must be signed by one of ``ca_file`` (default: the
    system's) and made out to the url's host. The files are read here, once; raises
    ConfigurationError for one that cannot be used.
    """
    broker = Broker.parse(options.url)
    plain = HostnameEndpoint(reactor, broker.host, broker.port, timeout=CONNECT_TIMEOUT)
    if not broker.tls:
        return plain.connect
    contexts = ssl.optionsForClientTLS(
        broker.host, trustRoot=_authorities(options), clientCertificate=_identity(options)
    )
    return wrapClientTLS(contexts, plain).connect


def _authorities(options: SinkOptions) -> Any:
    if options.ca_file is None:
        return None
    found = _PEM.findall(_read(options, "ca_file", options.ca_file))
    try:
        certificates = [ssl.Certificate.loadPEM(pem) for pem in found]
    except crypto.Error as error:
        raise _unusable(options, "ca_file", options.ca_file, "it is damaged") from error
    if not certificates:
        raise _unusable(options, "ca_file", options.ca_file, "it holds no certificate")
    return cast(Any, ssl.trustRootFromCertificates)(certificates)


def _identity(options: SinkOptions) -> Any:
    if options.cert_file is None:
        return None
    key_file = options.key_file or options.cert_file
    certificate = _read(options, "cert_file", options.cert_file)
    key = _read(options, "key_file", key_file)
    try:
        return cast(Any, ssl.PrivateCertificate).loadPEM(certificate + b"\n" + key)
    except crypto.Error as error:
        why = "it and key_file are no certificate and key in PEM"
        raise _unusable(options, "cert_file", options.cert_file, why) from error


def _read(options: SinkOptions, key: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(options, key, path, error.strerror or error) from error


def _unusable(options: SinkOptions, key: str, path: Path, why: object) -> ConfigurationError:
    return ConfigurationError((_problem(options, key, str(path), f"cannot be used: {why}"),))


def _problem(options: SinkOptions, key: str, value: str, why: str) -> Problem:
    return Problem(value, 0, f"sinks.{options.name}.{key}", why)
