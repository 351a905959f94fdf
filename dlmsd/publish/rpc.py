"""ThingsBoard's server-side RPC: what a server asks of a device, or of the gateway itself.

A method is a work in camelCase, so that ``read_now`` is called ``readNow``::

    {"method": "readNow", "params": {}}     {"success": true, "data": {"meter": "a", ...}}
    {"method": "openDoor", "params": {}}    {"success": false, "error": "..", "advice": ".."}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

from dlmsd.publish import payload
from dlmsd.publish.dialect import Say
from dlmsd.publish.message import Message
from dlmsd.publish.works import TOO_LARGE, Outcome, RequestError, Works, parsed

RPC: Final = "v1/devices/me/rpc"
GATEWAY_RPC: Final = "v1/gateway/rpc"
_SHOWN: Final = 64
_NONE: Final[Mapping[str, Callable[[object, Say], None]]] = MappingProxyType({})


class Rpc:
    """Has ``works`` carry out what a server asks."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._methods = {_camel(name): name for name in works.names}

    def own(
        self,
        message: Message,
        meter: str | None,
        say: Say,
        notices: Mapping[str, Callable[[object, Say], None]] = _NONE,
    ) -> bool:
        """A request to the device that has the connection, if ``message`` is one.

        ``notices`` are methods that tell something, and take its params; the RequestError that
        one raises is the answer.
        """
        start = f"{RPC}/request/"
        if not message.topic.startswith(start):
            return False
        number = message.topic.removeprefix(start)

        def answer(told: object) -> None:
            topic = f"{RPC}/response/{number}"
            instead = payload.encode(_answer(TOO_LARGE))
            say(f"rpc/{number}", Message(topic, payload.encode(told), instead=instead))

        with _errors(answer):
            request = parsed(message.payload)
            notice = notices.get(str(request.get("method")))
            if notice is None:
                self._begin(request, meter, answer)
            else:
                notice(request.get("params"), say)
                answer({"success": True})
        return True

    def relayed(self, message: Message, meter_of: Callable[[str], str | None], say: Say) -> bool:
        """A request to a device behind the gateway, which ``meter_of`` names, if it is one."""
        if message.topic != GATEWAY_RPC:
            return False
        try:
            request = parsed(message.payload)
        except RequestError:
            return False
        device, data = request.get("device"), request.get("data")
        number = data.get("id") if isinstance(data, dict) else None
        if not isinstance(device, str) or not device or type(number) is not int:
            return False  # the server closes upon an answer to nobody
        assert isinstance(data, dict)

        def answer(told: object) -> None:
            body, instead = (
                payload.encode({"device": device, "id": number, "data": one})
                for one in (told, _answer(TOO_LARGE))
            )
            say(f"rpc/{device}/{number}", Message(GATEWAY_RPC, body, instead=instead))

        with _errors(answer):
            meter = meter_of(device)
            if meter is None:
                raise RequestError(f"{device[:_SHOWN]!a} is no device of this gateway")
            self._begin(data, meter, answer)
        return True

    def _begin(
        self,
        request: Mapping[str, Any],
        meter: str | None,
        answer: Callable[[object], None],
    ) -> None:
        method, params = request.get("method"), request.get("params")
        if not isinstance(method, str):
            raise RequestError("no request: no method is named")
        name = self._methods.get(method)
        if name is None:
            known = ", ".join(self._methods)
            raise RequestError(f"{method[:_SHOWN]!a} is no method; there are: {known}")
        # Widgets send null or nothing where a method has no params.
        if params is None or params == "":
            params = {}
        if not isinstance(params, dict):
            raise RequestError("no request: params are no object")
        self._works.begin(name, meter, params, lambda outcome: answer(_answer(outcome)))


@contextmanager
def _errors(answer: Callable[[object], None]) -> Iterator[None]:
    """What is wrong with a request is its answer."""
    try:
        yield
    except RequestError as error:
        answer(_answer(Outcome.failed(error)))


def _answer(outcome: Outcome) -> dict[str, Any]:
    if outcome.error:
        return {"success": False, "error": outcome.error, "advice": outcome.advice}
    return {"success": True, "data": outcome.data}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
