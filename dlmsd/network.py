"""Why the network did not carry a request, in words."""

from __future__ import annotations

from twisted.internet import defer, error


def outage(problem: BaseException, seconds: float) -> str:
    """``seconds`` is how long an answer was waited for."""
    for kind, said in (
        (error.ConnectionRefusedError, "connection refused"),
        (error.DNSLookupError, "the host name is unknown"),
        (error.TimeoutError, "no answer to the connection attempt"),
        (error.TCPTimedOutError, "no answer to the connection attempt"),
        (error.ConnectError, "the connection attempt failed"),
        ((defer.TimeoutError, defer.CancelledError), f"no answer within {seconds:.0f} s"),
    ):
        if isinstance(problem, kind):
            return said
    return f"the connection broke ({type(problem).__name__})"
