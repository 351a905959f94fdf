"""Calls to ThingsBoard's REST interface: who we are there, and what can go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeAlias, cast
from urllib.parse import urlsplit

import msgspec
import treq
from attrs import frozen
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from dlmsd import tls
from dlmsd.config.rules import Refusal
from dlmsd.errors import BrokerError
from dlmsd.network import outage
from dlmsd.secret import Secret

TIMEOUT: Final = 30.0
# An answer is a device, or a sentence on a hundred of them; what is longer is no ThingsBoard's.
LONGEST: Final = 1 << 20
# A tenant's rate limits are mostly for a second and for a minute.
PAUSES: Final = (1.0, 4.0, 15.0, 30.0, 60.0)
_EXPECTED: Final = "expected http://HOST:PORT or https://HOST:PORT"

Json: TypeAlias = Any


class RestError(BrokerError):
    """ThingsBoard cannot be used; check --url and the credentials."""


class UnreachableError(RestError):
    """ThingsBoard cannot be reached; check --url, the network, and that it runs."""


class CertificateError(RestError):
    """TLS to ThingsBoard failed; check --ca-file, and the certificate's dates and names."""


class NoThingsBoardError(RestError):
    """What answers is no ThingsBoard; --url is where its web page begins."""


class LoginError(RestError):
    """ThingsBoard refused the credentials; check user name and password, or make a new API key
    (ThingsBoard has them from 4.3 on)."""


class ForbiddenError(RestError):
    """This user may not do that; be an administrator of the tenant, or have an API key of one."""


class BusyError(RestError):
    """ThingsBoard's rate limit for this tenant is reached; start the same command again later,
    what is done stays done."""


class RejectedError(RestError):
    """ThingsBoard refused it, in the words above; correct that and start the same command again,
    what is done stays done."""


class MissingError(RejectedError):
    """ThingsBoard has no such thing; was it deleted meanwhile? Start the same command again."""


_KINDS: Final[Mapping[int, type[RestError]]] = {
    401: LoginError,
    403: ForbiddenError,
    404: MissingError,
    429: BusyError,
}


@frozen
class Site:
    """Where ThingsBoard's web page begins; ``host`` is what a certificate is made out to."""

    url: str
    host: str

    @classmethod
    def parse(cls, text: str) -> Site:
        """Raises Refusal, which does not repeat the text."""
        try:
            parts = urlsplit(text.rstrip("/"))
            port_is_one = parts.port != 0
        except ValueError:
            raise Refusal(_EXPECTED) from None
        good = text.isascii() and text.isprintable() and " " not in text and port_is_one
        if not good or parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refusal(_EXPECTED)
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise Refusal(f"{_EXPECTED}, without user, password and query")
        return cls(text.rstrip("/"), parts.hostname)

    @property
    def tls(self) -> bool:
        """Whether nobody reads along."""
        return self.url.startswith("https:")


@frozen
class Account:
    """Whom we are there: the owner of an API key, or else a user who logs in."""

    api_key: Secret | None = None
    username: str = ""
    password: Secret | None = None


class Http(Protocol):
    """treq's client, or its stub."""

    def request(self, method: str, url: str, **options: Any) -> Deferred[Any]:
        """Fires with the response."""


class Rest:
    """``clock`` bounds each request, and pauses before one that came too soon is repeated."""

    def __init__(self, site: Site, account: Account, http: Http, clock: IReactorTime) -> None:
        self._site = site
        self._account = account
        self._http = http
        self._clock = clock
        self._bearer = ""
        self._turn = DeferredLock()

    async def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        """What is answered, None for nothing; raises RestError."""
        pauses = iter(PAUSES)
        renewed = False
        while True:
            authorization = await self._authorization()
            status, answer = await self._send(method, path, body, query, authorization)
            if status == 401 and authorization == f"Bearer {self._bearer}" and not renewed:
                renewed, self._bearer = True, ""  # a login expires, and an import may be long
            elif status == 429 and (pause := next(pauses, None)) is not None:
                await deferLater(self._clock, pause, lambda: None)
            elif status < 300:
                return answer
            else:
                raise _refusal(status, answer)

    async def _authorization(self) -> str:
        if self._account.api_key is not None:
            return f"ApiKey {self._account.api_key.reveal().decode()}"
        # One login, however many calls wait for it.
        await self._turn.acquire()
        try:
            if not self._bearer:
                self._bearer = await self._log_in()
            return f"Bearer {self._bearer}"
        finally:
            self._turn.release()

    async def _log_in(self) -> str:
        account = self._account
        assert account.password is not None
        body = {"username": account.username, "password": account.password.reveal().decode()}
        status, answer = await self._send("POST", "/api/auth/login", body)
        if status >= 300:
            raise _refusal(status, answer)
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise NoThingsBoardError("it answers a login without a token")
        return token

    async def _send(
        self,
        method: str,
        path: str,
        body: Json = None,
        query: Mapping[str, str] | None = None,
        authorization: str = "",
    ) -> tuple[int, Json]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if authorization:
            headers["X-Authorization"] = authorization
        exchange = Deferred.fromCoroutine(self._exchange(method, path, body, query, headers))
        try:
            status, content = await exchange.addTimeout(TIMEOUT, self._clock)
        except RestError:
            raise
        except Exception as error:  # noqa: BLE001 - a network has many ways to break a request
            raise _broken(error) from None
        try:
            answer = msgspec.json.decode(content) if content else None
        except msgspec.DecodeError:
            raise NoThingsBoardError(f"status {status} without JSON") from None
        if 300 <= status < 400:
            raise NoThingsBoardError(f"status {status}: it sends us elsewhere")
        return status, answer

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Json,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> tuple[int, bytes]:
        response = await self._http.request(
            method,
            f"{self._site.url}{path}",
            params=query,
            data=None if body is None else msgspec.json.encode(body),
            headers=headers,
            allow_redirects=False,  # what the headers hold goes nowhere else
        )
        content = bytearray()

        def take(part: bytes) -> None:
            content.extend(part)
            if len(content) > LONGEST:
                raise NoThingsBoardError(f"an answer of more than {LONGEST} bytes")

        await treq.collect(response, take)
        return response.code, bytes(content)


class KeptConnections:
    """treq over connections that are kept until ``close``.

    ``contexts`` is the site's TLS, None without it.
    """

    def __init__(self, reactor: Any, contexts: Any) -> None:
        self._pool = HTTPConnectionPool(reactor)
        agent = Agent(reactor, _OneSite(contexts), connectTimeout=TIMEOUT, pool=self._pool)
        self._client = treq.client.HTTPClient(agent)

    def request(self, method: str, url: str, **options: Any) -> Deferred[Any]:
        return cast("Deferred[Any]", self._client.request(method, url, **options))

    def close(self) -> Deferred[None]:
        """Fires when every connection is closed."""
        return cast("Deferred[None]", self._pool.closeCachedConnections())


@implementer(IPolicyForHTTPS)
@frozen
class _OneSite:
    contexts: Any

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        return self.contexts


def _refusal(status: int, answer: Json) -> RestError:
    said = answer.get("message") if isinstance(answer, dict) else None
    return _KINDS.get(status, RejectedError)(f"status {status}" + (f": {said}" if said else ""))


def _broken(error: BaseException) -> RestError:
    reasons = getattr(error, "reasons", None)  # a request's end holds the connection's
    if reasons:
        return _broken(reasons[0].value)
    if isinstance(error, RestError):
        return error
    if (words := tls.explain(error, "server")) is not None:
        return CertificateError(words)
    return UnreachableError(outage(error, TIMEOUT))
