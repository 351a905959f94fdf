"""The spoilt meter: a virtual one whose answers pass through the line's hands."""

from __future__ import annotations

from typing import Any

from attrs import evolve, field, frozen

from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.xdlms.get import GetRequestNext
from dlmsd.simulator.answer import SILENCE, Answer
from dlmsd.simulator.association import ServerAssociation
from dlmsd.simulator.association import State as Standing
from dlmsd.simulator.conversation import Conversation, InstalledMeter
from dlmsd.simulator.link import ServerLink
from dlmsd.simulator.personality import SECURE, SMALL, WRAPPER, Personality
from dlmsd.simulator.wrapper import WrapperServerLink
from tests.matrix.fault import Level
from tests.matrix.line import CLIENT, Line
from tests.matrix.state import Kind, State

# Answers of several blocks, and blocks of several segments.
PERSONALITIES: dict[Kind, Personality] = {
    Kind.HDLC: evolve(SMALL, name="hdlc", max_response=33),
    Kind.WRAPPER: evolve(WRAPPER, name="wrapper", max_response=33),
    Kind.GMAC: evolve(SECURE, name="gmac", max_response=50, link=LinkParameters(36, 36, 1, 1)),
}


class SpoiltAssociation(ServerAssociation):
    """Tells the line what was asked, and says what the line wants."""

    line: Line

    @property
    def granted(self) -> bool:
        """Whether AARE went out."""
        return self.state is not Standing.IDLE

    def receive(self, client: int, apdu: bytes, *, refuse: bool = False) -> Answer:
        answer = super().receive(client, apdu, refuse=refuse)
        if client != CLIENT:
            return answer
        opening = apdu[:1] == b"\x60"
        if opening:
            self.line.aarqs.append(self.line.network.seconds())
        if answer.apdu:
            self.line.sealed.append(answer.apdu)
        return self._spoilt(answer, Level.SEALED, *((Level.APDU,) if opening else ()))

    def _associate(self, number: int, aarq: Any, refuse: bool) -> Any:
        if number == CLIENT:
            self._met(State.S3)
            self.line.challenge = aarq.calling_authentication_value
        return super()._associate(number, aarq, refuse)

    def _serve(self, request: Any, size: int) -> Answer:
        wire = self.line.wire
        if wire is None or wire.phase is None:
            return super()._serve(request, size)
        self.line.invoke = getattr(request, "invoke", 0) & 0x0F
        if self.state is Standing.PENDING:
            self._met(State.S4)
        elif isinstance(request, GetRequestNext):
            self._met(State.S7)
        else:
            self._met(State.S6)
        return self._spoilt(super()._serve(request, size), Level.APDU)

    def _met(self, state: State) -> None:
        if self.line.wire is not None:
            self.line.wire.phase = state

    def _spoilt(self, answer: Answer, *levels: Level) -> Answer:
        wire = self.line.wire
        if wire is None or not answer.apdu:
            return answer
        apdus = self.line.struck(wire, answer.apdu, *levels)
        if answer.results and Level.APDU in levels and (apdus is None or answer.apdu in apdus):
            self.line.answered(answer.results)
        if apdus is None:
            return answer
        return Answer(apdus[0], answer.results, more=apdus[1:]) if apdus else SILENCE


@frozen
class SpoiltMeter(InstalledMeter):
    """An installed meter on a ``line``."""

    line: Line = field(kw_only=True)

    def converse(self) -> Conversation:
        association = SpoiltAssociation(self.personality, self.served, self.objects.security)
        association.line = self.line
        self.line.association = association
        if self.personality.framing == "wrapper":
            return Conversation(WrapperServerLink(), association, self.faults)
        return Conversation(ServerLink(self.personality.link), association, self.faults)


def spoilt(installed: InstalledMeter, line: Line) -> SpoiltMeter:
    """``installed``, on ``line``."""
    return SpoiltMeter(
        installed.name,
        installed.objects,
        installed.served,
        installed.personality,
        installed.address,
        installed.faults,
        line=line,
    )
