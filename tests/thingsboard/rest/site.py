"""Requests to answers: who may, and which function answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import Factory as Fresh
from attrs import define, frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from tests.thingsboard.limits import Bucket
from tests.thingsboard.rest import errors
from tests.thingsboard.rest.errors import RestError

if TYPE_CHECKING:
    from tests.thingsboard.server import ThingsBoard

TOKEN_LASTS, REFRESH_LASTS = 9000.0, 604800.0


@frozen
class User:
    password: str
    authority: str = "TENANT_ADMIN"


@frozen
class Call:
    """One request; ``body`` is its JSON."""

    server: ThingsBoard
    body: Any
    query: dict[str, str]


Answer = Callable[..., Any]
ANYBODY = "TENANT_ADMIN or CUSTOMER_USER"
_ROUTES: list[tuple[str, re.Pattern[str], str, Answer]] = []


def route(method: str, path: str, authority: str = "TENANT_ADMIN") -> Callable[[Answer], Answer]:
    """The function answers ``path``, whose ``{}`` become its arguments after the Call.

    It gives JSON, None for an empty body, or a Deferred of either.
    """

    def keep(answer: Answer) -> Answer:
        pattern = re.compile(re.escape(path).replace(r"\{\}", "([^/]+)"))
        _ROUTES.append((method, pattern, authority, answer))
        return answer

    return keep


@define(eq=False)
class Rest(Resource):
    """The root of the site; ``limit`` as in ``Limits``."""

    isLeaf: ClassVar[bool] = True
    board: ThingsBoard
    users: dict[str, User] = Fresh(lambda: {"tenant@thingsboard.org": User("tenant")})
    api_keys: set[str] = Fresh(set)
    limit: str = ""
    requests: list[str] = Fresh(list)
    """Method and path of each, in order."""
    _tokens: dict[str, tuple[float, str, bool]] = Fresh(dict)
    """Until when, whose, and whether it only refreshes."""
    _bucket: Bucket | None = None

    def __attrs_post_init__(self) -> None:
        Resource.__init__(self)

    def render(self, request: Any) -> Any:
        self.requests.append(f"{request.method.decode()} {request.path.decode()}")
        try:
            answer = self._answer(request)
        except RestError as error:
            return self._refuse(request, error)
        if isinstance(answer, Deferred):
            answer.addCallbacks(
                lambda body: request.write(_json(request, body)),
                lambda failure: request.write(self._fail(request, failure)),
            )
            answer.addCallback(lambda _: request.finish())
            return NOT_DONE_YET
        return _json(request, answer)

    def _answer(self, request: Any) -> Any:
        method, path = request.method.decode(), request.path.decode()
        query = {name.decode(): given[0].decode() for name, given in request.args.items()}
        raw = request.content.read()
        if path in ("/api/auth/login", "/api/auth/token"):
            return self._log_in(path, _body(raw))
        authority = self._authority(request)
        if self._bucket is None:
            self._bucket = Bucket(self.limit, self.board.clock.seconds)
        if not self._bucket.take():
            raise errors.crowded()
        for wanted, pattern, needed, answer in _ROUTES:
            match = pattern.fullmatch(path)
            if match and wanted == method:
                if authority not in needed:
                    raise errors.forbidden()
                return answer(Call(self.board, _body(raw), query), *match.groups())
        raise errors.missing(f"No handler for {method} {path}")

    def _log_in(self, path: str, body: Any) -> dict[str, str]:
        """R1"""
        if not isinstance(body, dict):
            raise errors.unauthorized()
        if path.endswith("login"):
            name = body.get("username", "")
            user = self.users.get(name)
            if user is None or user.password != body.get("password"):
                raise errors.unauthorized("Invalid username or password")
        else:
            name = self._holder(body.get("refreshToken", ""), refreshes=True)
        pair = {}
        for key, lasts, refreshes in (
            ("token", TOKEN_LASTS, False),
            ("refreshToken", REFRESH_LASTS, True),
        ):
            pair[key] = f"eyJ{self.board.token()}.{self.board.token()}"
            until = self.board.clock.seconds() + lasts
            self._tokens[pair[key]] = until, name, refreshes
        return pair

    def _holder(self, token: str, refreshes: bool = False) -> str:
        until, name, only_refreshes = self._tokens.get(token, (0.0, "", refreshes))
        if not name or only_refreshes is not refreshes:
            raise errors.unauthorized()
        if self.board.clock.seconds() >= until:
            raise errors.expired()
        return name

    def _authority(self, request: Any) -> str:
        """R1, R2, R3"""
        given = request.getHeader("x-authorization") or request.getHeader("authorization") or ""
        scheme, _, secret = given.partition(" ")
        if scheme == "ApiKey" and self.board.release.api_keys and secret in self.api_keys:
            return "TENANT_ADMIN"
        if scheme != "Bearer":
            raise errors.unauthorized()
        return self.users[self._holder(secret)].authority

    def _fail(self, request: Any, failure: Failure) -> bytes:
        failure.trap(RestError)
        error = failure.value
        assert isinstance(error, RestError)
        return self._refuse(request, error)

    def _refuse(self, request: Any, error: RestError) -> bytes:
        request.setResponseCode(error.status)
        body = {
            "status": error.status,
            "message": str(error),
            "errorCode": error.code,
            "timestamp": self.board.now,
        }
        return _json(request, body)


def _body(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError as error:
        raise errors.bad("Invalid JSON") from error


def _json(request: Any, body: Any) -> bytes:
    request.setHeader("content-type", "application/json")
    return b"" if body is None else json.dumps(body).encode()
