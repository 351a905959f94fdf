"""A client with high level security: dlmsd's security machines and the published keys."""

from __future__ import annotations

from random import Random
from typing import Any

from attrs import evolve

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association import Association
from dlmsd.dlms.association_sn import WRITING_SN, AssociationSN
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.opening import HighLevel
from dlmsd.dlms.proposal import READING
from dlmsd.dlms.security.challenge import Challenges
from dlmsd.dlms.security.context import UNCIPHERED, SecurityContext
from dlmsd.dlms.security.counter import (
    COUNTER_END,
    CounterBlock,
    ReceivedCounters,
    TransmitCounter,
)
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.mechanism import Ecdsa, Gmac, Handshake, md5, sha1, sha256
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.dlms.xdlms.action import ActionRequestNormal
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import GetRequestNormal
from dlmsd.dlms.xdlms.initiate import InitiateRequest
from dlmsd.secret import Secret
from dlmsd.simulator.acceptance import context_of
from dlmsd.simulator.answer import Answer
from dlmsd.simulator.association import ServerAssociation
from dlmsd.simulator.personality import ECDSA, ECDSA_2, SECURE, SUITE_1, SUITE_2, Personality
from dlmsd.simulator.reply import REPLY_TO_HLS
from dlmsd.simulator.security import MeterSecurity
from tests.simulator.shelf import VOLTAGE, Shelf

CLIENT = b"DLMSDCLT"
METER = b"DLS00001"
CTOS = b"client to server challenge, long"
GET = GetRequestNormal(0xC1, VOLTAGE).encode()
CIPHERED = (SECURE, SUITE_1, SUITE_2, ECDSA, ECDSA_2)
PROPOSED = (
    Conformance.GET
    | Conformance.ACTION
    | Conformance.GENERAL_PROTECTION
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
)


def with_policy(policy: SecurityPolicy) -> Personality:
    return evolve(SECURE, security=evolve(SECURE.security, policy=policy))


class ClientEnd:
    """The client's security towards meters of one personality; counters from ``first``."""

    def __init__(
        self,
        personality: Personality,
        *,
        first: int = 1,
        title: bytes = CLIENT,
        dedicated: bytes | None = None,
        form: Form | None = None,
        policy: SecurityPolicy | None = None,
    ) -> None:
        security = personality.security
        self.reader = personality.clients[0]
        self.personality = personality
        self.title = title
        self.keys = security.client
        self.dedicated = Secret(dedicated) if dedicated else None
        self.transmit = TransmitCounter(CounterBlock(first, COUNTER_END))
        self.context = SecurityContext(
            suite=security.suite,
            policy=policy or security.policy,
            keys=evolve(self.keys, dedicated=self.dedicated),
            title=title,
            transmit=self.transmit,
            received=ReceivedCounters(),
            random=Random(5).randbytes,
            form=form or security.form,
        )

    def handshake(self) -> Handshake:
        suite, keys = self.personality.security.suite, self.keys
        password = self.reader.password
        if digest := {
            Mechanism.HIGH_MD5: md5,
            Mechanism.HIGH_SHA1: sha1,
            Mechanism.HIGH_SHA256: sha256,
        }.get(self.reader.mechanism):
            assert password is not None
            return digest(password)
        if self.reader.manufacturer is not None:
            assert password is not None
            return self.reader.manufacturer.transform(password)
        if self.reader.mechanism is Mechanism.HIGH_ECDSA:
            return Ecdsa(suite, keys.private(suite, "signing"), keys.public(suite, "peer_signing"))
        # The meter's proof has a counter of its own, below that of the response around it.
        return Gmac(
            suite,
            keys.need("encryption"),
            keys.authentication,
            self.transmit,
            ReceivedCounters(),
        )

    def association(self, **options: Any) -> Association:
        """The daemon's own, by the names that the meter knows."""
        short = self.personality.referencing == "sn"
        options.setdefault("proposed", WRITING_SN if short else READING)
        return (AssociationSN if short else Association)(
            self.reader.mechanism,
            high=HighLevel(self.handshake(), CTOS, self.title),
            security=self.context,
            dedicated=self.dedicated,
            **options,
        )


def server(
    personality: Personality, security: MeterSecurity | None = None, seed: int = 1
) -> ServerAssociation:
    security = security or MeterSecurity(personality.security, METER, Random(seed).randbytes)
    return ServerAssociation(personality, Shelf(), security)


class Talk:
    """One client and one meter, APDU by APDU."""

    def __init__(
        self, personality: Personality, meter: ServerAssociation | None = None, **options: Any
    ) -> None:
        self.end = ClientEnd(personality, **options)
        self.handshake = self.end.handshake()
        self.meter = meter or server(personality)
        self.answer = Answer(b"")

    def aarq(self, *, initiate: bytes | None = None, max_pdu: int = 0xFFFF, **changes: Any) -> Aarq:
        end = self.end
        if initiate is None:
            key = end.dedicated.reveal() if end.dedicated else None
            initiate = end.context.protect(InitiateRequest(PROPOSED, max_pdu, key).encode())
        policy = end.personality.security.policy
        request = Aarq(context_of(policy), end.reader.mechanism, CTOS, initiate, end.title)
        return evolve(request, **changes)

    def associate(self, request: Aarq | None = None, **changes: Any) -> Aare:
        """AARQ and AARE; if it is accepted, both challenges are known."""
        aare = Aare.decode(self.give((request or self.aarq(**changes)).encode()))
        if aare.accepted:
            self.end.context.pin(METER)
            stoc = aare.responding_authentication_value
            self.challenges = Challenges(CTOS, stoc, self.end.title, METER)
        return aare

    def proof(self, octets: bytes | None = None) -> bytes:
        """The plain ACTION with our proof, or with ``octets``."""
        proof = self.handshake.answer(self.challenges) if octets is None else octets
        return ActionRequestNormal(0xC1, REPLY_TO_HLS, Data(Tag.OCTET_STRING, proof)).encode()

    def open(self, **changes: Any) -> Talk:
        """Up to the end of the mutual proof."""
        assert self.associate(**changes).authentication_pending
        response: Any = self.ask(self.proof())
        self.handshake.check(self.challenges, response.answer.data.value)
        assert self.meter.associated
        return self

    def ask(self, plain: bytes) -> Any:
        """A plain APDU, protected on its way; the answer, opened and decoded."""
        return self.hear(self.give(self.end.context.protect(plain)))

    def hear(self, octets: bytes) -> Any:
        return decode_apdu(octets if octets[0] in UNCIPHERED else self.end.context.open(octets))

    def give(self, octets: bytes, client: int = 1) -> bytes:
        """Octets as they are; those of the answer."""
        self.answer = self.meter.receive(client, octets)
        return self.answer.apdu
