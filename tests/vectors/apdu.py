"""Published APDUs: bytes and where they come from.

"Green Book" is DLMS UA 1000-2, whose clause on encoding examples prints them; they were
not compared with a printed copy, but the judges (``test_judge.py``) read and write them
too. Each test says which values the bytes stand for.
"""

from __future__ import annotations

# Green Book, AARQ of lowest level security.
AARQ_NONE = bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0")
# Green Book, AARQ of low level security, password 12345678.
AARQ_LOW = bytes.fromhex(
    "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738"
    "BE10040E01000000065F1F0400007E1F04B0"
)
# Green Book, AARQ of high level security with GMAC, challenge K56iVagY.
AARQ_HIGH = bytes.fromhex(
    "6036A1090607608574050801018A0207808B0760857405080205AC0A80084B35366956616759"
    "BE10040E01000000065F1F0400007E1F04B0"
)
# A real meter's ciphered association, https://gurux.fi/node/24607 (HDLC removed).
AARQ_CIPHERED = bytes.fromhex(
    "6051A109060760857405080103A60A040848504C37323939388A0207808B0760857405080201"
    "AC12801031313131313131313131313131313131BE17041521132000000001E9C53132607662DC7A94A61439BF"
)
AARE_CIPHERED = bytes.fromhex(
    "613CA109060760857405080103A203020100A305A103020100A40A040848504C000010F447"
    "BE170415281320000000008307 05F03594EEE1A96C27CCA051"
)

# Green Book, AARE accepted.
AARE_ACCEPTED = bytes.fromhex(
    "6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F040000501F01F40007"
)
# Green Book, AARE refused: application-context-name-not-supported.
AARE_CONTEXT = bytes.fromhex(
    "6129A109060760857405080101A203020101A305A103020102BE10040E0800065F1F040000501F01F40007"
)
# Green Book, AARE refused: the proposed DLMS version is too low.
AARE_VERSION = bytes.fromhex("611FA109060760857405080101A203020101A305A103020101BE0604040E010601")
# Green Book, AARE of high level security with GMAC, challenge P6wRJ21F.
AARE_HIGH = bytes.fromhex(
    "6142A109060760857405080101A203020100A305A10302010E88020780890760857405080205"
    "AA0A8008503677524A323146BE10040E0800065F1F040000501F01F40007"
)
# A real meter's refusal without user-information, from the frame
# 7EA026210201304F22E6E7006117A1...02010DAE4F7E, https://github.com/Gurux/gurux.dlms.java/issues/22
AARE_REFUSED = bytes.fromhex("6117A109060760857405080101A203020101A305A10302010D")

# Green Book, InitiateRequest and InitiateResponse of the associations above.
INITIATE_REQUEST = bytes.fromhex("01000000065F1F0400007E1F04B0")
INITIATE_RESPONSE = bytes.fromhex("0800065F1F040000501F01F40007")
# Green Book, InitiateRequest with a dedicated key, plain text of the glo-initiate-request example.
INITIATE_DEDICATED = bytes.fromhex("01011000112233445566778899AABBCCDDEEFF0000065F1F0400007E1F04B0")
# Green Book, the user-information of AARE_VERSION.
SERVICE_ERROR = bytes.fromhex("0E010601")

# Green Book, GET of the clock: plain text of the glo-get-request example.
GET_CLOCK = bytes.fromhex("C0010000080000010000FF0200")
# Green Book, GET with a list of two, and its answer.
GET_LIST = bytes.fromhex("C003C10200010000800000FF020000010000800100FF0200")
GET_LIST_ANSWER = bytes.fromhex("C403C10200090401020304000A03303030")
# A real meter's malformed answer, https://github.com/u9n/dlms-cosem/issues/51
GET_LIST_MALFORMED = bytes.fromhex("C403C1020000020512 02D0120CA81118111F0FC0")
