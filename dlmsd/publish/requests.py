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

from typing import Any

from dlmsd.config.topics import Topics
from dlmsd.publish import payload
from dlmsd.publish.dialect import Say
from dlmsd.publish.message import Message
from dlmsd.publish.works import TOO_LARGE, Outcome, RequestError, Works, parsed


class Requests:
    """Has ``works`` carry out what comes to a sink."""

    def __init__(self, topics: Topics, works: Works) -> None:
        self._topics = topics
        self._works = works
        self._count = 0

    @property
    def names(self) -> list[str]:
        """What can be asked for."""
        return self._works.names

    def told(self, message: Message, say: Say) -> bool:
        """Begin what ``message`` asks for, if it is a request; the answer goes to ``say``."""
        start = f"{self._topics.requests}/"
        if not message.topic.startswith(start):
            return False
        if not message.retain:
            # One that is kept would be carried out at every connection anew.
            self._begin(message.topic.removeprefix(start), message.payload, say)
        return True

    def _begin(self, name: str, body: bytes, say: Say) -> None:
        self._count += 1
        subject = f"response/{self._count}"
        transaction = None

        def answer(outcome: Outcome) -> None:
            body, instead = (_answer(one, transaction) for one in (outcome, TOO_LARGE))
            say(subject, Message(self._topics.response(name), body, instead=instead))

        try:
            request = parsed(body)
            transaction, meter = request.pop("transaction", None), request.pop("meter", None)
            if not isinstance(meter, str | None):
                raise RequestError("no request: a meter is named by text")
        except RequestError as error:
            answer(Outcome.failed(error))
        else:
            self._works.begin(name, meter, request, answer)


def _answer(outcome: Outcome, transaction: object) -> bytes:
    told: dict[str, Any] = {"status": "ok", "data": outcome.data}
    if outcome.error:
        told = {"status": "error", "error": outcome.error, "advice": outcome.advice}
    if transaction is not None:
        told["transaction"] = transaction
    return payload.encode(told)
