"""Which path is answered by what; every refusal has one shape.

In this order: Host header, path, token, method, query, body, answer. Errors are
application/problem+json (RFC 9457).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from dlmsd.config.rules import Refusal as Unfit
from dlmsd.errors import DlmsdError
from dlmsd.language import preferred
from dlmsd.web.access import Access, Need, Visitor
from dlmsd.web.flow import flow
from dlmsd.web.kinds import PATHS
from dlmsd.web.operation import JSON, Call, Operation, Reply, Stream, Taken
from dlmsd.web.problem import Refusal, RefusedError, refusal_of, refuse
from dlmsd.web.shape import take_body, take_query

Static: TypeAlias = Callable[[Request], bytes | int]
"""Renders a GET: the body, or NOT_DONE_YET."""

HEADERS: Final = (
    ("Server", "dlmsd"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
)
READING: Final = ("GET", "HEAD", "OPTIONS")

_log = Logger()
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Table:
    """Operations by path and method; a path has its values where a template has braces."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._exact: dict[str, dict[str, Operation]] = defaultdict(dict)
        self._templates: dict[int, list[tuple[list[str], dict[str, Operation]]]] = defaultdict(list)
        by_path: dict[str, dict[str, Operation]] = defaultdict(dict)
        for one in operations:
            by_path[one.path][one.method] = one
        for path, methods in by_path.items():
            if "{" in path:
                parts = path.split("/")
                self._templates[len(parts)].append((parts, methods))
            else:
                self._exact[path] = methods

    def find(self, path: str) -> tuple[Mapping[str, Operation], dict[str, str]] | None:
        """The methods that a path has, and the texts in its braces."""
        if path in self._exact:
            return self._exact[path], {}
        parts = path.split("/")
        for template, methods in self._templates[len(parts)] if len(parts) < 16 else ():
            found = {}
            for wanted, part in zip(template, parts, strict=True):
                if wanted.startswith("{") and part:
                    found[wanted[1:-1]] = part
                elif wanted != part:
                    break
            else:
                return methods, found
        return None


class Routes(Resource):
    """The one resource of the site. ``ready`` tells whether what operations need is there."""

    isLeaf = True

    def __init__(
        self,
        statics: Mapping[str, Static],
        operations: Sequence[Operation],
        access: Access,
        ready: Callable[[], bool],
        clock: IReactorTime,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._statics = statics
        self._table = Table(operations)
        self._access = access
        self._ready = ready

    def render(self, request: Any) -> bytes | int:
        for name, value in HEADERS:
            request.setHeader(name, value)
        try:
            body = self._answer(request)
        except RefusedError as error:
            body = refuse(request, error.refusal)
        except Exception:  # noqa: BLE001 - whatever it was, the client gets a problem document
            body = self._failed(request)
        if isinstance(body, bytes):
            return _without_body(request, body)
        return body

    def _answer(self, request: Any) -> bytes | int:
        path = request.path.decode("latin-1")
        if (refusal := self._access.host(request)) is not None:
            return refuse(request, refusal)
        static = self._statics.get(path)
        found = None if static else self._table.find(path)
        operation = None
        if found is not None:
            operation = found[0].get("GET" if request.method == b"HEAD" else _method(request))
        who = self._access.enter(request, _need(path, found[0] if found else {}, operation))
        if isinstance(who, Refusal):
            return refuse(request, who)
        if static is None and found is None:
            return refuse(request, Refusal(404, "There is nothing under this path."))
        methods = {"GET"} if found is None else set(found[0])
        if operation is None and (static is None or _method(request) not in ("GET", "HEAD")):
            return _other_method(request, methods)
        if static is not None:
            return static(request)
        assert operation is not None and found is not None
        return self._work(request, operation, found[1], who)

    def _work(
        self, request: Any, operation: Operation, texts: Mapping[str, str], who: Visitor
    ) -> bytes | int:
        if not operation.early and not self._ready():
            wait = (("Retry-After", "1"),)
            return refuse(request, Refusal(503, "dlmsd is starting or stopping.", headers=wait))
        call = Call(
            who,
            _path(texts),
            None if operation.query is None else take_query(operation.query, request.query),
            _body(request, operation),
            request.getHeader("if-match") if operation.conditional else None,
            request,
            preferred(request.getHeader("accept-language") or ""),
        )
        if operation.query is None and request.query:
            raise RefusedError(422, "This path takes no query.")
        work: Deferred[Any] = Deferred.fromCoroutine(_begun(operation, call))
        # A change that has begun is carried out, whether or not anybody still listens.
        changes = operation.method != "GET"
        request.notifyFinish().addErrback(lambda _: None if changes else work.cancel())
        work.addCallback(lambda reply: self._replied(request, reply))
        work.addErrback(lambda failure: self._refused(request, failure))
        return NOT_DONE_YET

    def _replied(self, request: Any, reply: Any) -> Deferred[None] | None:
        if isinstance(reply, Taken):
            return None
        for name, value in reply.headers:
            request.setHeader(name, value)
        request.setHeader("Content-Type", reply.media_type)
        if isinstance(reply, Reply):
            request.setResponseCode(reply.status)
            if reply.value is None:
                request.responseHeaders.removeHeader("Content-Type")
                body = b""
            else:
                body = reply.value if isinstance(reply.value, bytes) else _encode(reply.value)
            _finish(request, body)
            return None
        if request.method == b"HEAD":
            request.finish()  # how long it would be, nobody knows
            return None
        return Deferred.fromCoroutine(flow(request, reply.pieces, self._clock))

    def _refused(self, request: Any, failure: Any) -> None:
        if failure.check(CancelledError) and request._disconnected:
            return
        if request.startedWriting:
            _log.failure("answering {path} broke off", failure, path=request.path)
            request.transport.abortConnection()
        elif failure.check(RefusedError):
            _finish(request, refuse(request, failure.value.refusal))
        elif failure.check(DlmsdError):
            _finish(request, refuse(request, refusal_of(failure.value)))
        else:
            _log.failure("answering {path} failed", failure, path=request.path)
            _finish(request, refuse(request, _FAULT))

    def _failed(self, request: Any) -> bytes:
        _log.failure("answering {path} failed", path=request.path)
        return refuse(request, _FAULT)


async def _begun(operation: Operation, call: Call) -> Reply | Stream | Taken:
    return await operation.work(call)


_FAULT: Final = Refusal(500, "dlmsd failed at this; its log says where.")


def _need(path: str, methods: Mapping[str, Operation], operation: Operation | None) -> Need:
    """That of the operation; else what must be known to be told anything of this path."""
    if operation is not None:
        return operation.need
    if methods:
        open_ = all(one.need == "nothing" for one in methods.values())
        return "nothing" if open_ else "read"
    return "read" if path == "/api" or path.startswith("/api/") else "nothing"


def _method(request: Any) -> str:
    return str(request.method.decode("latin-1"))


def _other_method(request: Any, methods: set[str]) -> bytes:
    allowed = {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    allow = ", ".join(sorted(allowed))
    if request.method == b"OPTIONS":
        request.setResponseCode(204)
        request.setHeader("Allow", allow)
        return b""
    detail = f"This path takes {allow}."
    return refuse(request, Refusal(405, detail, headers=(("Allow", allow),)))


def _path(texts: Mapping[str, str]) -> dict[str, Any]:
    try:
        return {name: PATHS[name].of_text(_decoded(name, text)) for name, text in texts.items()}
    except (Unfit, UnicodeDecodeError):
        raise RefusedError(404, "There is nothing under this path.") from None


def _decoded(name: str, text: str) -> str:
    """A number is written in one way only; a name may have spaces."""
    return unquote(text, errors="strict") if PATHS[name].schema["type"] == "string" else text


def _body(request: Any, operation: Operation) -> Any:
    content = request.content.read()
    if request.too_large or len(content) > operation.room:
        raise RefusedError(413, f"A body may have {operation.room} bytes.")
    if operation.body is None:
        # An empty object is what many clients send where they have nothing to say.
        if content.strip() not in (b"", b"{}"):
            raise RefusedError(415, "This takes no body.")
        return None
    media_type = (request.getHeader("content-type") or "").partition(";")[0].strip().lower()
    if media_type != JSON:
        raise RefusedError(415, f"The body must be {JSON}, and say so in Content-Type.")
    return take_body(operation.body, content)


def _without_body(request: Any, body: bytes) -> bytes:
    if request.method == b"HEAD":
        request.setHeader("Content-Length", str(len(body)))
        return b""
    return body


def _finish(request: Any, body: bytes) -> None:
    if request._disconnected:
        return
    if request.code != 204:
        request.setHeader("Content-Length", str(len(body)))
    if request.method != b"HEAD" and body:
        request.write(body)
    request.finish()
