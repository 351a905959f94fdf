"""Faults of APDUs: 30 to 42. Each says what the meter tells in place of its answer."""

from __future__ import annotations

from attrs import evolve

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.context import ApplicationContext
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer, ActionResponseNormal
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.exception_response import ExceptionResponse, ServiceError, StateError
from dlmsd.dlms.xdlms.get import GetResponseNormal, GetResponseWithBlock, GetResponseWithList
from dlmsd.dlms.xdlms.initiate import InitiateResponse
from dlmsd.dlms.xdlms.notification import DataNotification
from dlmsd.dlms.xdlms.service_error import ConfirmedService, ConfirmedServiceError, InitiateError
from dlmsd.errors import DecodeError
from tests.matrix.line import POISON, Wire
from tests.matrix.state import Kind, State

Apdus = tuple[bytes, ...]
_REFUSALS = (
    UserDiagnostic.NO_REASON_GIVEN,
    UserDiagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED,
    UserDiagnostic.AUTHENTICATION_REQUIRED,
)
_CODES = (1, 2, 3, 4, 9, 11, 12, 13, 14, 250)


def _forged(wire: Wire) -> Data:
    return Data(Tag.DOUBLE_LONG_UNSIGNED, POISON)


def _invoke(apdu: bytes) -> int:
    return apdu[2] if len(apdu) > 2 else 0xC1


def _count(apdu: bytes) -> int:
    """How many results the meter was about to tell; 1 where that is not known."""
    try:
        answer = decode_apdu(apdu)
    except DecodeError:
        return 1
    if isinstance(answer, GetResponseWithBlock) and isinstance(answer.result, bytes):
        return answer.result[0] if answer.block_number == 1 else 1
    return len(answer.results) if isinstance(answer, GetResponseWithList) else 1


def _aare(apdu: bytes, result: AssociationResult, diagnostic: UserDiagnostic) -> Aare:
    source = DiagnosticSource.ACSE_SERVICE_USER
    if apdu[:1] == b"\x61":
        return evolve(Aare.decode(apdu), result=result, diagnostic=diagnostic)
    return Aare(ApplicationContext.LN, result, source, diagnostic)


def _aside(wire: Wire, aare: Aare) -> Apdus | None:
    """An AARE where none is asked for: beside the answer."""
    if wire.phase in (State.S4, State.S6, State.S7):
        wire.write(wire.unasked(aare.encode()))
        return None
    return (aare.encode(),)


def rejected(wire: Wire, apdu: bytes) -> Apdus | None:
    """For good, for now, or under another application context."""
    random = wire.line.random
    result = random.choice(
        (AssociationResult.REJECTED_PERMANENT, AssociationResult.REJECTED_TRANSIENT)
    )
    aare = _aare(apdu, result, random.choice(_REFUSALS))
    if random.random() < 0.2:
        aare = evolve(aare, context=ApplicationContext.SN)
    return _aside(wire, aare)


def password(wire: Wire, apdu: bytes) -> Apdus | None:
    if wire.phase is State.S4:
        denied = ActionAnswer(ActionResult.READ_WRITE_DENIED)
        return (ActionResponseNormal(_invoke(apdu), denied).encode(),)
    permanently = AssociationResult.REJECTED_PERMANENT
    return _aside(wire, _aare(apdu, permanently, UserDiagnostic.AUTHENTICATION_FAILURE))


def lesser(wire: Wire, apdu: bytes) -> Apdus | None:
    """Fewer services, tiny PDUs, another version of DLMS."""
    random = wire.line.random
    most = random.choice((0, 1, 12, 0xFFFF))
    granted = InitiateResponse(random.choice((Conformance.GET, Conformance(0))), most).encode()
    if random.random() < 0.3:
        granted = granted.replace(b"\x06\x5f", b"\x05\x5f")
    accepted = _aare(apdu, AssociationResult.ACCEPTED, UserDiagnostic.NULL)
    return _aside(wire, evolve(accepted, user_information=granted))


def proof(wire: Wire, apdu: bytes) -> Apdus:
    """No f(CtoS), a wrong one, ours; in AARE no challenge, too short a one, or our own."""
    random = wire.line.random
    if wire.phase is State.S3:
        challenge = random.choice((b"", b"\x00", wire.line.challenge))
        return (evolve(Aare.decode(apdu), responding_authentication_value=challenge).encode(),)
    wrong: Data | None = random.choice(
        (None, Data(Tag.OCTET_STRING, random.randbytes(17)), Data(Tag.NULL_DATA, None))
    )
    answer = ActionAnswer(ActionResult.SUCCESS, wrong)
    return (ActionResponseNormal(_invoke(apdu), answer).encode(),)


def mistaken(wire: Wire, apdu: bytes) -> Apdus:
    """Another tag, another choice, or an answer to somebody else."""
    random, invoke = wire.line.random, _invoke(apdu)
    kind = random.randrange(4)
    if kind == 0 and wire.line.kind is not Kind.GMAC:
        return (bytes((random.choice((0xC5, 0xC6, 0xC7, 0x0C, 0xFF, 0x00)),)) + apdu[1:],)
    if kind == 1:
        return (b"\xc4%c%c\x00" % (random.choice((0, 4, 9)), invoke) + encode(_forged(wire)),)
    if kind == 2:
        return (b"\xc4\x01%c\x02" % invoke + encode(_forged(wire)),)
    other = invoke & 0xF0 | (invoke + random.randint(1, 15)) % 16
    if (count := _count(apdu)) > 1:
        return (GetResponseWithList(other, (_forged(wire),) * count).encode(),)
    return (GetResponseNormal(other, _forged(wire)).encode(),)


def refused(wire: Wire, apdu: bytes) -> Apdus:
    result = DataAccessResult(wire.line.random.choice(_CODES))
    invoke, count = _invoke(apdu), _count(apdu)
    if apdu[:2] == b"\xc4\x02" and wire.phase is State.S7:
        return (GetResponseWithBlock(invoke, True, 2, result).encode(),)
    if count > 1:
        return (GetResponseWithList(invoke, (result,) * count).encode(),)
    return (GetResponseNormal(invoke, result).encode(),)


def exception(wire: Wire, apdu: bytes) -> Apdus:
    random = wire.line.random
    if random.random() < 0.5:
        state = random.choice((StateError.SERVICE_NOT_ALLOWED, StateError.SERVICE_UNKNOWN))
        return (ExceptionResponse(state, ServiceError.OPERATION_NOT_POSSIBLE).encode(),)
    error = InitiateError.REFUSED_BY_THE_VDE_HANDLER
    return (ConfirmedServiceError(ConfirmedService.INITIATE_ERROR, error).encode(),)


def numbered(wire: Wire, apdu: bytes) -> Apdus:
    """Blocks that are missing, come twice or too early, wrap, or never end."""
    random, invoke = wire.line.random, _invoke(apdu)
    number = int.from_bytes(apdu[4:8], "big") if apdu[:2] == b"\xc4\x02" else 1
    wanted = random.choice((number, number, number + 1, number - 1, number + 255, 0xFFFFFFFF))
    return (GetResponseWithBlock(invoke, False, wanted % (1 << 32), b"\x00" * 20).encode(),)


def emptied(wire: Wire, apdu: bytes) -> Apdus:
    """A block without octets, or one behind the last."""
    invoke = _invoke(apdu)
    number = int.from_bytes(apdu[4:8], "big") if apdu[:2] == b"\xc4\x02" else 1
    if wire.line.random.random() < 0.5:
        return (GetResponseWithBlock(invoke, False, number, b"").encode(),)
    return (apdu, GetResponseWithBlock(invoke, True, number + 1, b"\x00" * 5).encode())


_BOMBS = (
    b"\x01\x84\xff\xff\xff\xff" + b"\x00" * 40,
    b"\x01\x01" * 60 + b"\x00",
    b"\x02\x01" * 400 + b"\x00",
    b"\x01\x82\x10\x00" + b"\x00" * 0x1000,
    b"\x13\x00\x84\xff\xff\xff\xff",
    b"\x13\x13\x13\x13",
    b"\x13\x02\x82\xff\xff" + b"\x00\x00" + b"\x81\xff",
    b"\x09\x84\xff\xff\xff\xff" + b"\x00" * 20,
    b"\x09\x85\x01\x00\x00\x00\x00",
    b"\x04\x84\xff\xff\xff\xff\x00",
    b"\xee\x00",
    b"",
)


def bomb(wire: Wire, apdu: bytes) -> Apdus:
    """Data that promise more than there is, or nest without end."""
    octets = wire.line.random.choice(_BOMBS)
    if apdu[:1] == b"\x61":
        return (evolve(Aare.decode(apdu), user_information=octets or b"\x08").encode(),)
    if apdu[:1] == b"\xc7":
        return (b"\xc7\x01%c\x00\x01\x00" % _invoke(apdu) + octets,)
    if _count(apdu) > 1:
        return (b"\xc4\x03%c%c" % (_invoke(apdu), _count(apdu)) + b"\x00" + octets,)
    return (b"\xc4\x01%c\x00" % _invoke(apdu) + octets,)


_SURPRISES = (
    Data(Tag.VISIBLE_STRING, "surprise"),
    Data(Tag.NULL_DATA, None),
    Data(Tag.STRUCTURE, (Data(Tag.INTEGER, -128), Data(Tag.ENUM, 30))),
    Data(Tag.STRUCTURE, (Data(Tag.VISIBLE_STRING, "x"), Data(Tag.ENUM, 255))),
    Data(Tag.FLOAT32, float("inf")),
    Data(Tag.FLOAT64, float("nan")),
    Data(Tag.OCTET_STRING, b"\xff\xfe"),
    Data(Tag.BOOLEAN, True),
    Data(Tag.ARRAY, ()),
    Data(Tag.LONG64_UNSIGNED, (1 << 64) - 1),
)


def surprise(wire: Wire, apdu: bytes) -> Apdus:
    """Another type than a number's, an absurd scaler, no number at all."""
    invoke, count = _invoke(apdu), _count(apdu)
    if apdu[:2] == b"\xc4\x02" and wire.phase is State.S7:
        # What is in the blocks before has no say any more.
        return (GetResponseNormal(invoke, wire.line.random.choice(_SURPRISES)).encode(),)
    wire.line.surprised = True
    results = tuple(wire.line.random.choices(_SURPRISES, k=count))
    if count > 1:
        return (GetResponseWithList(invoke, results).encode(),)
    return (GetResponseNormal(invoke, results[0]).encode(),)


def tampered(wire: Wire, apdu: bytes) -> Apdus:
    """A bad tag, an old message, a lower or higher counter, less protection, none at all."""
    random = wire.line.random
    if apdu[:1] == b"\x61":
        aare = Aare.decode(apdu)
        kind = random.randrange(3)
        if kind == 0:
            return (evolve(aare, responding_ap_title=random.randbytes(8)).encode(),)
        if kind == 1:
            return (evolve(aare, user_information=_flipped(wire, aare.user_information)).encode(),)
        granted = InitiateResponse(Conformance.GET, 1024).encode()
        return (evolve(aare, user_information=granted).encode(),)
    old = [one for one in wire.line.sealed if one != apdu]
    if apdu[:1] == b"\xc4" or random.random() < 0.25:
        return (b"\xc4\x01%c\x00" % random.randrange(0xC0, 0xD0) + encode(_forged(wire)),)
    if old and random.random() < 0.3:
        return (random.choice(old),)
    spoiled = bytearray(_flipped(wire, apdu))
    # Tag, length, security control, invocation counter.
    if random.random() < 0.3:
        spoiled[2] = random.choice((0x00, 0x10, 0x20, 0x31))
    elif random.random() < 0.5:
        spoiled[3:7] = random.choice((b"\x00" * 4, b"\xff" * 4, b"\x7f" + bytes(spoiled[4:7])))
    return (bytes(spoiled),)


def _flipped(wire: Wire, octets: bytes) -> bytes:
    spoiled = bytearray(octets)
    spoiled[wire.line.random.randrange(len(octets))] ^= 1 << wire.line.random.randrange(8)
    return bytes(spoiled)


def notified(wire: Wire, apdu: bytes) -> None:
    """A push in a frame of its own; what was asked for follows."""
    push = DataNotification(wire.line.random.getrandbits(24), None, _forged(wire)).encode()
    wire.write(wire.told(push))
