"""Why a notice could not be handed over, each cause a class whose docstring advises."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from dlmsd import tls
from dlmsd.config.notice import NoticeOptions
from dlmsd.errors import DlmsdError
from dlmsd.network import outage
from dlmsd.secret import MASK
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


def quoted(text: bytes | str, receiver: NoticeOptions) -> str:
    """What the other end said, on one line; a secret that it says back to us is struck out."""
    octets = text if isinstance(text, bytes) else text.encode()
    for given in sorted(_given(receiver), key=len, reverse=True):
        octets = octets.replace(given, MASK.encode())
    words = octets[: 4 * _QUOTE].decode("utf-8", "replace")
    return printable(" ".join(words.split()))[:_QUOTE]


def _given(receiver: NoticeOptions) -> Iterator[bytes]:
    """Secrets in the forms in which the other end has them from us."""
    for secret in receiver.headers.values():
        yield secret.reveal()
        yield secret.reveal().split()[-1]  # behind the scheme of an Authorization
    path = urlsplit(receiver.url or "").path.strip("/")
    if path:
        yield path.encode()
    if receiver.password is not None:
        password = receiver.password.reveal()
        plain = b"\0".join((b"", (receiver.username or "").encode(), password))
        yield from (password, base64.b64encode(password), base64.b64encode(plain))
