"""Why a notice could not be handed over, each cause a class whose docstring advises."""

from __future__ import annotations

from typing import Final

from dlmsd import tls
from dlmsd.errors import DlmsdError
from dlmsd.network import outage
from dlmsd.watch.notify.message import printable

# What another end says is shown, not stored as a library.
_QUOTE: Final = 300


class NoticeError(DlmsdError):
    """A notice could not be handed over; it is tried again by itself."""

    culprit = "operator"
    cause = "operator"
    retryable = True


class UnreachedError(NoticeError):
    """The receiver cannot be reached; check its host or url, the network, and that it runs."""


class SecurityError(NoticeError):
    """TLS to the receiver failed; check ca_file, and the certificate's dates and names."""


class RefusedNoticeError(NoticeError):
    """The receiver refused the notice, in the words above; check its credentials and addresses."""


def broken(error: BaseException, seconds: float) -> NoticeError:
    """The error in words; ``seconds`` is how long an answer was waited for."""
    if isinstance(error, NoticeError):
        return error
    reasons = getattr(error, "reasons", None)  # a request's end holds the connection's
    if reasons:
        return broken(reasons[0].value, seconds)
    if (words := tls.explain(error, "receiver")) is not None:
        return SecurityError(words)
    return UnreachedError(outage(error, seconds))


def quoted(text: bytes | str) -> str:
    """What the other end said, on one line."""
    if isinstance(text, bytes):
        text = text[: 4 * _QUOTE].decode("utf-8", "replace")
    return printable(" ".join(text.split()))[:_QUOTE]
