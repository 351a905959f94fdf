"""Why a request is not answered: problem documents (RFC 9457), whatever went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from attrs import frozen
from twisted.web.http import RESPONSES
from twisted.web.server import Request

from dlmsd.errors import DlmsdError, StoreError
from dlmsd.web.text import clean

MEDIA_TYPE: Final = "application/problem+json"
_TITLES: Final = {422: "Unprocessable Content", 424: "Failed Dependency", 429: "Too Many Requests"}


@frozen
class FieldProblem:
    """``field`` is a path in body or query, such as ``measurements[1]``; never its value."""

    field: str
    message: str


@frozen
class Refusal:
    """An HTTP status, a sentence, the fields at fault, and headers that go with it."""

    status: int
    detail: str
    fields: tuple[FieldProblem, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Problem:
    """What went wrong (RFC 9457); ``errors`` names the fields that are at fault."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    errors: tuple[FieldProblem, ...] = ()


class RefusedError(Exception):
    """Ends an answer with ``refusal``; only within this room."""

    def __init__(
        self,
        status: int,
        detail: str,
        fields: Iterable[FieldProblem] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.refusal = Refusal(status, detail, tuple(fields), headers)


def refusal_of(error: DlmsdError) -> Refusal:
    """An error of the rooms below, for which nobody has a better answer."""
    detail = f"{error}. {error.advice}" if str(error) else error.advice
    if isinstance(error, StoreError):
        return Refusal(503, detail, headers=(("Retry-After", "5"),))
    # Not 5xx: a meter that fails is no fault of this server, and its watchers would think so.
    return Refusal(409 if error.culprit == "operator" else 424, detail)


def refuse(request: Request, refusal: Refusal) -> bytes:
    """The refusal as a problem document."""
    request.setResponseCode(refusal.status)
    request.setHeader("Content-Type", MEDIA_TYPE)
    for name, value in refusal.headers:
        request.setHeader(name, value)
    title = _TITLES.get(refusal.status) or RESPONSES.get(refusal.status, b"Error").decode()
    return msgspec.json.encode(
        Problem(title, refusal.status, clean(refusal.detail), errors=refusal.fields)
    )
