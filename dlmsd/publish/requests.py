"""Requests over plain MQTT: ``bridge/request/<x>`` is answered on ``bridge/response/<x>``.

A request is a JSON object, or nothing; its ``transaction`` comes back with the answer, so
that who asked knows his own::

    dlmsd/bridge/request/read_now    {"meter": "plant-a", "transaction": 7}
    dlmsd/bridge/response/read_now   {"status": "ok", "data": {"meter": "plant-a", "ts": ..,
                                      "values": {..}}, "transaction": 7}
    dlmsd/bridge/response/read_now   {"status": "error", "error": "no such meter",
                                      "advice": "..", "transaction": 7}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from attrs import asdict
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from dlmsd.errors import DlmsdError
from dlmsd.model import Reading, ReloadStatus
from dlmsd.publish import payload
from dlmsd.publish.courier import Say
from dlmsd.publish.message import Message
from dlmsd.publish.topics import Topics

# Who asks more of us at once is told so: each may wait for a meter.
MOST: Final = 50
# A request names a meter and a transaction, in some hundred bytes at most.
LONGEST: Final = 4096
_SHOWN: Final = 64


class RequestError(DlmsdError):
    """Write {"meter": "NAME", "transaction": ANYTHING}, or nothing where no meter is meant."""

    culprit = "operator"


class Orders(Protocol):
    """What can be asked; see :class:`dlmsd.orders.Orders`."""

    @property
    def reload(self) -> Callable[[str], Awaitable[ReloadStatus]]: ...
    def read_now(self, meter: str) -> Awaitable[Reading]: ...
    def reconnect(self, meter: str) -> Awaitable[None]: ...
    def status(self, meter: str | None = None) -> msgspec.Raw: ...


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    meter: str | None = None
    transaction: Any = None


_Work: TypeAlias = Callable[[str | None], Awaitable[Any]]


class Requests:
    """Carries out what comes to a sink; it may ask for ``meters``, and no others.

    ``sink`` is its name, for whoever later wants to know who asked.
    """

    log = Logger()

    def __init__(self, topics: Topics, orders: Orders, meters: Collection[str], sink: str) -> None:
        self._topics = topics
        self._orders = orders
        self._meters = meters
        self._sink = sink
        self._running = 0
        self._count = 0
        self._works: Mapping[str, _Work] = {
            "get_status": self._status,
            "read_now": self._read_now,
            "reconnect": self._reconnect,
            "reload": self._reload,
        }

    @property
    def names(self) -> list[str]:
        """What can be asked for."""
        return list(self._works)

    def told(self, message: Message, say: Say) -> bool:
        """Begin what ``message`` asks for, if it is a request; the answer goes to ``say``."""
        start = f"{self._topics.requests}/"
        if not message.topic.startswith(start):
            return False
        if not message.retain:
            # One that is kept would be carried out at every connection anew.
            name = message.topic.removeprefix(start)
            self._count += 1
            subject = f"response/{self._count}"
            work = self._answer(name, message.payload)
            answered = Deferred.fromCoroutine(work)
            answered.addCallback(lambda answer: say(subject, answer))
            answered.addErrback(lambda failure: self.log.failure("A request failed", failure))
        return True

    async def _answer(self, name: str, body: bytes) -> Message:
        answer: dict[str, Any]
        transaction = None
        self._running += 1
        try:
            if self._running > MOST:
                raise RequestError(f"{MOST} requests are under way already; ask again later")
            request = _parsed(body)
            transaction = request.transaction
            work = self._works.get(name)
            if work is None:
                known = ", ".join(self._works)
                raise RequestError(f"{name[:_SHOWN]!a} is no request; there are: {known}")
            answer = {"status": "ok", "data": await work(request.meter)}
        except DlmsdError as error:
            answer = {"status": "error", "error": str(error), "advice": error.advice}
        except Exception:  # noqa: BLE001 - whatever it is, who asked must hear of it
            self.log.failure("{sink}: request {request} failed", sink=self._sink, request=name)
            answer = {"status": "error", "error": "a fault of dlmsd; the log has the details"}
        finally:
            self._running -= 1
        if transaction is not None:
            answer["transaction"] = transaction
        return Message(self._topics.response(name), payload.encode(answer))

    async def _read_now(self, meter: str | None) -> Any:
        reading = await self._orders.read_now(self._named(meter))
        return {"meter": reading.meter, "ts": reading.ts, "values": payload.values(reading)}

    async def _reconnect(self, meter: str | None) -> Any:
        await self._orders.reconnect(self._named(meter))
        return {"meter": meter}

    async def _reload(self, meter: str | None) -> Any:
        if meter is not None:
            raise RequestError("all of the configuration is read again, so no meter is named")
        return asdict(await self._orders.reload(f"sink {self._sink}"))

    async def _status(self, meter: str | None) -> Any:
        return self._orders.status(None if meter is None else self._named(meter))

    def _named(self, meter: str | None) -> str:
        if meter is None:
            raise RequestError("no meter is named")
        if meter not in self._meters:
            raise RequestError(f"{meter[:_SHOWN]!a} is no meter of this sink")
        return meter


def _parsed(body: bytes) -> _Body:
    if len(body) > LONGEST:
        raise RequestError(f"a request of {len(body)} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=_Body)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise RequestError(f"no request: {error}") from None
