"""ACTION: requests and responses, whole, cut, spoiled and shortened as meters do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import (
    ActionAnswer,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
    decode_answer,
    decode_answers,
    encode_answers,
)
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.datablock import DataBlock
from dlmsd.errors import DecodeError, LocalError
from tests.dlms.xdlms.test_get import DATA, INVOKES, RESULTS, data
from tests.dlms.xdlms.test_set import BLOCKS, NUMBERS
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import services as vectors

REPLY = MethodDescriptor(15, Obis.parse("0-0:40.0.0"), 1)
RESET = MethodDescriptor(3, Obis.parse("1-1:1.8.0"), 1)
METHODS = st.builds(
    MethodDescriptor,
    st.integers(0, 0xFFFF),
    st.binary(min_size=6, max_size=6).map(Obis),
    st.integers(-128, 127),
)
ANSWERS = st.builds(ActionAnswer, st.integers(0, 255).map(ActionResult), st.none() | RESULTS)
# The shortest that is accepted: nothing behind the result.
SHORTEST = 4


class RequestTests(ApduTestCase):
    def test_normal(self) -> None:
        challenge = data("091110 00001A90E6D2221FA2FD85EED61ACC22")
        self.assert_three_ways(vectors.ACTION_HLS, ActionRequestNormal(0xC0, REPLY, challenge))
        self.assert_three_ways(vectors.ACTION_PLAIN, ActionRequestNormal(0xC0, REPLY))

    def test_each(self) -> None:
        block = DataBlock(False, 1, b"\x01\x02")
        for octets, request in (
            ("C302C100000102", ActionRequestNextPblock(0xC1, 258)),
            (
                "C303C102 000F0000280000FF01 00030101010800FF01 02 00 0F00",
                ActionRequestWithList(0xC1, (REPLY, RESET), (data("00"), data("0F00"))),
            ),
            (
                "C304C1 000F0000280000FF01 00 00000001 02 0102",
                ActionRequestWithFirstPblock(0xC1, REPLY, block),
            ),
            (
                "C305C101 000F0000280000FF01 00 00000001 02 0102",
                ActionRequestWithListAndFirstPblock(0xC1, (REPLY,), block),
            ),
            ("C306C1 00 00000001 02 0102", ActionRequestWithPblock(0xC1, block)),
        ):
            self.assert_three_ways(bytes.fromhex(octets), request)

    def test_one_each(self) -> None:
        self.assertRaises(LocalError, ActionRequestWithList, 0xC1, (REPLY,), ())
        octets = bytes.fromhex("C303C101 000F0000280000FF01 00")
        self.assert_refused(ActionRequestWithList, octets, "0 parameters for 1 items")

    def test_a_method_says_what_it_is(self) -> None:
        self.assertEqual(str(RESET), "3/1-1:1.8.0/method 1")

    @given(INVOKES, st.lists(st.tuples(METHODS, DATA), min_size=1, max_size=5), BLOCKS, NUMBERS)
    def test_round_trip(
        self,
        invoke: int,
        items: list[tuple[MethodDescriptor, Data]],
        block: DataBlock,
        number: int,
    ) -> None:
        methods, parameters = zip(*items, strict=True)
        for request in (
            ActionRequestNormal(invoke, methods[0], parameters[0]),
            ActionRequestNextPblock(invoke, number),
            ActionRequestWithList(invoke, methods, parameters),
            ActionRequestWithFirstPblock(invoke, methods[0], block),
            ActionRequestWithListAndFirstPblock(invoke, methods, block),
            ActionRequestWithPblock(invoke, block),
        ):
            self.assertEqual(type(request).decode(request.encode()), request)


class ResponseTests(ApduTestCase):
    def assert_normal(self, octets: bytes, answer: ActionAnswer) -> None:
        """As ``assert_three_ways``, but for the shortened response."""
        response = ActionResponseNormal(0xC0, answer)
        self.assertEqual(ActionResponseNormal.decode(octets), response)
        self.assertEqual(response.encode().hex(), octets.hex())
        for end in range(len(octets)):
            if end == SHORTEST:
                shortened = ActionResponseNormal.decode(octets[:end])
                self.assertEqual(shortened.answer, ActionAnswer(answer.result))
                continue
            error = self.assertRaises(DecodeError, ActionResponseNormal.decode, octets[:end])
            self.assertIn(" at byte ", str(error))
        for trailer in (b"\x00", b"\xff", octets):
            self.assert_refused(ActionResponseNormal, octets + trailer, "trailing")

    def test_normal(self) -> None:
        done = ActionResult.SUCCESS
        proof = data("091110 00001AFDE8857B728A3499106AA665D1")
        self.assert_normal(vectors.ACTION_HLS_ANSWER, ActionAnswer(done, proof))
        self.assert_normal(vectors.ACTION_PLAIN_ANSWER, ActionAnswer(done))
        reason = DataAccessResult.OTHER_REASON
        self.assert_normal(vectors.ACTION_REASON, ActionAnswer(done, reason))

    def test_what_meters_leave_out(self) -> None:
        done = ActionResult.SUCCESS
        proof = ActionAnswer(done, data("0903010203"))
        for octets, answer in (
            # Nothing behind the result.
            ("C701C1 00", ActionAnswer(done)),
            ("C701C1 03", ActionAnswer(ActionResult.READ_WRITE_DENIED)),
            # The choice of Get-Data-Result.
            ("C701C1 00 01 0903010203", proof),
            ("C701C1 00 01 02010F05", ActionAnswer(done, data("02010F05"))),
            # The presence of return parameters.
            ("C701C1 00 00 0903010203", proof),
        ):
            response = ActionResponseNormal.decode(bytes.fromhex(octets))
            self.assertEqual(response, ActionResponseNormal(0xC1, answer))

    def test_what_is_in_doubt_is_refused(self) -> None:
        for octets, words in (
            ("C701C1", "the result is cut short"),
            ("C701C1 00 01", "return parameters are cut short"),
            ("C701C1 00 01 00", "return parameters: a data tag is missing"),
            ("C701C1 00 01 01", "return parameters are cut short"),
            ("C701C1 00 01 09 03 0102", "return parameters: octet-string"),
            ("C701C1 00 00 00", "1 trailing"),
            ("C701C1 00 00 FF", "1 trailing"),
            ("C701C1 00 00 09 03 0102", "4 trailing"),
            ("C701C1 00 00 0301 00", "3 trailing"),
        ):
            self.assert_refused(ActionResponseNormal, bytes.fromhex(octets), words, "at byte")

    def test_each(self) -> None:
        block = DataBlock(True, 2, b"\x01\x02")
        answers = (
            ActionAnswer(ActionResult.SUCCESS, data("0F05")),
            ActionAnswer(ActionResult.OBJECT_UNDEFINED),
        )
        for octets, response in (
            ("C702C1 01 00000002 02 0102", ActionResponseWithPblock(0xC1, block)),
            ("C703C102 0001000F05 0400", ActionResponseWithList(0xC1, answers)),
            ("C704C100000102", ActionResponseNextPblock(0xC1, 258)),
        ):
            self.assert_three_ways(bytes.fromhex(octets), response)

    def test_a_list_without_choices(self) -> None:
        response = ActionResponseWithList.decode(bytes.fromhex("C703C102 00010F05 0400"))
        self.assertEqual(response.answers[0], ActionAnswer(ActionResult.SUCCESS, data("0F05")))

    def test_words(self) -> None:
        self.assertIn("use another client", ActionResult.READ_WRITE_DENIED.words)
        self.assertEqual(ActionResult.LONG_ACTION_ABORTED.standard_name, "long-action-aborted")
        self.assertIn("code 99", ActionResult(99).words)
        # Action-Result shares its numbers with Data-Access-Result, and most of its names.
        for result in ActionResult:
            same = DataAccessResult(int(result)).name.replace("LONG_GET", "LONG_ACTION")
            self.assertEqual(result.name, same)

    @given(INVOKES, st.lists(ANSWERS, max_size=6), BLOCKS, NUMBERS)
    def test_round_trip(
        self, invoke: int, answers: list[ActionAnswer], block: DataBlock, number: int
    ) -> None:
        for response in (
            *(ActionResponseNormal(invoke, answer) for answer in answers),
            ActionResponseWithPblock(invoke, block),
            ActionResponseWithList(invoke, tuple(answers)),
            ActionResponseNextPblock(invoke, number),
        ):
            self.assertEqual(type(response).decode(response.encode()), response)

    @given(st.lists(ANSWERS, max_size=6))
    def test_in_blocks(self, answers: list[ActionAnswer]) -> None:
        octets = encode_answers(answers)
        self.assertEqual(decode_answers(octets), tuple(answers))
        self.assertRaises(DecodeError, decode_answers, octets[:-1])
        self.assertRaises(DecodeError, decode_answers, octets + b"\x00")
        for answer in answers:
            self.assertEqual(decode_answer(answer.encode()), answer)
            self.assertRaises(DecodeError, decode_answer, answer.encode() + b"\x00")
