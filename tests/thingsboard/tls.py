"""TLS as a ThingsBoard server has it: any client certificate is taken, then looked up (A3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.ssl import DefaultOpenSSLContextFactory


def context(certificate: Path, key: Path) -> Any:
    """For ``listenSSL``; asks for a client certificate and trusts every one."""
    factory = DefaultOpenSSLContextFactory(str(key), str(certificate), SSL.TLS_METHOD)
    factory.getContext().set_verify(SSL.VERIFY_PEER, lambda *_: True)
    return factory
