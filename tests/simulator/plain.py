"""One client without ciphering and one meter, APDU by APDU."""

from __future__ import annotations

from random import Random
from typing import Any

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.initiate import InitiateRequest
from dlmsd.simulator.answer import Answer
from dlmsd.simulator.association import ServerAssociation
from dlmsd.simulator.personality import WRAPPER, Personality
from dlmsd.simulator.security import MeterSecurity
from tests.simulator.shelf import Shelf

EVERYTHING = Conformance((1 << 24) - 1)


class Talk:
    """``max_pdu`` is the client's. Answers are decoded; of one without APDU there is None."""

    def __init__(self, personality: Personality = WRAPPER) -> None:
        self.shelf = Shelf()
        security = MeterSecurity(personality.security, b"DLS00001", Random(1).randbytes)
        self.association = ServerAssociation(personality, self.shelf, security)
        self.answer = Answer(b"")

    def open(
        self,
        conformance: Conformance = EVERYTHING,
        max_pdu: int = 0xFFFF,
        context: ApplicationContext = ApplicationContext.LN,
    ) -> Talk:
        initiate = InitiateRequest(conformance, max_pdu).encode()
        aarq = Aarq(context, Mechanism.LOW, b"22222222", initiate).encode()
        self.aare = Aare.decode(self.association.receive(1, aarq).apdu)
        assert self.aare.accepted
        return self

    def ask(self, request: Any) -> Any:
        self.answer = self.association.receive(1, request.encode())
        return decode_apdu(self.answer.apdu) if self.answer.apdu else None
