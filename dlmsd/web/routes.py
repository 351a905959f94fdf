"""Which path is answered by what; every refusal has one shape.

In this order: Host header, path, method, token, answer. Errors are
application/problem+json (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec
from twisted.logger import Logger
from twisted.web.http import RESPONSES
from twisted.web.resource import Resource
from twisted.web.server import Request

from dlmsd.web.access import Access, Refusal

Answer: TypeAlias = Callable[[Request], bytes | int]
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

_log = Logger()


def refuse(request: Request, refusal: Refusal) -> bytes:
    """The refusal as a problem document."""
    request.setResponseCode(refusal.status)
    request.setHeader("Content-Type", "application/problem+json")
    for name, value in refusal.headers:
        request.setHeader(name, value)
    title = RESPONSES.get(refusal.status, b"Error").decode()
    return msgspec.json.encode(
        {
            "type": "about:blank",
            "title": title,
            "status": refusal.status,
            "detail": refusal.detail,
        }
    )


class Routes(Resource):
    """The one resource of the site: looks up ``answers`` by the whole path."""

    isLeaf = True

    def __init__(self, answers: Mapping[str, Answer], access: Access) -> None:
        super().__init__()
        self._answers = answers
        self._access = access

    def render(self, request: Request) -> bytes | int:
        for name, value in HEADERS:
            request.setHeader(name, value)
        try:
            body = self._answer(request)
        except Exception:  # noqa: BLE001 - whatever it was, the client gets a problem document
            _log.failure("answering {path} failed", path=request.path)
            body = refuse(request, Refusal(500, "dlmsd failed at this; its log says where."))
        if request.method == b"HEAD" and isinstance(body, bytes):
            request.setHeader("Content-Length", str(len(body)))
            return b""
        return body

    def _answer(self, request: Request) -> bytes | int:
        path = request.path.decode("latin-1")
        refusal = self._access.host(request)
        if refusal is None and (path == "/api" or path.startswith("/api/")):
            refusal = self._access.read(request)
        if refusal is not None:
            return refuse(request, refusal)
        answer = self._answers.get(path)
        if answer is None:
            return refuse(request, Refusal(404, "There is nothing under this path."))
        if request.method not in (b"GET", b"HEAD"):
            allow = (("Allow", "GET, HEAD"),)
            return refuse(request, Refusal(405, "This path can only be read.", allow))
        return answer(request)
