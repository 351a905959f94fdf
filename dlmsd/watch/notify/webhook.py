"""Notices as a POST to a webhook, such as a chat's or an SMS gateway's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import msgspec
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.web.client import Agent
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from dlmsd.config.notice import BODIES, PLACE, NoticeOptions
from dlmsd.tls import client_contexts
from dlmsd.watch.notify.message import Message
from dlmsd.watch.notify.trouble import RefusedNoticeError, quoted

# An answer is a word or two; more is nothing that we asked for.
_LONGEST: Final = 1 << 16


def _inner(text: str) -> str:
    """As it stands within quotes of JSON."""
    return json.dumps(text)[1:-1]


_WRITTEN: Final[dict[str, Callable[[str], str]]] = dict(
    zip(BODIES, (_inner, quote_plus, str), strict=True)
)


def body(receiver: NoticeOptions, message: Message) -> bytes:
    """All of it as JSON, or the receiver's own words with the names in braces filled in."""
    if receiver.body is None:
        return msgspec.json.encode(message.document)
    written = _WRITTEN[receiver.content_type]
    values = {**message.document, "text": message.title, "title": message.title}
    values["id"] = message.id
    values.setdefault("message", message.title)
    return PLACE.sub(lambda found: written(_value(values.get(found[1]))), receiver.body).encode()


def _value(value: Any) -> str:
    """Text, whatever it is: a list's entries on lines of their own."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(one["text"] if isinstance(one, dict) else str(one) for one in value)
    return str(value)


class Webhook:
    """Sends to one receiver, over a connection of its own each time.

    Raises ConfigurationError for a ``ca_file`` that cannot be used.
    """

    def __init__(self, receiver: NoticeOptions, reactor: Any) -> None:
        self._receiver = receiver
        assert receiver.url is not None
        parts = urlsplit(receiver.url)
        assert parts.hostname is not None
        port = parts.port or (443 if parts.scheme == "https" else 80)
        endpoint: Any = HostnameEndpoint(reactor, parts.hostname, port, timeout=receiver.timeout)
        if parts.scheme == "https":
            where = f"notices.{receiver.name}"
            contexts = client_contexts(parts.hostname, where=where, ca_file=receiver.ca_file)
            endpoint = wrapClientTLS(contexts, endpoint)
        self._way = _Way(endpoint)
        self._client = HTTPClient(Agent.usingEndpointFactory(reactor, self._way))

    async def send(self, message: Message) -> str:
        """What was answered; raises NoticeError, or what broke the request."""
        self.close()
        receiver = self._receiver
        assert receiver.url is not None
        headers: dict[str | bytes, str | bytes] = {
            name: secret.reveal() for name, secret in receiver.headers.items()
        }
        headers["Content-Type"] = f"{receiver.content_type}; charset=utf-8".encode()
        # The same whenever it is sent again, so that whoever has it already can tell.
        headers["Idempotency-Key"] = message.id.encode()
        words = _Words()
        try:
            response = await self._client.post(
                receiver.url,
                data=body(receiver, message),
                headers=headers,
                allow_redirects=False,  # what the headers hold goes nowhere else
            )
            response.deliverBody(words)
            answer = f"{response.code} {quoted(await words.end, receiver)}".strip()
        finally:
            if not words.complete:
                self.close()
        if 300 <= response.code < 400:
            raise RefusedNoticeError(f"{response.code}: it sends us elsewhere, which is not taken")
        if response.code >= 400:
            raise RefusedNoticeError(answer)
        return answer

    def close(self) -> None:
        """Whoever does not close is left."""
        self._way.close()


class _Words(Protocol):
    """What is said beside the status, which alone counts: ``end`` never fails."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self.complete = False
        self.end: Deferred[bytes] = Deferred(lambda _: self._fire())

    def dataReceived(self, data: bytes) -> None:
        self._octets += data[: _LONGEST - len(self._octets)]
        if len(self._octets) == _LONGEST:
            self._fire()

    def connectionLost(self, reason: Any = None) -> None:
        self.complete = not self.end.called
        self._fire()

    def _fire(self) -> None:
        if not self.end.called:
            self.end.callback(bytes(self._octets))


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _Way:
    """The only place that is reached, whatever the agent asks for."""

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint
        self._protocol: Any = None

    def endpointForURI(self, uri: Any) -> _Way:
        return self

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        protocolFactory.noisy = False  # its log would have two lines for each notice
        connecting: Deferred[Any] = self._endpoint.connect(protocolFactory)
        return connecting.addCallback(self._connected)

    def _connected(self, protocol: Any) -> Any:
        self._protocol = protocol
        return protocol

    def close(self) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None and protocol.transport is not None:
            protocol.transport.abortConnection()
