"""Associations under test: an input is a script of the APDUs that a meter sends to one.

The octets before the first step choose the association, the state that it is brought to
and what it asks for; it asks again whenever an answer has ended a request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from attrs import evolve

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.association import Association, State
from dlmsd.dlms.association_sn import WRITING_SN, AssociationSN
from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.short_names import ShortNames
from dlmsd.dlms.opening import HighLevel
from dlmsd.dlms.outcome import AssociationEvent, RequestFailed, Results, SendApdu
from dlmsd.dlms.proposal import WRITING
from dlmsd.dlms.security.mechanism import md5
from dlmsd.dlms.xdlms.access import AccessAction, AccessGet, AccessSet
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.initiate import InitiateResponse
from dlmsd.dlms.xdlms.selective import EntryDescriptor
from dlmsd.errors import LocalError, ServiceError
from dlmsd.secret import Secret
from tests.fuzz.corpus import harvested
from tests.fuzz.machines import steps
from tests.fuzz.target import Target
from tests.vectors import apdu as vectors

_NAME: Final = Obis.parse("0-0:1.0.0")
_CLOCK: Final = AttributeDescriptor(8, _NAME, 2)
_RESET: Final = MethodDescriptor(8, _NAME, 1)
_NAMES: Final = ShortNames({(8, _NAME): 0x2BC0})
_LONG: Final = Data(Tag.OCTET_STRING, bytes(400))
_SHORT: Final = Data(Tag.UNSIGNED, 7)
# Most of what a meter can do wrong it can do to an association that stands.
_STATES: Final = (*State, State.ASSOCIATED, State.ASSOCIATED, State.ASSOCIATED)


def _accepted(context: ApplicationContext, granted: Conformance) -> bytes:
    return Aare(
        context,
        AssociationResult.ACCEPTED,
        DiagnosticSource.ACSE_SERVICE_USER,
        UserDiagnostic.NULL,
        user_information=InitiateResponse(granted, 100).encode(),
    ).encode()


_PENDING_SN: Final = evolve(
    Aare.decode(_accepted(ApplicationContext.SN, WRITING_SN)),
    diagnostic=UserDiagnostic.AUTHENTICATION_REQUIRED,
    mechanism=Mechanism.HIGH_MD5,
    responding_authentication_value=b"P6wRJ21F",
).encode()
_BLOCKS: Final = Conformance.GENERAL_BLOCK_TRANSFER
_ANSWERS: Final = (
    _accepted(ApplicationContext.LN, WRITING),
    _accepted(ApplicationContext.LN, WRITING | _BLOCKS),
    vectors.AARE_HIGH,
    _accepted(ApplicationContext.SN, WRITING_SN),
    _PENDING_SN,
)


def _new(kind: int) -> Association:
    """By logical names; also in general blocks; proved by both ends; by short names; both."""
    high = HighLevel(md5(Secret(b"secret")), b"K56iVagY")
    if kind == 2:
        return Association(Mechanism.HIGH_MD5, high=high)
    if kind == 3:
        return AssociationSN(Mechanism.NONE, proposed=WRITING_SN, names=_NAMES)
    if kind == 4:
        return AssociationSN(Mechanism.HIGH_MD5, high=high, proposed=WRITING_SN, names=_NAMES)
    return Association(Mechanism.NONE, proposed=WRITING, window=3 * kind)


_Ask = Callable[[Association], Sequence[AssociationEvent]]
_REQUESTS: Final[tuple[_Ask, ...]] = (
    lambda machine: machine.get([_CLOCK]),
    lambda machine: machine.get([_CLOCK] * 3),
    lambda machine: machine.get([_CLOCK], [EntryDescriptor(1, 9).access], stream=True),
    lambda machine: machine.set([_CLOCK], [_LONG]),
    lambda machine: machine.set([_CLOCK] * 3, [_SHORT] * 3),
    lambda machine: machine.action([_RESET], [_LONG]),
    lambda machine: machine.action([_RESET] * 3, [None] * 3),
    lambda machine: machine.access(
        [AccessGet(_CLOCK), AccessSet(_CLOCK), AccessAction(_RESET)], [None, _SHORT, None]
    ),
)


class _Meter:
    """Answers with the invoke-id and the block numbers that are due, or with anything."""

    def __init__(self, machine: Association, asks: int) -> None:
        self._machine = machine
        self._ask = _REQUESTS[asks & 7]
        self._invoke = 0xC1
        self._number = 0
        self.ask()

    def ask(self) -> None:
        """The next request, if there may be one."""
        self._number = 0
        with suppress(LocalError, ServiceError):
            for event in self._ask(self._machine):
                if isinstance(event, SendApdu) and event.apdu[0] in (0xC0, 0xC1, 0xC3):
                    self._invoke = event.apdu[2]

    def step(self, what: int, octets: bytes) -> None:
        """One APDU, or silence."""
        last, third = bool(what & 8), what >> 4
        self._number += 1
        number = self._number.to_bytes(4, "big")
        match what & 7:
            case 0:
                apdu = octets
            case 1:
                apdu = b"\xc4\x02%c%c%b\x00%c%b" % (self._invoke, last, number, len(octets), octets)
            case 2:
                apdu = b"\xc4%c%c%b" % (3 if last else 1, self._invoke, octets)
            case 3:
                apdu = b"\xc5%c%c%b" % (1 + third % 5, self._invoke, octets)
            case 4:
                apdu = b"\xc7%c%c%b" % (1 + third % 4, self._invoke, octets)
            case 5:
                data = (len(octets), octets)
                apdu = b"\x0c\x01\x02%c%b%c%b" % (last, number[2:], *data)
                if third & 1:
                    apdu = b"%c%b" % (0x0D if last else 0x0C, octets)
            case 6:
                control = last << 7 | (third & 1) << 6 | third >> 1
                numbers = number[2:] + bytes((0, third & 7))
                apdu = b"\xe0%c%b%c%b" % (control, numbers, len(octets), octets)
            case _:
                apdu = b"\xda\x40%b\x00%b" % (number[1:], octets)
                if last:
                    self._machine.timeout()
        events = self._machine.receive(apdu)
        if any(isinstance(event, Results | RequestFailed) for event in events):
            self.ask()


def _association(octets: bytes) -> None:
    head = octets[:2].ljust(2, b"\x00")
    kind, state = head[1] % len(_ANSWERS), _STATES[head[0] & 7]
    machine = _new(kind)
    if state is not State.IDLE:
        machine.associate()
        if state is not State.PENDING:
            machine.receive(_ANSWERS[kind])
        if state is State.RELEASING:
            machine.release()
    meter = _Meter(machine, head[0] >> 3)
    for what, rest in steps(octets):
        meter.step(what, rest)


# ACSE and xDLMS, plain or ciphered.
_TAGS: Final = frozenset((*range(0x60, 0x64), *range(0xC0, 0xE1), 0x0C, 0x0D, 0x0E, 0x0F, 0x18))
# What a meter may say to a proof by short names: another selector, a proof, nothing.
_PROOFS_SN: Final = (b"\x01\x01\x0d", b"\x01\x00\x09\x10" + bytes(16), b"\x01\x00\x00", b"\x00")
_LIST: Final = b"\x03\x00\x11\x05\x00\x11\x06\x01\x02"
_SCRIPTS: Final = (
    *(b"\x03%c\x01\x03\x09\x05a\x09\x03bcd" % kind for kind in range(3)),
    *(b"\x0b%c\x01\x04%b\x09\x05%b" % (kind, _LIST[:4], _LIST[4:]) for kind in range(3)),
    b"\x13\x00\x01\x03\x01\x02\x11\x01\x02\x11\x06\x09\x00",
    *(
        b"\x1b%c\x13\x04\x00\x00\x00\x01\x13\x04\x00\x00\x00\x02\x23\x00" % kind
        for kind in range(3)
    ),
    b"\x23\x00\x43\x04\x03\x00\x01\x02",
    *(
        b"\x2b%c\x34\x04\x00\x00\x00\x01\x34\x04\x00\x00\x00\x02\x04\x02\x00\x00" % kind
        for kind in range(3)
    ),
    b"\x33\x00\x24\x07\x03\x00\x00\x00\x00\x00\x00",
    b"\x3b\x00\x07\x0b\x00\x03\x00\x11\x05\x00\x03\x00\x00\x03\x00\x00",
    b"\x03\x01\x16\x04\xc4\x01\xc1\x00\x0e\x02\x11\x05",
    b"\x03\x03\x05\x03\x01\x00\x11\x0d\x01\x05",
    b"\x03\x03\x15\x04\x01\x00\x11\x05",
    b"\x0b\x03\x15\x08\x03\x00\x11\x05\x01\x04\x00\x00",
    b"\x1b\x03\x1d\x04\x01\x02\x00\x01\x1d\x02\x01\x00",
    *(b"\x02\x04\x15%c%b" % (len(answer), answer) for answer in _PROOFS_SN),
)


def _script(place: int, octets: bytes) -> bytes:
    """One APDU as the only step, in a state and with a request by its place."""
    return bytes((place & 0x3F, place >> 6 & 3, 0, len(octets))) + octets


def target() -> Target:
    """Any APDU to any association: ``harvest`` would only give scripts without an APDU."""
    apdus = [octets for octets in harvested() if octets[0] in _TAGS and len(octets) < 0x80]
    seeds = [_script(place * 3, octets) for place, octets in enumerate(apdus)]
    return Target("association", _association, (*_SCRIPTS, *seeds), harvest=False)
