"""Both ends of an association by short names, APDU by APDU, and whoever sits between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dlmsd.dlms.association_sn import AssociationSN
from dlmsd.dlms.cosem.short_names import OBJECT_LIST_SN
from dlmsd.dlms.outcome import (
    Associated,
    AssociationEvent,
    Discarded,
    Notified,
    Refused,
    RequestFailed,
    Results,
    SendApdu,
)
from dlmsd.simulator.association import ServerAssociation
from dlmsd.simulator.personality import Personality
from tests.simulator.secure import ClientEnd, server

Tamper = Callable[[bytes], Sequence[bytes]]


def _unchanged(apdu: bytes) -> Sequence[bytes]:
    return (apdu,)


class Duet:
    """dlmsd's client and a virtual meter; ``to_client`` and ``to_meter`` are what becomes of
    an APDU on its way.
    """

    def __init__(
        self,
        personality: Personality,
        *,
        meter: ServerAssociation | None = None,
        association: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.end = ClientEnd(personality, **options)
        found = self.end.association(**(association or {}))
        assert isinstance(found, AssociationSN)
        self.client = found
        self.meter = meter or server(personality)
        self.to_client: Tamper = _unchanged
        self.to_meter: Tamper = _unchanged
        self.sent: list[bytes] = []
        self.came: list[bytes] = []
        self.discarded: list[str] = []
        self.told: list[Any] = []
        self.closed = False

    def open(self) -> Duet:
        """Associated, and with all names known."""
        assert self.run(self.client.associate()) is True
        (listed,) = self.run(self.client.get([OBJECT_LIST_SN]))
        self.client.names.learn(listed)
        return self

    def run(self, events: Sequence[AssociationEvent]) -> Any:
        """What comes of them: results, True for an association, an error, or None if nothing."""
        outcome: Any = None
        waiting = list(events)
        while waiting:
            match waiting.pop(0):
                case SendApdu(apdu):
                    self.sent.append(apdu)
                    for one in self.to_meter(apdu):
                        waiting += self._answered(one)
                case Results(results):
                    outcome = results
                case Associated():
                    outcome = True
                case Refused(error) | RequestFailed(error):
                    outcome = error
                case Discarded(words):
                    self.discarded.append(words)
                case Notified(apdu):
                    self.told.append(apdu)
        return outcome

    def _answered(self, apdu: bytes) -> list[AssociationEvent]:
        answer = self.meter.receive(1, apdu)
        self.closed = self.closed or answer.closes
        events: list[AssociationEvent] = []
        for one in answer.apdus:
            self.came.append(one)
            for octets in self.to_client(one):
                events += self.client.receive(octets)
        return events
