"""Why the network did not carry a request, in words."""

from __future__ import annotations

import errno

from twisted.internet import defer, error


def crowded(problem: BaseException | None) -> bool:
    """Whether this process, or this machine, may open no more files and connections."""
    code = getattr(problem, "osError", None) or getattr(problem, "errno", None)
    return code in (errno.EMFILE, errno.ENFILE)


def outage(problem: BaseException, seconds: float) -> str:
    """``seconds`` is how long an answer was waited for."""
    if crowded(problem):
        return "this process may open no more files"
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
