"""GET through the association: single, with list, in blocks, and answered wrongly."""

from __future__ import annotations

from dlmsd.dlms.association import Association
from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import (
    AssociationEvent,
    BlockReceived,
    Confirm,
    Discarded,
    Notified,
    RequestFailed,
    Results,
    SendApdu,
)
from dlmsd.dlms.quirks import BLOCKS_GO_ON
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.get import (
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    Result,
    encode_results,
)
from dlmsd.dlms.xdlms.notification import DataNotification, EventNotificationRequest
from dlmsd.dlms.xdlms.short_name import InformationReport
from dlmsd.errors import DecodeError, MeterError, ServiceError, UnservedError
from tests.dlms.associations import CLOCK, AssociationTestCase, associated
from tests.vectors import apdu

VOLTAGE = AttributeDescriptor(3, Obis.parse("1-1:32.7.0"), 2)
# Green Book, GET-Response-Normal of the example above GET with a list.
ONE_ANSWER = bytes.fromhex("c401c100090401020304")
VALUE = Data(Tag.LONG_UNSIGNED, 235)
DENIED = DataAccessResult.READ_WRITE_DENIED


def asked(*attributes: AttributeDescriptor) -> tuple[Association, int]:
    """An association that waits for these, and the request's invoke octet."""
    association = associated()
    (event,) = association.get(attributes or [CLOCK])
    assert isinstance(event, SendApdu)
    return association, event.apdu[2]


class NormalTests(AssociationTestCase):
    def test_published_request_and_answer(self) -> None:
        association = associated()
        expected = apdu.GET_CLOCK[:2] + b"\xc1" + apdu.GET_CLOCK[3:]
        self.assertEqual(association.get([CLOCK]), [SendApdu(expected)])
        (event,) = association.receive(ONE_ANSWER)
        self.assertEqual(event, Results((Data(Tag.OCTET_STRING, b"\x01\x02\x03\x04"),)))

    def test_an_answer_longer_than_any_limit_that_was_told(self) -> None:
        association, invoke = asked()
        data = Data(Tag.OCTET_STRING, bytes(70_000))
        answer = GetResponseNormal(invoke, data).encode()
        self.assertGreater(len(answer), max(association.max_pdu, 0xFFFF))
        self.assertEqual(association.receive(answer), [Results((data,))])

    def test_refused_by_a_result(self) -> None:
        """For one attribute that is its result, not a failure."""
        association, invoke = asked()
        answer = GetResponseNormal(invoke, DENIED).encode()
        self.assertEqual(association.receive(answer), [Results((DENIED,))])

    def test_invoke_ids_go_round(self) -> None:
        association = associated()
        seen = []
        for _ in range(40):
            (event,) = association.get([CLOCK])
            assert isinstance(event, SendApdu)
            request = GetRequestNormal.decode(event.apdu)
            seen.append(request.invoke)
            association.receive(GetResponseNormal(request.invoke, VALUE).encode())
        self.assertEqual(seen, [0xC0 | (number + 1) % 16 for number in range(40)])

    def test_priority_and_service_class_need_not_come_back(self) -> None:
        association, invoke = asked()
        answer = GetResponseNormal(invoke & 0x0F, VALUE).encode()
        self.assertEqual(association.receive(answer), [Results((VALUE,))])

    def test_wrong_invoke_id_once(self) -> None:
        association, invoke = asked()
        self.assert_discarded(association.receive(GetResponseNormal(invoke ^ 1, VALUE).encode()))
        answer = GetResponseNormal(invoke, VALUE).encode()
        self.assertEqual(association.receive(answer), [Results((VALUE,))])

    def test_wrong_invoke_id_twice(self) -> None:
        for wrong in (
            GetResponseNormal(0xC9, VALUE),
            GetResponseWithList(0xC9, (VALUE,)),
            GetResponseWithBlock(0xC9, True, 1, b"\x00"),
        ):
            association, _ = asked()
            self.assert_discarded(association.receive(wrong.encode()))
            self.assert_failed(association.receive(wrong.encode()), MeterError, "invoke-id")
            self.assertTrue(association.associated)

    def test_a_late_answer_is_never_the_next_requests(self) -> None:
        association, first = asked()
        association.receive(GetResponseNormal(first, VALUE).encode())
        association.get([VOLTAGE])
        late = association.receive(GetResponseNormal(first, VALUE).encode())
        self.assert_discarded(late)

    def test_exception_and_service_error(self) -> None:
        for octets, words in ((b"\xd8\x02\x02", "service"), (b"\x0e\x05\x05\x03", "hardware")):
            association, _ = asked()
            self.assert_failed(association.receive(octets), UnservedError, words)
            self.assertTrue(association.associated)
            self.assertIsInstance(association.get([CLOCK])[0], SendApdu)

    def test_unexpected_apdus(self) -> None:
        """They answer nothing, and the request goes on."""
        association, invoke = asked()
        for other in (
            apdu.AARE_ACCEPTED,
            apdu.GET_CLOCK,
            apdu.INITIATE_RESPONSE,
            bytes.fromhex("0f0000000100"),
            bytes.fromhex("c20000"),
            bytes.fromhex("18"),
            bytes.fromhex("e0810001000000"),
        ):
            self.assert_discarded(association.receive(other))
        answer = GetResponseNormal(invoke, VALUE).encode()
        self.assertEqual(association.receive(answer), [Results((VALUE,))])
        self.assert_discarded(association.receive(answer))

    def test_what_is_told_in_the_middle(self) -> None:
        """Pushes answer nothing, and the request goes on."""
        association, invoke = asked()
        for octets, kind in (
            ("0f000000010000", DataNotification),
            ("c2000003010100200700ff0200", EventNotificationRequest),
            ("1800010200080100", InformationReport),
        ):
            (event,) = association.receive(bytes.fromhex(octets))
            assert isinstance(event, Notified), event
            self.assertIs(type(event.apdu), kind)
        answer = GetResponseNormal(invoke, VALUE).encode()
        self.assertEqual(association.receive(answer), [Results((VALUE,))])

    def test_what_wants_to_be_confirmed(self) -> None:
        association, invoke = asked()
        told, confirm = association.receive(bytes.fromhex("0f c0000007 00 1105"))
        self.assertIsInstance(told, Notified)
        self.assertEqual(confirm, Confirm(bytes.fromhex("10 c0000007 00")))
        answer = GetResponseNormal(invoke, VALUE).encode()
        self.assertEqual(association.receive(answer), [Results((VALUE,))])

    def test_truncated(self) -> None:
        answers = (
            ONE_ANSWER,
            GetResponseNormal(0xC1, DENIED).encode(),
            GetResponseWithBlock(0xC1, False, 1, b"block").encode(),
            b"\xd8\x02\x02",
            b"\x0e\x05\x05\x03",
        )
        for whole in answers:
            for size in range(len(whole)):
                association, _ = asked()
                self.assert_failed(association.receive(whole[:size]), DecodeError)
            association, _ = asked()
            self.assert_failed(association.receive(whole + b"\x00"), DecodeError)


class WithListTests(AssociationTestCase):
    def test_request_and_answer(self) -> None:
        association = associated()
        (event,) = association.get([CLOCK, VOLTAGE])
        assert isinstance(event, SendApdu)
        request = GetRequestWithList.decode(event.apdu)
        self.assertEqual(request, GetRequestWithList(0xC1, (CLOCK, VOLTAGE)))
        (event,) = association.receive(apdu.GET_LIST_ANSWER)
        assert isinstance(event, Results)
        first, second = event.results
        self.assertEqual(first, Data(Tag.OCTET_STRING, b"\x01\x02\x03\x04"))
        assert isinstance(second, Data)
        self.assertIs(second.tag, Tag.VISIBLE_STRING)

    def test_refusals_within_the_list(self) -> None:
        association, invoke = asked(CLOCK, VOLTAGE)
        answer = GetResponseWithList(invoke, (DENIED, VALUE)).encode()
        self.assertEqual(association.receive(answer), [Results((DENIED, VALUE))])

    def test_too_few_and_too_many(self) -> None:
        for count in (0, 1, 3, 100):
            association, invoke = asked(CLOCK, VOLTAGE)
            answer = GetResponseWithList(invoke, (VALUE,) * count).encode()
            self.assert_failed(association.receive(answer), MeterError, f"{count} results")
            self.assertTrue(association.associated)

    def test_refused_by_one_result(self) -> None:
        for refusal in (
            GetResponseNormal(0xC1, DENIED),
            GetResponseWithList(0xC1, (DENIED,)),
            GetResponseWithBlock(0xC1, True, 1, DENIED),
        ):
            association, _ = asked(CLOCK, VOLTAGE)
            events = association.receive(refusal.encode())
            self.assert_failed(events, ServiceError, "refused the list")

    def test_one_value_for_a_list(self) -> None:
        association, invoke = asked(CLOCK, VOLTAGE)
        answer = GetResponseNormal(invoke, VALUE).encode()
        self.assert_failed(association.receive(answer), MeterError, "1 results")

    def test_truncated(self) -> None:
        for size in range(len(apdu.GET_LIST_ANSWER)):
            association, _ = asked(CLOCK, VOLTAGE)
            self.assert_failed(association.receive(apdu.GET_LIST_ANSWER[:size]), DecodeError)

    def test_a_published_malformed_answer(self) -> None:
        association, _ = asked(CLOCK, VOLTAGE)
        self.assert_failed(association.receive(apdu.GET_LIST_MALFORMED), DecodeError)


class BlockTests(AssociationTestCase):
    def blocks(self, octets: bytes, size: int) -> list[bytes]:
        """Raw data cut into blocks."""
        return [octets[start : start + size] for start in range(0, len(octets), size)]

    def feed(self, association: Association, blocks: list[bytes]) -> list[AssociationEvent]:
        """All blocks; the next is asked for each time, by the number of the last."""
        for number, block in enumerate(blocks[:-1], 1):
            answer = GetResponseWithBlock(0xC1, False, number, block)
            events = association.receive(answer.encode())
            self.assertEqual(events, [SendApdu(GetRequestNext(0xC1, number).encode())])
        last = GetResponseWithBlock(0xC1, True, len(blocks), blocks[-1])
        return association.receive(last.encode())

    def test_by_hand(self) -> None:
        """Octet by octet: long-unsigned 235 in two blocks."""
        association, _ = asked(VOLTAGE)
        events = association.receive(bytes.fromhex("c402c10000000001000212 00"))
        self.assertEqual(events, [SendApdu(bytes.fromhex("c002c100000001"))])
        events = association.receive(bytes.fromhex("c402c101000000020001eb"))
        self.assertEqual(events, [Results((VALUE,))])

    def test_one_value(self) -> None:
        value = Data(Tag.OCTET_STRING, bytes(range(256)) * 4)
        for size in (1, 7, 500, 5000):
            association, _ = asked()
            events = self.feed(association, self.blocks(encode(value), size))
            self.assertEqual(events, [Results((value,))])

    def test_a_list(self) -> None:
        results: tuple[Result, ...] = (VALUE, DENIED, Data(Tag.OCTET_STRING, bytes(99)))
        for size in (1, 10, 1000):
            association, _ = asked(CLOCK, VOLTAGE, CLOCK)
            events = self.feed(association, self.blocks(encode_results(results), size))
            self.assertEqual(events, [Results(results)])

    def test_a_list_of_another_length(self) -> None:
        association, _ = asked(CLOCK, VOLTAGE)
        events = self.feed(association, self.blocks(encode_results((VALUE,) * 3), 4))
        self.assert_failed(events, MeterError, "3 results")

    def test_cut_short_and_too_long(self) -> None:
        for count, octets in ((1, encode(VALUE)), (2, encode_results((VALUE, VALUE)))):
            for wrong in (octets[:-1], octets + b"\x00", b""):
                association, _ = asked(*[CLOCK] * count)
                self.assert_failed(self.feed(association, [wrong]), DecodeError)

    def test_wrong_numbers(self) -> None:
        for number in (0, 1, 3, 0xFFFFFFFF):
            association, _ = asked()
            self.feed_one(association)
            block = GetResponseWithBlock(0xC1, False, number, b"\x00")
            self.assert_failed(association.receive(block.encode()), MeterError, f"block {number}")
            self.assert_discarded(association.receive(block.encode()))

    def feed_one(self, association: Association) -> None:
        events = association.receive(GetResponseWithBlock(0xC1, False, 1, b"\x09\x04").encode())
        self.assertIsInstance(events[0], SendApdu)

    def test_not_the_first(self) -> None:
        for number in (2, 3, 0xFFFFFFFF):
            association, _ = asked()
            block = GetResponseWithBlock(0xC1, True, number, b"\x00")
            self.assert_failed(association.receive(block.encode()), MeterError, "block 1 was due")

    def test_counted_from_0(self) -> None:
        """As the Actaris SL7000 does; the next block is asked for by the meter's number."""
        association, _ = asked(VOLTAGE)
        block = GetResponseWithBlock(0xC1, False, 0, b"\x12")
        wanted = SendApdu(GetRequestNext(0xC1, 0).encode())
        self.assertEqual(association.receive(block.encode()), [wanted])
        self.assert_discarded(association.receive(GetResponseWithBlock(2, True, 0, b"").encode()))
        block = GetResponseWithBlock(0xC1, True, 1, b"\x00\xeb")
        self.assertEqual(association.receive(block.encode()), [Results((VALUE,))])

    def test_counted_on_from_the_last_answer(self) -> None:
        """With the quirk the first may have any number, and each other one only the next."""
        for start in (0, 1, 2, 17, 0xFFFFFFF0):
            association = associated(BLOCKS_GO_ON)
            association.get([VOLTAGE])
            block = GetResponseWithBlock(0xC1, False, start, b"\x12")
            wanted = SendApdu(GetRequestNext(0xC1, start).encode())
            self.assertEqual(association.receive(block.encode()), [wanted])
            block = GetResponseWithBlock(0xC1, True, start + 1, b"\x00\xeb")
            self.assertEqual(association.receive(block.encode()), [Results((VALUE,))])
            association.get([VOLTAGE])
            association.receive(GetResponseWithBlock(0xC2, False, start + 2, b"\x12").encode())
            lost = GetResponseWithBlock(0xC2, True, start + 4, b"\x00\xeb")
            self.assert_failed(association.receive(lost.encode()), MeterError, "was due")

    def test_streamed(self) -> None:
        """Blocks are told as they come, and not kept, however many there are."""
        association = associated()
        (event,) = association.get([CLOCK], stream=True)
        assert isinstance(event, SendApdu)
        for number in range(1, 5001):
            first, second = association.receive(
                GetResponseWithBlock(0xC1, False, number, bytes(1000)).encode()
            )
            self.assertEqual(first, BlockReceived(bytes(1000)))
            self.assertEqual(second, SendApdu(GetRequestNext(0xC1, number).encode()))
        last = GetResponseWithBlock(0xC1, True, 5001, b"\x01").encode()
        self.assertEqual(association.receive(last), [BlockReceived(b"\x01"), Results((None,))])

    def test_streamed_but_whole(self) -> None:
        association = associated()
        association.get([CLOCK], stream=True)
        answer = GetResponseNormal(0xC1, VALUE).encode()
        self.assertEqual(association.receive(answer), [Results((VALUE,))])

    def test_an_empty_block(self) -> None:
        association, _ = asked()
        block = GetResponseWithBlock(0xC1, False, 1, b"")
        self.assert_failed(association.receive(block.encode()), MeterError, "empty")

    def test_refused_in_the_middle(self) -> None:
        association, _ = asked()
        self.feed_one(association)
        aborted = DataAccessResult.LONG_GET_ABORTED
        events = association.receive(GetResponseWithBlock(0xC1, True, 2, aborted).encode())
        self.assertEqual(events, [Results((aborted,))])

    def test_another_kind_in_the_middle(self) -> None:
        for other in (
            GetResponseNormal(0xC1, VALUE),
            GetResponseWithList(0xC1, (VALUE,)),
            GetResponseWithList(0xC1, (DENIED, VALUE)),
        ):
            association, _ = asked()
            self.feed_one(association)
            self.assert_failed(association.receive(other.encode()), MeterError, "block 2 was due")

    def test_endless_blocks(self) -> None:
        for size, most in ((1, 4096), (2000, (4 << 20) // 2000)):
            association, _ = asked()
            number = 1
            while True:
                block = GetResponseWithBlock(0xC1, False, number, bytes(size))
                (event,) = association.receive(block.encode())
                if isinstance(event, RequestFailed):
                    break
                number += 1
                self.assertLess(number, 5000)
            self.assertEqual(number, most + 1)
            self.assert_failed([event], MeterError, f"{most} blocks")

    def test_stray_blocks_between(self) -> None:
        association, _ = asked(VOLTAGE)
        stray = GetResponseWithBlock(0xC5, False, 1, b"\xff").encode()
        association.receive(bytes.fromhex("c402c1000000000100021200"))
        self.assertIsInstance(association.receive(stray)[0], Discarded)
        events = association.receive(bytes.fromhex("c402c101000000020001eb"))
        self.assertEqual(events, [Results((VALUE,))])
