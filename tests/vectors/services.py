"""Published APDUs of SET, ACTION, selective access and pushes: bytes and their sources.

"dlms-cosem 21.3.2" are octets in the tests of that package (MIT), most of them recorded
from meters. The others were logged by users of real meters.
"""

from __future__ import annotations

from tests.vectors import hdlc

# dlms-cosem 21.3.2, test_set.py: the clock is set, and the answer.
SET_CLOCK = bytes.fromhex("C101C1 0008 0000010000FF 02 00 090C07E50118FF0E303950FFC400")
SET_CLOCK_ANSWER = bytes.fromhex("C501C100")

# dlms-cosem 21.3.2, test_action.py: the reply of high level security, and its answer.
ACTION_HLS = bytes.fromhex("C301C0 000F 0000280000FF 01 01 091110 00001A90E6D2221FA2FD85EED61ACC22")
ACTION_HLS_ANSWER = bytes.fromhex("C701C0 00 01 00 091110 00001AFDE8857B728A3499106AA665D1")
# The same: without data; an answer without data; an answer with a reason for none.
ACTION_PLAIN = bytes.fromhex("C301C0 000F 0000280000FF 01 00")
ACTION_PLAIN_ANSWER = bytes.fromhex("C701C0 00 00")
ACTION_REASON = bytes.fromhex("C701C0 00 01 01 FA")

# dlms-cosem 21.3.2, test_selective_access.py: a profile by range, deviations -120 and -60
# minutes from a clock without weekday.
GET_RANGE = bytes.fromhex(
    "C001C1 0007 0100630100FF 02 01 01 0204 0204 120008 09060000010000FF 0F02 120000"
    "090C07E20601FF000300FFFF8880 090C07E50106FF000300FFFFC400 0100"
)

# dlms-cosem 21.3.2, test_data_notification.py: a push without a date-time.
PUSH_PLAIN = bytes.fromhex(
    "0F000001DB00 0922 125A8591360000000049000000110000000A5A8513D014800000000D0000000A0100"
)
# A push of a Kaifa MA304H3E, with the tag 09 before its date-time,
# https://github.com/turbokongen/hass-AMS/issues/8 (HDLC removed).
PUSH_KAIFA = bytes.fromhex("0F40000000 090C07E40203010F1B0AFF800000 0201 0600000037")
# An Aidon 6540's push, without a date-time: ``hdlc.PUSH`` (HDLC removed).
PUSH_AIDON = hdlc.PUSH[12:-3]
# A Landis+Gyr E450's push in three general blocks: ``hdlc.PUSH_BLOCKS`` (HDLC removed);
# only the first has LLC octets before it.
PUSH_BLOCKS = tuple(frame[9:-3].removeprefix(bytes.fromhex("E6E700")) for frame in hdlc.PUSH_BLOCKS)

# GBCS (Great Britain Companion Specification) 18.4, ECS04b: what the supplier's command and
# the meter's signed response carry. The second response is of the example message in gfi.h
# of a converter of GBCS messages, which is in the public domain.
ACCESS_REQUEST = bytes.fromhex(
    "D9 20000001 00"
    "03 03 0070 0000130A00FF 02 03 0070 0000130A01FF 02 03 0070 0000130A02FF 02"
    "03 05 00000000 05 00000000 05 00000000"
)
ACCESS_RESPONSE = bytes.fromhex("DA 20000001 00 00 03 00 00 00 03 0300 0300 0300")
ACCESS_RESPONSE_SET = bytes.fromhex("DA 200003EB 00 00 01 00 01 0200")
