"""The columns of the matrix, by the numbers of the sheet of failure modes."""

from __future__ import annotations

from dlmsd.errors import ClosedError, LinkError, MeterError, RefusedError, SilenceError
from tests.matrix import apdus, lines, octets
from tests.matrix.fault import Fault, Level
from tests.matrix.state import UNASKED, State

LINE, FRAME, APDU, SEALED = Level

_CLOSED = (ClosedError,)
_SILENT = (SilenceError,)
_METER = (MeterError,)
_DOUBT = (SilenceError, MeterError)
_REFUSED = (RefusedError, MeterError, SilenceError)

_EVERYWHERE = frozenset(State) - {State.S9}
_AFTER_SNRM = _EVERYWHERE - UNASKED - {State.S0, State.S10}
_IN_SESSION = _AFTER_SNRM - {State.S2}
_AARE = frozenset({State.S3})
_OPENING = frozenset({State.S3, State.S4})
# The challenge in AARE is under no tag: with an old one in its segments our proof is wrong.
_OLD_CHALLENGE = frozenset({State.S4, State.S8})

FAULTS: dict[int, Fault] = {
    fault.number: fault
    for fault in (
        Fault(1, "RST", FRAME, lines.reset, _CLOSED, _EVERYWHERE),
        Fault(2, "FIN within a frame", FRAME, lines.finish, _CLOSED, _EVERYWHERE),
        Fault(3, "silent meter", FRAME, lines.silence, _SILENT, _AFTER_SNRM),
        Fault(4, "half-open TCP", LINE, lines.half_open, _SILENT, _EVERYWHERE),
        Fault(5, "no connection", LINE, lines.unreachable, (LinkError,), _EVERYWHERE),
        Fault(6, "accepted and closed", LINE, lines.busy, _CLOSED, _EVERYWHERE),
        Fault(7, "trouble with the name", LINE, lines.unnamed, (LinkError,)),
        Fault(8, "octet by octet", FRAME, octets.trickle, _DOUBT),
        Fault(9, "several frames in one segment", FRAME, octets.together, _DOUBT),
        Fault(10, "garbage around frames", FRAME, octets.garbage, _DOUBT),
        Fault(11, "flags inside frames", FRAME, octets.flags, _DOUBT),
        Fault(12, "wrong FCS", FRAME, octets.bad_fcs, _DOUBT, _AFTER_SNRM),
        Fault(13, "wrong HCS, right FCS", FRAME, octets.bad_hcs, _DOUBT, _AFTER_SNRM),
        Fault(14, "truncated frame, then a good one", FRAME, octets.truncated, _DOUBT),
        Fault(15, "absurd length", FRAME, octets.lengths, _DOUBT),
        Fault(16, "wrong format type", FRAME, octets.formats, _DOUBT, _AFTER_SNRM),
        Fault(17, "octets without end", FRAME, octets.flood, _DOUBT),
        Fault(18, "wrong addresses", FRAME, octets.strangers, _DOUBT, _AFTER_SNRM),
        Fault(19, "N(S) again", FRAME, octets.doubled, _DOUBT, belated=True),
        Fault(20, "wrong N(S) or N(R)", FRAME, octets.numbers, _DOUBT),
        Fault(
            21, "stale frames", FRAME, octets.stale, _DOUBT, refused=_OLD_CHALLENGE, belated=True
        ),
        Fault(22, "late answer", FRAME, octets.late, _DOUBT, belated=True),
        Fault(23, "UA with absurd parameters", FRAME, octets.parameters, _DOUBT),
        Fault(24, "DM", FRAME, octets.disconnected_mode, _METER, _AFTER_SNRM),
        Fault(25, "FRMR", FRAME, octets.rejection, _METER, _AFTER_SNRM),
        Fault(26, "RNR for ever", FRAME, octets.not_ready, _DOUBT, _AFTER_SNRM, True),
        Fault(27, "RR for ever", FRAME, octets.ready, _DOUBT, _AFTER_SNRM, True),
        Fault(28, "segments without end", FRAME, octets.segments, _DOUBT, _AFTER_SNRM, True),
        Fault(29, "wrong LLC header", FRAME, octets.llc, _DOUBT, _IN_SESSION),
        Fault(30, "AARE that rejects", APDU, apdus.rejected, _REFUSED, _AARE),
        Fault(31, "wrong password", APDU, apdus.password, _REFUSED, _OPENING),
        Fault(32, "AARE with less than is needed", APDU, apdus.lesser, _REFUSED),
        Fault(33, "bad proof or challenge", APDU, apdus.proof, _REFUSED, _IN_SESSION),
        Fault(34, "mistaken answer", APDU, apdus.mistaken, _DOUBT),
        Fault(35, "data-access-result", APDU, apdus.refused, _DOUBT),
        Fault(36, "exception-response", SEALED, apdus.exception, _DOUBT),
        Fault(37, "block numbers", APDU, apdus.numbered, _DOUBT, frozenset(), True),
        Fault(38, "empty block, block behind the last", APDU, apdus.emptied, _DOUBT),
        Fault(39, "A-XDR bomb", APDU, apdus.bomb, _DOUBT),
        Fault(40, "surprising types", APDU, apdus.surprise, _DOUBT),
        Fault(41, "tampered ciphering", SEALED, apdus.tampered, _DOUBT),
        Fault(42, "unasked notification", APDU, apdus.notified, ()),
    )
}
