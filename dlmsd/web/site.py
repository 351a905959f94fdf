"""The page as a service: where it listens and what it answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.web.server import Request, Site

from dlmsd.config.values import WebOptions
from dlmsd.errors import DlmsdError
from dlmsd.fleet.board import Board
from dlmsd.secret import Secret
from dlmsd.web.access import Access, Refusal
from dlmsd.web.connections import Connections
from dlmsd.web.live import Live
from dlmsd.web.page import load
from dlmsd.web.routes import Answer, Routes, refuse
from dlmsd.web.status import StatusDocument

BODY: Final = 1 << 16
"""Bytes of a request's body; nothing that is asked of the page comes near it."""

IDLE_SECONDS: Final = 60
"""How long a connection may stand without a request."""

_log = Logger()


class ListenError(DlmsdError):
    """The page cannot listen; check [web] listen, and that no other program has that port."""

    culprit = "operator"


class PageRequest(Request):
    """A request whose body stays in memory and within ``BODY``."""

    def gotLength(self, length: int | None) -> None:
        self._room = BODY
        super().gotLength(min(length or 0, BODY))

    def handleContentChunk(self, data: bytes) -> None:
        self._room -= len(data)
        if self._room < 0:
            self.loseConnection()
        else:
            super().handleContentChunk(data)


class PageSite(Site):
    """Logs requests as every room logs: Twisted's access log goes by the reactor's clock."""

    noisy = False

    def log(self, request: Any) -> None:
        _log.debug(
            "answered {method} {path} with {code}",
            method=request.method.decode("latin-1"),
            path=request.path.decode("latin-1"),
            code=request.code,
        )


class WebService(Service):
    """Serves the page, /api/status, /api/live, /livez and /readyz.

    ``wall`` gives Unix time in seconds; ``ready`` whether meters are being read; ``token``
    opens /api where reads are not free; ``language`` is the page's, ``en`` or ``es``.
    ``address`` is the page's URL while it listens, else empty.
    """

    def __init__(
        self,
        options: WebOptions,
        board: Board,
        *,
        reactor: Any,
        wall: Callable[[], float],
        ready: Callable[[], bool],
        token: Secret,
        language: str,
        version: str,
    ) -> None:
        self.address = ""
        self._options = options
        self._board = board
        self._reactor = reactor
        self._ready = ready
        self._access = Access(token, trust_proxy=options.trust_proxy, seconds=reactor.seconds)
        self._document = StatusDocument(board, wall, version)
        self._live = Live(self._document, board, reactor)
        self._connections = Connections(self._site(language), reactor)
        self._port: IListeningPort | None = None

    def startService(self) -> Deferred[None]:
        """Fires when the page listens; fails with ListenError when it cannot."""
        super().startService()
        return Deferred.fromCoroutine(self._start())

    def stopService(self) -> Deferred[None]:
        """Fires when the port and every connection are closed, within a second."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _start(self) -> None:
        try:
            endpoint = serverFromString(self._reactor, self._options.listen)
            self._port = await endpoint.listen(self._connections)
        except (CannotListenError, OSError, ValueError, TypeError) as error:
            raise ListenError(f"{self._options.listen}: {error}") from error
        self._live.start()
        bound = self._port.getHost()
        if isinstance(bound, IPv4Address | IPv6Address):
            self._access.loopback = ip_address(bound.host).is_loopback
            self.address = self._url(ip_address(bound.host), bound.port)
        else:
            self.address = self._options.listen
        _log.info("the page is at {address}", address=self.address)

    async def _stop(self) -> None:
        self._live.stop()
        if self._port is not None:
            port, self._port = self._port, None
            await maybeDeferred(port.stopListening)
        await self._connections.close()
        self.address = ""

    def _url(self, ip: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
        scheme = "https" if self._options.listen.startswith("ssl:") else "http"
        host = "localhost" if ip.is_unspecified else f"[{ip}]" if ip.version == 6 else str(ip)
        return f"{scheme}://{host}:{port}/"

    def _site(self, language: str) -> PageSite:
        answers: dict[str, Answer] = {
            path: static.render for path, static in load(language).items()
        }
        answers["/api/status"] = self._status
        answers["/api/live"] = self._events
        answers["/livez"] = self._livez
        answers["/readyz"] = self._readyz
        return PageSite(
            Routes(answers, self._access),
            requestFactory=PageRequest,
            timeout=IDLE_SECONDS,
            reactor=self._reactor,
        )

    def _status(self, request: Request) -> bytes:
        request.setHeader("Content-Type", "application/json")
        return self._document.whole()

    def _events(self, request: Request) -> bytes | int:
        if self._live.full:
            wait = (("Retry-After", "15"),)
            return refuse(request, Refusal(503, "Too many readers of live events.", wait))
        if request.method == b"HEAD":
            return b""
        return self._live.open(request)

    def _livez(self, request: Request) -> bytes:
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return b"ok"

    def _readyz(self, request: Request) -> bytes:
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        if not self._ready():
            request.setResponseCode(503)
            return b"not ready: dlmsd is starting or stopping"
        if self._board.outbox.error:
            request.setResponseCode(503)
            # Probes need no token, so paths and details stay with /api/status.
            return b"not ready: readings cannot be stored"
        return b"ok"
