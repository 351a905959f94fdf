"""Quirks: what single models do unlike the standard, where nobody could find out alone.

What can be survived without being told is survived without: docs/meters.md goes through
both. A quirk is named in a meter's or profile's ``quirks`` and does nothing unless it is.
One that :attr:`~Quirk.weakens` lowers what the meter's security options promise, so it is
never assumed, and ``dlmsd check`` and the log warn of it.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Quirk:
    """``meters`` have it, as ``source`` tells; ``change`` is what dlmsd then does.

    ``weakens`` says what an attacker gains, empty for nothing.
    """

    name: str
    meters: str
    source: str
    change: str
    weakens: str = ""


BLOCKS_GO_ON: Final = Quirk(
    "blocks-go-on",
    "Itron (Actaris) SL7000",
    "a case of its own in Gurux.DLMS.c",
    "the first block of an answer may have any number, so that one that was lost before it is not "
    "missed",
)
CLEAR_AARQ: Final = Quirk(
    "clear-aarq",
    "Dutch meters by DSMR 2.2",
    "OSGP open-smart-grid-platform, pull request 982",
    "the first request goes out unprotected; its answer and all else are protected as ever",
    "what the first request proposes can be read, and changed on the way",
)
CONSTANT_INVOKE_ID: Final = Quirk(
    "constant-invoke-id",
    "unnamed ones",
    "MPS-soft, manual of the Multi-Protocol MasterOPC Server, DLMS device, Increase InvokeID",
    "every request has the invoke-id 1, so that a late answer looks like the one awaited",
)
NEGATE_DEVIATION: Final = Quirk(
    "negate-deviation",
    "Incotex (Mercury)",
    "amsreader-firmware issue 809; HISTORY of dlms-cosem 21.1.2",
    "the deviation in date-times is minutes from UTC to local time, not the other way round",
)
NO_ACCESS: Final = Quirk(
    "no-access",
    "none is known; the Microstar was tried so",
    "the conformance block: bit 17, ACCESS, was reserved before IEC 62056-5-3:2016",
    "the ACCESS service is not proposed, and not used; nor is general protection, unless it is "
    "configured",
)
NO_SNRM: Final = Quirk(
    "no-snrm",
    "those with a pre-established association that have no link to set up either",
    "a setting of Gurux.DLMS.AMI",
    "HDLC information frames are sent from number 0 on as soon as a DISC is answered, or not; no "
    "SNRM is sent, and information fields have 128 octets",
)
PRE_ESTABLISHED: Final = Quirk(
    "pre-established",
    "those that have a client with a pre-established association (IDIS: 102)",
    "Green Book 9.3; a setting of Gurux.DLMS.AMI",
    "no AARQ is sent: attributes are read as soon as the link is there",
)
UNPROVED_METER: Final = Quirk(
    "unproved-meter",
    "Landis+Gyr with high level security of their own",
    "a case of its own in Gurux.DLMS.Python",
    "a meter that accepts our proof, or wants none, is believed without one of its own",
    "who answers in the meter's place need not know its secret",
)
WRONG_NUMBERS: Final = Quirk(
    "wrong-numbers",
    "unnamed ones",
    "a switch of Gurux.DLMS.c that leaves out its check of HDLC control fields",
    "HDLC frames are taken in the order in which they come, whatever N(S) and N(R) they bear, so "
    "that one that comes twice is taken twice",
)
WRONG_FCS: Final = Quirk(
    "wrong-fcs",
    "Landis+Gyr E350 (ZMF100)",
    "the log hdlc_landis_gyr_zmf100 of dlms_parser, in which octets are exchanged too",
    "HDLC frames are taken whose check sequence is wrong, if that of their header is good and a "
    "flag stands where they end",
    "octets that were changed on the way are believed, unless messages are authenticated",
)

_ALL: Final = (
    BLOCKS_GO_ON,
    *(CLEAR_AARQ, CONSTANT_INVOKE_ID, NEGATE_DEVIATION, NO_ACCESS),
    *(NO_SNRM, PRE_ESTABLISHED, UNPROVED_METER, WRONG_FCS, WRONG_NUMBERS),
)
QUIRKS: Final = {quirk.name: quirk for quirk in _ALL}
