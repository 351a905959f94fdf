"""ThingsBoard's shared attributes ``interval`` and ``status``, which change a meter.

They are asked for on every new connection, since nothing tells what was set meanwhile. Then
only what is new since they were last heard counts: what somebody changed here, by page or
API, is not undone by a connection that breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from dlmsd.errors import DlmsdError, StoreError

KEYS: Final = ("interval", "status")
_DELETED: Final = "deleted"
_UNHEARD: Final = object()

_decode: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


class Override(Protocol):
    """See :meth:`dlmsd.orders.Orders.override`."""

    async def __call__(self, meter: str, wanted: Mapping[str, object], who: str) -> None: ...


class Shared:
    """Of the meters of the sink of this name, for as long as the daemon runs."""

    _log = Logger()

    def __init__(self, override: Override, sink: str) -> None:
        self._override = override
        self._who = f"sink {sink}"
        self._heard: dict[str, dict[str, object]] = {}
        self._last: dict[str, object] = {}

    def updated(
        self, meter: str, body: Mapping[str, object], report: Callable[[str], None]
    ) -> None:
        """Somebody has set or deleted attributes just now."""
        deleted = body.get(_DELETED)
        gone = deleted if isinstance(deleted, list) else []
        wanted = {key: body[key] for key in KEYS if key in body}
        wanted |= {key: None for key in KEYS if key in gone}
        self._take(meter, wanted, report)

    def current(
        self, meter: str, body: Mapping[str, object], report: Callable[[str], None]
    ) -> None:
        """What all of them are, as an answer to the question."""
        heard = self._heard.get(meter, {})
        wanted = {
            key: body.get(key)
            for key in KEYS
            if (key in body or key in heard) and heard.get(key, _UNHEARD) != body.get(key)
        }
        self._take(meter, wanted, report)

    def _take(
        self, meter: str, wanted: Mapping[str, object], report: Callable[[str], None]
    ) -> None:
        """``report`` has what is wrong with them, nothing if they are in force.

        What was wanted before may come into force after a later wish was refused; that refusal
        still stands.
        """
        if not wanted:
            return
        self._last[meter] = wanted
        heard = self._heard.setdefault(meter, {})
        for key, value in wanted.items():
            heard[key] = value
            if value is None:
                del heard[key]

        def failed(failure: Failure) -> None:
            error = failure.value
            if isinstance(error, StoreError):
                heard.clear()  # they count as new the next time
            if isinstance(error, DlmsdError):
                self._log.warn(
                    "{meter}: attributes of {who} are not taken: {reason}",
                    meter=meter,
                    who=self._who,
                    reason=str(error),
                )
                report(str(error))
            else:
                self._log.failure("Attributes were not taken", failure, meter=meter)
                report("a fault of dlmsd; the log has the details")

        done = Deferred.fromCoroutine(self._override(meter, wanted, self._who))
        done.addCallbacks(lambda _: report("") if self._last[meter] is wanted else None, failed)


def decoded(body: bytes) -> dict[str, Any] | None:
    """The JSON object with its numbers exact, None for all else."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        return None
