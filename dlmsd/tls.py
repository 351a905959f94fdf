"""TLS as a client: what is read from files once, and the words for what can go wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, cast

from OpenSSL import SSL, crypto
from service_identity import VerificationError
from twisted.internet import ssl
from twisted.internet.interfaces import ISSLTransport

from dlmsd.errors import ConfigurationError, Problem

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def client_contexts(
    name: str,
    *,
    where: str,
    ca_file: Path | None = None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
) -> Any:
    """What makes one side of each connection, for Twisted.

    The other side's certificate must be signed by one of ``ca_file`` (default: the
    system's) and made out to ``name``, a host name or an address. ``cert_file`` is ours,
    with its key in ``key_file`` or in the same file. Raises ConfigurationError, with keys
    below ``where``, for a file that cannot be used.
    """
    files = _Files(where)
    return ssl.optionsForClientTLS(
        name,
        trustRoot=files.authorities(ca_file),
        clientCertificate=files.identity(cert_file, key_file),
    )


def explain(error: BaseException | None, whose: str) -> str | None:
    """A failure of TLS in words, None if it is none; ``whose`` certificate it was about."""
    if isinstance(error, SSL.Error):
        # OpenSSL's own words: an error holds a list of (library, function, reason).
        stack = error.args[0] if error.args else ()
        words = [entry[-1] for entry in stack if isinstance(entry, tuple)]
        return f"TLS: {', '.join(words) or 'closed during the handshake'}"
    if isinstance(error, VerificationError):
        return f"TLS: the {whose}'s certificate is not made out to the host"
    return None


def ends(transport: object) -> int | None:
    """When the other side's certificate ends, in Unix seconds; None if it showed none."""
    if not ISSLTransport.providedBy(transport):
        return None
    shown: crypto.X509 | None = cast(Any, transport).getPeerCertificate()
    if shown is None:
        return None
    return int(shown.to_cryptography().not_valid_after_utc.timestamp())


class _Files:
    def __init__(self, where: str) -> None:
        self._where = where

    def authorities(self, path: Path | None) -> Any:
        if path is None:
            return None
        found = _PEM.findall(self._read("ca_file", path))
        try:
            certificates = [ssl.Certificate.loadPEM(pem) for pem in found]
        except crypto.Error as error:
            raise self._unusable("ca_file", path, "it is damaged") from error
        if not certificates:
            raise self._unusable("ca_file", path, "it holds no certificate")
        return cast(Any, ssl.trustRootFromCertificates)(certificates)

    def identity(self, path: Path | None, key_file: Path | None) -> Any:
        if path is None:
            return None
        certificate = self._read("cert_file", path)
        key = self._read("key_file", key_file or path)
        try:
            return cast(Any, ssl.PrivateCertificate).loadPEM(certificate + b"\n" + key)
        except crypto.Error as error:
            why = "it and key_file are no certificate and key in PEM"
            raise self._unusable("cert_file", path, why) from error

    def _read(self, key: str, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise self._unusable(key, path, error.strerror or error) from error

    def _unusable(self, key: str, path: Path, why: object) -> ConfigurationError:
        problem = Problem(str(path), 0, f"{self._where}.{key}", f"cannot be used: {why}")
        return ConfigurationError((problem,))
