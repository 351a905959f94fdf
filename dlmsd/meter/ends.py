"""Why something ended, or was not done, in the operator's words."""

from __future__ import annotations

from typing import Final

from twisted.internet import error as network
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd import tls
from dlmsd.errors import (
    ClosedError,
    CrowdedError,
    DlmsdError,
    LinkError,
    NotListeningError,
    TlsError,
    UnansweredError,
    UnreachableError,
    UnresolvedError,
)
from dlmsd.network import crowded

_ENDS: Final[tuple[tuple[type[Exception], type[LinkError], str], ...]] = (
    (network.ConnectionRefusedError, NotListeningError, "connection refused"),
    (network.TimeoutError, UnansweredError, "no answer to the connection attempt"),
    (network.DNSLookupError, UnresolvedError, "the host name is unknown"),
    (network.NoRouteError, UnreachableError, "no route to the host"),
    (network.ConnectError, UnreachableError, "the connection attempt failed"),
    (network.ConnectionDone, ClosedError, "the meter closed the connection"),
    (network.ConnectionLost, ClosedError, "the connection broke"),
)


def explain(reason: Failure) -> DlmsdError:
    """A connection's end as an error that names its culprit."""
    if isinstance(reason.value, DlmsdError):
        return reason.value
    if crowded(reason.value):
        return CrowdedError("too many open files")
    for kind, error, words in _ENDS:
        if reason.check(kind):
            return error(words)
    trouble = tls.explain(reason.value, "gateway")
    return LinkError(type(reason.value).__name__) if trouble is None else TlsError(trouble)


def known(reason: Failure, log: Logger, what: str, meter: str) -> DlmsdError:
    """The DlmsdError that it is; a fault of ours is called so, and ``log`` tells all of it."""
    error = reason.value
    if isinstance(error, DlmsdError):
        return error
    log.failure(what, reason, meter=meter)
    return DlmsdError("a fault of dlmsd; the log has the details")
