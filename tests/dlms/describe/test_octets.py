"""What octets mean, in words: published ones, secrets, and whatever else may come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.axdr.data import BitString, Data, Tag
from dlmsd.dlms.cosem.designation import parse_attribute, parse_method
from dlmsd.dlms.describe.apdu import STARS, describe_apdu
from dlmsd.dlms.describe.data import describe_data
from dlmsd.dlms.describe.octets import describe_frames, describe_octets, parse_hex
from dlmsd.dlms.wrapper import WrapperFrame
from dlmsd.dlms.xdlms.action import ActionRequestNormal
from dlmsd.dlms.xdlms.general_signing import GeneralSigning
from dlmsd.dlms.xdlms.get import GetResponseWithList
from dlmsd.dlms.xdlms.set import SetRequestNormal, SetRequestWithList
from dlmsd.dlms.xdlms.transaction import Transaction
from tests.dlms.axdr import trees
from tests.vectors import apdu, hdlc, security

# What each vector is described as, by the Green Book and the vector's own source.
APDUS = {
    apdu.GET_CLOCK: ("get-request-normal", "invoke-id 0", "8/0-0:1.0.0/2 Clock time"),
    apdu.GET_LIST: ("get-request-with-list", "1: 1/0-0:128.0.0/2 Data value"),
    apdu.GET_LIST_ANSWER: ("get-response-with-list", "octet-string 01020304", '"000"'),
    apdu.AARE_ACCEPTED: ("AARE", "result: accepted", "initiate-response"),
    apdu.AARE_REFUSED: ("AARE", "diagnostic: authentication-failure"),
    apdu.INITIATE_RESPONSE: ("initiate-response", "max-pdu-size: 500"),
    apdu.SERVICE_ERROR: ("confirmed-service-error",),
    security.GET_BOTH: ("glo-get-request: authenticated and encrypted, suite 0, counter 19088743",),
    security.GLO_INITIATE: ("glo-initiate-request",),
}


def text(octets: bytes) -> str:
    return "\n".join(line for node in describe_octets(octets) for line in node.lines())


class PublishedTests(SynchronousTestCase):
    def test_apdus(self) -> None:
        for octets, words in APDUS.items():
            with self.subTest(octets=octets.hex()):
                told = text(octets)
                for word in words:
                    self.assertIn(word, told)
                wrapped = text(WrapperFrame(16, 1, octets).encode() * 2)
                self.assertIn("WRAPPER from 16 to 1", wrapped)
                for word in words:
                    self.assertEqual(wrapped.count(word), 2 * told.count(word))

    def test_frames(self) -> None:
        self.assertIn("HDLC SNRM from", text(hdlc.SNRM))
        self.assertIn("P/F", text(hdlc.SNRM))
        self.assertIn("window 1 out, 1 in", text(hdlc.UA))
        self.assertIn("HDLC FRMR from", text(hdlc.FRMR))
        told = text(hdlc.GET + hdlc.GET_ANSWER)
        self.assertIn("N(S)=", told)
        self.assertIn("get-request-normal", told)
        self.assertIn("get-response-normal", told)
        self.assertIn("1/1-0:32.32.0/1 Data logical_name", told)

    def test_segments_are_joined(self) -> None:
        told = text(b"".join(hdlc.PUSH_BLOCKS))
        self.assertIn("general-block-transfer", told)
        self.assertIn("data-notification", text(hdlc.PUSH))

    def test_what_was_opened_stands_below(self) -> None:
        node = describe_apdu(security.GET_BOTH, apdu.GET_CLOCK)
        self.assertIn("counter 19088743", node.text)
        self.assertEqual(node.below[0].text, "get-request-normal")

    def test_a_frame_that_is_none(self) -> None:
        self.assertIn("no frame: wrong", text(hdlc.SNRM[:-2] + b"\x00\x7e"))


class SecretTests(SynchronousTestCase):
    def test_a_password(self) -> None:
        asked = Aarq.decode(apdu.AARQ_LOW)
        password = asked.calling_authentication_value
        told = text(apdu.AARQ_LOW)
        self.assertIn(f"calling-authentication-value: {STARS}", told)
        self.assertNotIn(password.hex(), told.lower())
        self.assertNotIn(password.decode(), told)
        challenge = Aarq.decode(apdu.AARQ_HIGH).calling_authentication_value
        self.assertIn(challenge.hex().upper(), text(apdu.AARQ_HIGH))

    def test_a_dedicated_key(self) -> None:
        told = text(apdu.INITIATE_DEDICATED)
        self.assertIn(f"dedicated-key: {STARS}", told)
        self.assertNotIn("00112233", told)

    def test_what_is_written_to_be_one(self) -> None:
        secret, clock = parse_attribute("15/0-0:40.0.0/7"), parse_attribute("8/0-0:1.0.0/2")
        value = Data(Tag.OCTET_STRING, b"new password")
        for written in (
            SetRequestNormal(0xC1, secret, value),
            SetRequestWithList(0xC1, (clock, secret), (value, value)),
            ActionRequestNormal(0xC1, parse_method("15/0-0:40.0.0/2"), value),
            ActionRequestNormal(0xC1, parse_method("64/0-0:43.0.0/2"), value),
        ):
            told = text(written.encode())
            self.assertIn(STARS, told)
            self.assertNotIn("new password", told)
            self.assertNotIn(b"new password".hex(), told.lower())
        told = text(SetRequestNormal(0xC1, clock, value).encode())
        self.assertIn("new password", told)


class HostileTests(SynchronousTestCase):
    def shown(self, octets: bytes) -> None:
        for node in (*describe_octets(octets), *describe_frames(octets), describe_apdu(octets)):
            for line in node.lines():
                self.assertTrue(line.isprintable(), line)

    @given(st.binary(max_size=200))
    def test_any_octets(self, octets: bytes) -> None:
        self.shown(octets)

    @given(st.sampled_from([*APDUS, *hdlc.FRAMES]), st.data())
    def test_published_ones_with_a_change(self, octets: bytes, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(octets) - 1))
        change = data.draw(st.binary(max_size=3))
        self.shown(octets[:place] + change + octets[place + 1 :])

    @given(trees.trees)
    def test_any_data(self, data: Data) -> None:
        for line in describe_data(data, "value").lines():
            self.assertTrue(line.isprintable(), line)

    def test_a_text_that_would_steer_a_terminal(self) -> None:
        (line,) = describe_data(Data(Tag.VISIBLE_STRING, "\x1b[2J\x9b1m")).lines()
        self.assertEqual(line, r'visible-string "\u001b[2J\u009b1m"')

    def test_long_ones_are_cut_and_deep_ones_end(self) -> None:
        rows = tuple(Data(Tag.LONG, number) for number in range(10_000))
        lines = list(describe_data(Data(Tag.ARRAY, rows)).lines())
        self.assertLess(len(lines), 30)
        self.assertEqual(lines[-1].strip(), "and 9976 more")
        (line,) = describe_data(Data(Tag.OCTET_STRING, bytes(9999))).lines()
        self.assertLess(len(line), 200)
        inner = apdu.GET_CLOCK
        for _ in range(500):
            inner = GeneralSigning(Transaction(b"", b"", b""), inner, b"").encode()
        self.assertIn("an APDU within 4 others", text(inner))

    def test_noise_does_not_fill_the_screen(self) -> None:
        told = text(b"\x7e\xa0" * 1500 + hdlc.SNRM).splitlines()
        self.assertEqual(told[1], "and 1000 more beginnings of frames that are none")
        self.assertEqual(told[3], "and 498 more beginnings of frames that are none")
        self.assertIn("HDLC SNRM", told[4])

    def test_a_capture_is_told_as_far_as_it_is_read(self) -> None:
        told = describe_octets(hdlc.SNRM * 10_000)
        for _ in range(3):
            self.assertIn("HDLC SNRM", next(told).text)

    def test_what_passes_at_once_has_a_limit(self) -> None:
        *frames, rest = describe_frames(hdlc.SNRM * 10_000)
        self.assertLess(len(frames), 2000)
        self.assertIn("octets more", rest.text)

    def test_the_values_of_one_apdu_have_a_limit(self) -> None:
        data = Data(Tag.LONG, 1)
        for _ in range(4):
            data = Data(Tag.ARRAY, (data,) * 20)
        lines = list(describe_data(data).lines())
        self.assertLess(len(lines), 3000)
        self.assertEqual(lines[-1].strip(), "and 20 more")
        answer = GetResponseWithList(0xC1, (data,) * 300)
        self.assertLess(len(text(answer.encode()).splitlines()), 5000)

    def test_octets_are_cut_whatever_their_type(self) -> None:
        for data in (
            Data(Tag.BIT_STRING, BitString(bytes(8000), 63_999)),
            Data(Tag.UTF8_STRING, b"\xff" * 8000),
        ):
            (line,) = describe_data(data).lines()
            self.assertLess(len(line), 600)


class HexTests(SynchronousTestCase):
    def test_as_logs_write_them(self) -> None:
        for written in ("7EA0", "7e a0", "7E:A0", "0x7e, 0xA0", "7E-A0\n", "7E|A0", "7E;A0"):
            self.assertEqual(parse_hex(written), b"\x7e\xa0")

    def test_what_is_none(self) -> None:
        for written, told in (
            ("", "no octet"),
            ("7", "odd"),
            ("7G", "'G'"),
            ("00" * 2**21, "more"),
        ):
            self.assertIn(told, str(self.assertRaises(ValueError, parse_hex, written)))
