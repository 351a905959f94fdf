"""Who may read: the bearer token, wrong guesses counted, and the Host header."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from attrs import frozen
from twisted.web.server import Request

from dlmsd.secret import Secret

WRONG_TOKENS: Final = 5
WINDOW: Final = 60.0
"""This many wrong tokens from one address within so many seconds, then 429."""

ADDRESSES: Final = 1024
"""Addresses whose wrong tokens are remembered: some 200 bytes each, so 200 KiB under attack."""

_LOCAL: Final = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


@frozen
class Refusal:
    """Why a request is not answered: an HTTP status, a sentence, headers that go with it."""

    status: int
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


class Access:
    """Judges requests by where the page listens and by what they carry.

    ``seconds`` is a clock that never steps. ``loopback`` is set by whoever listens; until
    then everything under /api needs the token.
    """

    def __init__(self, token: Secret, *, trust_proxy: bool, seconds: Callable[[], float]) -> None:
        self.loopback = False
        self._token = hashlib.sha256(token.reveal()).digest()
        self._trust_proxy = trust_proxy
        self._seconds = seconds
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def host(self, request: Request) -> Refusal | None:
        """Refuses names that are not this machine's, against DNS rebinding.

        Only where reads are free: elsewhere the name is the operator's, and a page that
        was rebound has no token.
        """
        if not self._free or _LOCAL.fullmatch(request.getHeader(b"host") or b""):
            return None
        return Refusal(403, "Open this page as localhost, 127.0.0.1 or [::1].")

    def read(self, request: Request) -> Refusal | None:
        """Refuses a read that needs a token and carries none, a wrong one or one too many."""
        if self._free:
            return None
        # As bytes: decoding a header that is no UTF-8 would fail.
        kind, _, given = (request.getHeader(b"authorization") or b"").partition(b" ")
        if kind.lower() != b"bearer" or not given:
            return _unauthorized("This needs the header Authorization: Bearer <token>.")
        wrong = self._recent(self._address(request))
        if len(wrong) >= WRONG_TOKENS:
            wait = int(wrong[0] + WINDOW - self._seconds()) + 1
            return Refusal(
                429, "Too many wrong tokens; wait a minute.", (("Retry-After", str(wait)),)
            )
        if hmac.compare_digest(hashlib.sha256(given.strip()).digest(), self._token):
            return None
        self._remember(self._address(request), wrong)
        return _unauthorized("This token is wrong; it is the one of [web] token.")

    @property
    def _free(self) -> bool:
        return self.loopback and not self._trust_proxy

    def _address(self, request: Request) -> str:
        """The client's address; behind a proxy the last one that the proxy vouches for."""
        if self._trust_proxy:
            lines = request.requestHeaders.getRawHeaders(b"x-forwarded-for", [b""])
            forwarded = lines[-1].rpartition(b",")[2].strip()
            if forwarded:
                return forwarded.decode("latin-1")
        return str(getattr(request.getClientAddress(), "host", "unix"))

    def _recent(self, address: str) -> deque[float]:
        wrong = self._wrong.get(address, deque())
        while wrong and wrong[0] <= self._seconds() - WINDOW:
            wrong.popleft()
        return wrong

    def _remember(self, address: str, wrong: deque[float]) -> None:
        wrong.append(self._seconds())
        self._wrong[address] = wrong
        self._wrong.move_to_end(address)
        if len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)


def _unauthorized(detail: str) -> Refusal:
    return Refusal(401, detail, (("WWW-Authenticate", 'Bearer realm="dlmsd"'),))
