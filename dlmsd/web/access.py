"""Who may do what: bearer tokens and roles, wrong guesses counted, the Host header."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen
from twisted.web.server import Request

from dlmsd.tokens import Role, Tokens
from dlmsd.web.problem import Refusal

WRONG_TOKENS: Final = 5
WINDOW: Final = 60.0
"""This many wrong tokens from one address within so many seconds, then 429."""

ADDRESSES: Final = 1024
"""Addresses whose wrong tokens are remembered: some 200 bytes each, so 200 KiB under attack."""

_LOCAL: Final = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)

Need: TypeAlias = Literal["nothing", "read", "change", "secrets"]
"""What a request is for: ``secrets`` are never free, not even with ``legacy_open``."""


@frozen
class Visitor:
    """Who asks: the name of a token, or ``loopback`` where none is needed.

    Who is not ``known`` by a token takes no secret that is kept to another place.
    """

    name: str
    role: Role
    known: bool = True


CHALLENGE: Final = (("WWW-Authenticate", 'Bearer realm="dlmsd"'),)
"""What goes with a 401."""

_LOOPBACK: Final = Visitor("loopback", "admin", known=False)
_READER: Final = Visitor("", "read", known=False)


class Access:
    """Judges requests by where the page listens and by what they carry.

    ``seconds`` is a clock that never steps. ``loopback`` is set by whoever listens; until
    then everything under /api needs a token. With ``legacy_open`` changes are as free as
    reads are. ``refused`` hears of each address that a wrong token came from.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        trust_proxy: bool,
        legacy_open: bool,
        seconds: Callable[[], float],
        refused: Callable[[str], None] = lambda address: None,
    ) -> None:
        self.loopback = False
        self._tokens = tokens
        self._trust_proxy = trust_proxy
        self._legacy_open = legacy_open
        self._seconds = seconds
        self._refused = refused
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def host(self, request: Request) -> Refusal | None:
        """Refuses names that are not this machine's, against DNS rebinding.

        Only where reads are free: elsewhere the name is the operator's, and a page that
        was rebound has no token.
        """
        if not self._free or _LOCAL.fullmatch(request.getHeader(b"host") or b""):
            return None
        return Refusal(403, "Open this page as localhost, 127.0.0.1 or [::1].")

    def free(self, need: Need) -> bool:
        """Whether it needs no token here."""
        if need == "nothing":
            return True
        return self._free and (need == "read" or (need == "change" and self._legacy_open))

    def enter(self, request: Request, need: Need) -> Visitor | Refusal:
        """Who asks; or why he may not: no token, a wrong one, one too many, or too small a role."""
        if self.free(need):
            if need == "change" and not _same_site(request):
                return Refusal(403, "Another site's page may change nothing here.")
            return self.session(request)[0] if need == "change" else _LOOPBACK
        who = self._bearer(request)
        if isinstance(who, Visitor) and need != "read" and who.role != "admin":
            return Refusal(403, "This token only reads; changes need one of role admin.")
        return who

    def session(self, request: Request) -> tuple[Visitor, str]:
        """Who asks, and with his role what he may do; and what is wrong with his token, if
        anything, also where none is needed. His name is empty without one that is.
        """
        anybody = _LOOPBACK if self.free("change") else _READER
        if self._free and not request.getHeader(b"authorization"):
            return anybody, ""
        who = self._bearer(request)
        if isinstance(who, Refusal):
            return anybody, who.detail
        return (anybody if anybody.role == "admin" != who.role else who), ""

    @property
    def _free(self) -> bool:
        return self.loopback and not self._trust_proxy

    def _bearer(self, request: Request) -> Visitor | Refusal:
        # As bytes: decoding a header that is no UTF-8 would fail.
        kind, _, given = (request.getHeader(b"authorization") or b"").partition(b" ")
        if kind.lower() != b"bearer" or not given.strip():
            return _unauthorized("This needs the header Authorization: Bearer <token>.")
        address = self._address(request)
        wrong = self._recent(address)
        if len(wrong) >= WRONG_TOKENS:
            self._refused(address)
            wait = int(wrong[0] + WINDOW - self._seconds()) + 1
            return Refusal(
                429,
                "Too many wrong tokens; wait a minute.",
                headers=(("Retry-After", str(wait)),),
            )
        token = self._tokens.find(given.strip())
        if token is None:
            self._refused(address)
            self._remember(address, wrong)
            return _unauthorized("This token is wrong; `dlmsd token` shows one that is right.")
        return Visitor(token.name, token.role)

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


def _same_site(request: Request) -> bool:
    """False where a browser says that another site's page asks (Fetch, 3.2; Fetch Metadata)."""
    if request.getHeader(b"sec-fetch-site") not in (None, b"same-origin", b"none"):
        return False
    origin = request.getHeader(b"origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == request.getHeader(b"host")
    except ValueError:
        return False


def _unauthorized(detail: str) -> Refusal:
    return Refusal(401, detail, headers=CHALLENGE)
