"""ThingsBoard's server-side RPC: what a server asks of a device, or of the gateway itself.

A method is a work in camelCase, so that ``read_now`` is called ``readNow``::

    {"method": "readNow", "params": {}}     {"success": true, "data": {"meter": "a", ...}}
    {"method": "openDoor", "params": {}}    {"success": false, "error": "..", "advice": ".."}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from dlmsd.publish import payload
from dlmsd.publish.courier import Say
from dlmsd.publish.message import Message
from dlmsd.publish.works import Outcome, RequestError, Works, parsed

RPC: Final = "v1/devices/me/rpc"
GATEWAY_RPC: Final = "v1/gateway/rpc"
_SHOWN: Final = 64


class Rpc:
    """Has ``works`` carry out what a server asks. ``notices`` are methods that tell something.

    A notice gets its params; what it raises is the answer.
    """

    def __init__(
        self, works: Works, notices: Mapping[str, Callable[[object, Say], None]] | None = None
    ) -> None:
        self._works = works
        self._methods = {_camel(name): name for name in works.names}
        self._notices = notices or {}

    def own(self, message: Message, meter: str | None, say: Say) -> bool:
        """A request to the device that has the connection, if ``message`` is one."""
        start = f"{RPC}/request/"
        if not message.topic.startswith(start):
            return False
        number = message.topic.removeprefix(start)

        def answer(told: object) -> None:
            say(f"rpc/{number}", Message(f"{RPC}/response/{number}", payload.encode(told)))

        with _errors(answer):
            self._begin(parsed(message.payload), meter, answer, say)
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
        if not isinstance(device, str) or not isinstance(data, dict):
            return False
        number = data.get("id")
        if type(number) is not int:
            return False  # there is nobody to answer to

        def answer(told: object) -> None:
            body = {"device": device, "id": number, "data": told}
            say(f"rpc/{device}/{number}", Message(GATEWAY_RPC, payload.encode(body)))

        with _errors(answer):
            meter = meter_of(device)
            if meter is None:
                raise RequestError(f"{device[:_SHOWN]!a} is no device of this gateway")
            self._begin(data, meter, answer, None)
        return True

    def _begin(
        self,
        request: Mapping[str, Any],
        meter: str | None,
        answer: Callable[[object], None],
        say: Say | None,
    ) -> None:
        method, params = request.get("method"), request.get("params")
        if not isinstance(method, str):
            raise RequestError("no request: no method is named")
        if say is not None and method in self._notices:
            self._notices[method](params, say)
            answer({"success": True})
            return
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
