"""The page as a service: where it listens and what it answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final

from attrs import frozen
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
from dlmsd.tokens import Role, Tokens
from dlmsd.web.access import Access
from dlmsd.web.connections import Connections
from dlmsd.web.live import EVENTS, Live
from dlmsd.web.openapi import document
from dlmsd.web.operation import BODY, LARGE, Answer, Call, Operation, Reply, Taken
from dlmsd.web.page import load
from dlmsd.web.problem import RefusedError
from dlmsd.web.reference import page
from dlmsd.web.routes import Routes, Static
from dlmsd.web.status import StatusDocument

PATIENCE: Final = 16 * BODY
"""A body up to this is heard out and answered with 413; a longer one is cut off."""

_TEXT: Final = "text/plain"
_EVENTS: Final = (
    "`snapshot` has the document of /api/status, `change` the same shape with what is new, at "
    "most once a second. Whoever comes again begins with a snapshot"
)
_PLAIN: Final = f"{_TEXT}; charset=utf-8"

IDLE_SECONDS: Final = 60
"""How long a connection may stand without a request."""

_log = Logger()


class ListenError(DlmsdError):
    """The page cannot listen; check [web] listen, and that no other program has that port."""

    culprit = "operator"


@frozen
class Session:
    """Who asks: the ``name`` of the token, empty without one, and its ``role``. ``detail`` is
    what is wrong with the token that was given, if anything."""

    name: str
    role: Role
    detail: str


class PageRequest(Request):
    """A request whose body stays in memory and within its ``room``; what is beyond is not kept.

    ``query`` is what stands behind the question mark, as it is.
    """

    room = BODY
    too_large = False
    query = b""

    def gotLength(self, length: int | None) -> None:
        self._heard = 0
        site: Any = getattr(self.channel, "site", None)
        if length is not None and BODY < length <= LARGE and site.trusts(self):
            self.room = LARGE
        super().gotLength(min(length or 0, BODY))

    def handleContentChunk(self, data: bytes) -> None:
        self._heard += len(data)
        if self._heard <= self.room:
            super().handleContentChunk(data)
        elif self._heard <= PATIENCE:
            self.too_large = True
        else:
            self.loseConnection()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Without Twisted's parsing of forms, which nobody here asks for."""
        assert self.content is not None
        self.content.seek(0, 0)
        self.args = {}
        self.method, self.uri, self.clientproto = command, path, version
        self.path, _, self.query = path.partition(b"?")
        self.process()


class PageSite(Site):
    """Logs requests as every room logs: Twisted's access log goes by the reactor's clock.

    ``trusts`` tells of a request whose headers came whether it may have a large body.
    """

    noisy = False

    def __init__(self, *given: Any, trusts: Callable[[Request], bool], **more: Any) -> None:
        super().__init__(*given, **more)
        self.trusts = trusts

    def log(self, request: Any) -> None:
        _log.debug(
            "answered {method} {path} with {code}",
            method=request.method.decode("latin-1"),
            path=request.path.decode("latin-1"),
            code=request.code,
        )


class WebService(Service):
    """Serves the page, the board's status and events, probes, and all ``operations``.

    ``ready`` gives whether meters are being read; ``tokens`` open /api where it is not free;
    ``language`` is the page's, ``en`` or ``es``.
    ``address`` is the page's URL while it listens, else empty.
    """

    def __init__(
        self,
        options: WebOptions,
        board: Board,
        document: StatusDocument,
        *,
        reactor: Any,
        ready: Callable[[], bool],
        tokens: Tokens,
        language: str,
        version: str,
        operations: Sequence[Operation] = (),
    ) -> None:
        self.address = ""
        self._options = options
        self._board = board
        self._reactor = reactor
        self._ready = ready
        self._access = Access(
            tokens,
            trust_proxy=options.trust_proxy,
            legacy_open=options.legacy_open,
            seconds=reactor.seconds,
            refused=board.door.refused,
        )
        self._document = document
        self._live = Live(self._document, board, reactor)
        self._operations = operations
        self._version = version
        self._description: dict[str, Any] | None = None
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
        self._description = None
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
        answers: dict[str, Static] = {
            path: static.render for path, static in load(language).items()
        }
        operations = [*self._operations, *self._own()]
        return PageSite(
            Routes(answers, operations, self._access, self._ready, self._reactor),
            trusts=self._trusts,
            requestFactory=PageRequest,
            timeout=IDLE_SECONDS,
            reactor=self._reactor,
        )

    def _trusts(self, request: Request) -> bool:
        who, _ = self._access.session(request)
        return who.role == "admin"

    def _own(self) -> list[Operation]:
        """What is answered whether or not meters are being read."""
        text = Answer("It is", also=_TEXT)
        get: dict[str, Any] = {"method": "GET", "tag": "system", "early": True}
        free: dict[str, Any] = {"need": "nothing", **get}
        return [
            Operation(
                path="/api/status",
                work=self._status,
                summary="Meters, sinks, listeners and outbox as they are now",
                answers={200: Answer("The document that the page shows", dict[str, Any])},
                **get,
            ),
            Operation(
                path="/api/live",
                work=self._events,
                summary="The same document, and each change of it: server-sent events",
                answers={200: Answer(_EVENTS, also=EVENTS)},
                refuses=(503,),
                **get,
            ),
            Operation(
                path="/api/session",
                work=self._session,
                summary="Whose token this request carries, and what it may do",
                answers={200: Answer("Who asks", Session)},
                **get,
            ),
            Operation(
                path="/api/openapi.json",
                work=self._openapi,
                summary="This description (OpenAPI 3.1)",
                answers={200: Answer("The document", dict[str, Any])},
                **free,
            ),
            Operation(
                path="/api/docs",
                work=self._reference,
                summary="This description as a page",
                answers={200: Answer("The page", also="text/html")},
                **free,
            ),
            Operation(
                path="/livez",
                work=self._livez,
                summary="Whether dlmsd runs",
                answers={200: text},
                **free,
            ),
            Operation(
                path="/readyz",
                work=self._readyz,
                summary="Whether meters are read and readings kept",
                answers={200: text, 503: Answer("It is not; why", also=_TEXT)},
                **free,
            ),
        ]

    async def _status(self, call: Call) -> Reply:
        return Reply(self._document.whole())

    async def _events(self, call: Call) -> Reply | Taken:
        if self._live.full:
            wait = (("Retry-After", "15"),)
            raise RefusedError(503, "Too many readers of live events.", headers=wait)
        if call.request.method == b"HEAD":
            return Reply(b"", media_type=EVENTS)
        self._live.open(call.request)
        return Taken()

    async def _session(self, call: Call) -> Reply:
        who, detail = self._access.session(call.request)
        return Reply(Session(who.name, who.role, detail))

    async def _openapi(self, call: Call) -> Reply:
        return Reply(self._described())

    async def _reference(self, call: Call) -> Reply:
        return Reply(page(self._described()), media_type="text/html; charset=utf-8")

    def _described(self) -> dict[str, Any]:
        """Made once for where it listens: whoever asks without a token costs nothing."""
        if self._description is None:
            operations = [*self._operations, *self._own()]
            self._description = document(operations, self._access, self._version)
        return self._description

    async def _livez(self, call: Call) -> Reply:
        return Reply(b"ok", media_type=_PLAIN)

    async def _readyz(self, call: Call) -> Reply:
        if self._board.outbox.error:
            # Probes need no token, so paths and details stay with /api/status.
            return Reply(b"not ready: readings cannot be stored", 503, media_type=_PLAIN)
        if not self._ready():
            told = b"not ready: dlmsd is starting or stopping"
            return Reply(told, 503, media_type=_PLAIN)
        return Reply(b"ok", media_type=_PLAIN)
