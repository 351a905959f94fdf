"""What an association does not allow is refused here, and what it does not tell by the meter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.cosem.short_names import OBJECT_LIST_SN, ShortNames
from dlmsd.dlms.outcome import GetResult
from dlmsd.dlms.xdlms.access import AccessAction, AccessGet, AccessSet
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.apdu import decode_apdu
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.dlms.xdlms.get import Access
from dlmsd.errors import DecodeError, MeterError, ServiceError
from dlmsd.meter import rights
from dlmsd.meter.rights import AccessRightError, OwnAssociation, Rights, listed
from dlmsd.meter.session import Session
from dlmsd.secret import Secret
from dlmsd.simulator.personality import MICROSTAR, ODD, SHORT_NAMES, Personality
from dlmsd.simulator.quirks import Quirk
from tests.meter.test_services import CIPHERED, CLOCK, MODERN, ServiceCase

Work = Callable[[Session], Awaitable[object]]
ENTRY = bytes.fromhex("0204120003110009060101010800FF00")
VOLTAGE = AttributeDescriptor(3, Obis.parse("1-1:32.7.0"), 2)
MODE = AttributeDescriptor(70, Obis.parse("0-0:96.3.10"), 4)
DISCONNECT = MethodDescriptor(70, Obis.parse("0-0:96.3.10"), 1)
NUMBER = Data(Tag.LONG_UNSIGNED, 5)
ZERO = Data(Tag.INTEGER, 0)
READER = {"client": 1, "password": Secret("22222222")}
# It knows no part of its object list.
WHOLE = evolve(MICROSTAR, equipment=evolve(MICROSTAR.equipment, object_selectors=()))
# Its writer sees the clock, the breaker and no object list.
_WRITER = evolve(MICROSTAR.clients[1], sees=("0-0:1.0.0", "0-0:96.3.10"))
HIDDEN = evolve(MICROSTAR, clients=(_WRITER,))


class Blocks:
    """A session whose meter answers in blocks of seven octets. ``told`` hears what is asked."""

    conformance = Conformance.GET
    client = 1
    names = ShortNames()

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def told(self, attribute: AttributeDescriptor) -> None:
        """It may be raised from here that the meter refuses."""

    async def get(self, attribute: AttributeDescriptor, access: Access | None = None) -> Data:
        raise AssertionError("it is asked for no part")

    async def get_many(self, attributes: Sequence[AttributeDescriptor]) -> list[GetResult]:
        raise AssertionError("it is found at once")

    async def stream(
        self,
        attribute: AttributeDescriptor,
        access: Access | None,
        consume: Callable[[bytes], object],
    ) -> None:
        self.told(attribute)
        for start in range(0, len(self._octets), 7):
            consume(self._octets[start : start + 7])


class ObjectListTests(SynchronousTestCase):
    def objects(self, octets: bytes) -> list[str]:
        found = self.successResultOf(Deferred.fromCoroutine(listed(Blocks(octets))))
        return [str(one.obis) for one in found]

    def test_a_list_with_a_wrong_count(self) -> None:
        """Iskraemeco MT880 tells another number of objects than it sends."""
        for count in (1, 2, 3, 100):
            octets = bytes((1, count)) + 2 * ENTRY
            self.assertEqual(self.objects(octets), ["1-1:1.8.0"] * 2)

    def test_what_is_no_list(self) -> None:
        coroutine = listed(Blocks(b"\x09\x01\x00"))
        self.failureResultOf(Deferred.fromCoroutine(coroutine), DecodeError)


class Refuses(Blocks):
    """A session whose meter shows no list."""

    conformance = Conformance.SELECTIVE_ACCESS

    def __init__(self, error: MeterError) -> None:
        super().__init__(b"")
        self.error = error
        self.asked = 0

    def told(self, attribute: AttributeDescriptor) -> None:
        self.asked += 1
        raise self.error

    async def get(self, attribute: AttributeDescriptor, access: Access | None = None) -> Data:
        self.told(attribute)
        raise AssertionError("it refuses")

    async def get_many(self, attributes: Sequence[AttributeDescriptor]) -> list[GetResult]:
        self.asked += 1
        return [DataAccessResult.OBJECT_UNDEFINED] * len(attributes)


class UntoldTests(SynchronousTestCase):
    def test_it_is_simply_asked_for_the_work(self) -> None:
        for error, questions in (
            (ServiceError("object-undefined", DataAccessResult.OBJECT_UNDEFINED), 3),
            (ServiceError("denied", DataAccessResult.READ_WRITE_DENIED), 3),
            (ServiceError("no such part", DataAccessResult.TYPE_UNMATCHED), 2),
            (ServiceError("exception-response: pdu-too-long"), 2),
            (MeterError("odd"), 1),
        ):
            session, of_one = Refuses(error), Rights()
            for _ in range(3):
                checked = Deferred.fromCoroutine(of_one.check(session, (VOLTAGE, DISCONNECT)))
                self.successResultOf(checked)
            self.assertEqual(session.asked, questions)


class Numbered(Blocks):
    """A session whose meter has associations by number alone; ``clients`` are theirs."""

    def __init__(self, clients: Sequence[int | None]) -> None:
        super().__init__(bytes((1, 1)) + ENTRY)
        self.clients = clients
        self.asked: list[str] = []

    async def get_many(self, attributes: Sequence[AttributeDescriptor]) -> list[GetResult]:
        self.asked.append("partners")
        return [
            DataAccessResult.OBJECT_UNDEFINED
            if told is None
            else Data(Tag.STRUCTURE, (Data(Tag.INTEGER, told), Data(Tag.LONG_UNSIGNED, 1)))
            for told in self.clients
        ]

    def told(self, attribute: AttributeDescriptor) -> None:
        self.asked.append(str(attribute.obis))
        if str(attribute.obis) == "0-0:40.0.0":
            raise ServiceError("object-undefined", DataAccessResult.OBJECT_UNDEFINED)


class NumberedTests(SynchronousTestCase):
    """docs/meters.md, row 41."""

    def test_the_list_is_that_of_ones_own_association(self) -> None:
        none = [None] * 5
        session, own = Numbered([16, None, 1, *none]), OwnAssociation()
        for _ in range(2):
            found = self.successResultOf(Deferred.fromCoroutine(listed(session, None, own)))
            self.assertEqual([str(one.obis) for one in found], ["1-1:1.8.0"])
        self.assertEqual(session.asked, ["0-0:40.0.0", "partners", "0-0:40.0.3", "0-0:40.0.3"])
        session = Numbered([1, *none, None, None])
        session.client = 200
        session.clients = [1, 200 - 256, *none, None]
        self.successResultOf(Deferred.fromCoroutine(listed(session)))
        self.assertEqual(session.asked[-1], "0-0:40.0.2")

    def test_those_of_others_tell_nothing(self) -> None:
        for clients in ([16, 2, *[None] * 6], [None] * 8):
            session, own = Numbered(clients), OwnAssociation()
            for _ in range(2):
                coroutine = listed(session, None, own)
                self.failureResultOf(Deferred.fromCoroutine(coroutine), ServiceError)
            self.assertEqual(session.asked, ["0-0:40.0.0", "partners", "0-0:40.0.0"])


class RightsTests(ServiceCase):
    """``sent`` is what left for the meter after the association stood, by kind."""

    def sent(self, work: Work) -> Work:
        self.kinds: list[str] = []

        def apdu(direction: str, octets: bytes, plain: bytes | None) -> None:
            if direction == "sent":
                self.kinds.append(type(decode_apdu(octets)).__name__)

        async def watched(session: Session) -> object:
            with session.shown(lambda direction, octets: None, apdu):
                return await work(session)

        return watched

    def refused(self, personality: Personality, **changes: object) -> None:
        async def work(session: Session) -> None:
            await self.fails(
                AccessRightError,
                "3/1-1:32.7.0/2 Register value may not be written: its access mode is read_only",
                session.set(VOLTAGE, NUMBER),
            )
            if "client" in changes:  # the reader's may invoke nothing
                await self.fails(
                    AccessRightError,
                    "70/0-0:96.3.10/method 1 Disconnect control remote_disconnect may not be "
                    "invoked: its access mode is no_access",
                    session.action(DISCONNECT, ZERO),
                )
            await session.get(CLOCK)

        self.visit(self.sent(work), personality, **changes)
        asking = ("Get", "Read")
        self.assertEqual({kind for kind in self.kinds if not kind.startswith(asking)}, set())

    def test_an_attribute_that_may_only_be_read(self) -> None:
        for personality in (MICROSTAR, WHOLE):
            with self.subTest(personality=personality.equipment.object_selectors):
                self.setUp()
                self.refused(personality)
                self.end()

    def test_where_the_association_has_another_name(self) -> None:
        async def work(session: Session) -> None:
            words = "Register value may not be written: its access mode is read_only"
            await self.fails(AccessRightError, words, session.set(VOLTAGE, NUMBER))
            await session.set(MODE, Data(Tag.ENUM, 3))

        odd = ODD[Quirk.OTHER_ASSOCIATION]
        equipment = evolve(odd.equipment, object_selectors=())
        for personality in (odd, evolve(odd, equipment=equipment)):
            with self.subTest(selectors=personality.equipment.object_selectors):
                self.setUp()
                self.visit(work, personality, client=1, password=None, **CIPHERED)
                self.end()

    def test_a_method_that_may_not_be_invoked(self) -> None:
        self.refused(MICROSTAR, **READER)
        self.assertLessEqual(len(self.kinds), 4)

    def test_the_access_service_too_unless_it_reads(self) -> None:
        async def work(session: Session) -> None:
            for item in (AccessSet(VOLTAGE), AccessAction(DISCONNECT)):
                await self.fails(AccessRightError, "may not be", session.access((item,), (NUMBER,)))
            await session.access((AccessGet(VOLTAGE),), (None,))

        self.visit(work, MODERN, **READER)

    def test_one_of_several_is_enough_and_nothing_is_written(self) -> None:
        async def work(session: Session) -> Data:
            several = session.set_many((MODE, VOLTAGE), (Data(Tag.ENUM, 3), NUMBER))
            await self.fails(AccessRightError, "3/1-1:32.7.0/2", several)
            return await session.get(MODE)

        self.assertNotEqual(self.visit(work), Data(Tag.ENUM, 3))

    def test_what_is_allowed_costs_one_question(self) -> None:
        async def work(session: Session) -> None:
            for number in (3, 4, 5):
                await session.set(MODE, Data(Tag.ENUM, number))
            await session.action(DISCONNECT, ZERO)

        self.visit(self.sent(work))
        written = ["SetRequestNormal"] * 3
        self.assertEqual(self.kinds, ["GetRequestNormal", *written, "ActionRequestNormal"])

    def test_an_object_that_is_not_listed_is_the_meters_to_refuse(self) -> None:
        async def work(session: Session) -> None:
            await session.set(MODE, Data(Tag.ENUM, 3))
            await self.fails(ServiceError, "read-write-denied", session.set(VOLTAGE, NUMBER))

        self.visit(work, HIDDEN)

    def test_a_list_that_makes_no_sense_is_not_asked_for_again(self) -> None:
        async def work(session: Session) -> None:
            for number in (3, 4):
                await session.set(MODE, Data(Tag.ENUM, number))
            await self.fails(ServiceError, "read-write-denied", session.set(VOLTAGE, NUMBER))

        self.visit(self.sent(work), ODD[Quirk.WRONG_COUNT])
        self.assertEqual(self.kinds.count("GetRequestNormal"), 1)

    def test_a_very_long_list_is_not_read_to_its_end(self) -> None:
        async def work(session: Session) -> None:
            for number in (3, 4):
                await session.set(MODE, Data(Tag.ENUM, number))
            await self.fails(ServiceError, "read-write-denied", session.set(VOLTAGE, NUMBER))

        self.patch(rights, "MOST", 1000)
        self.visit(self.sent(work), evolve(WHOLE, max_response=100))
        self.assertIn("GetRequestNext", self.kinds)
        self.assertLess(self.kinds.count("GetRequestNext"), 20)

    def test_by_short_names(self) -> None:
        for changes in ({}, READER):
            with self.subTest(changes=changes):
                self.setUp()
                self.refused(SHORT_NAMES, referencing="sn", **changes)
                self.end()

    def test_what_is_allowed_by_short_names_costs_one_list(self) -> None:
        async def work(session: Session) -> None:
            for number in (3, 4, 5):
                await session.set(MODE, Data(Tag.ENUM, number))
            await session.action(DISCONNECT, ZERO)

        self.visit(self.sent(work), SHORT_NAMES, referencing="sn")
        kinds = [kind for kind, _ in groupby(self.kinds)]
        self.assertEqual(kinds, ["ReadRequest", "WriteRequest"])
        self.assertEqual(self.kinds.count("WriteRequest"), 4)

    def test_an_association_sn_that_has_no_such_list(self) -> None:
        async def work(session: Session) -> None:
            session.names._version = 1
            await self.fails(ServiceError, "read-write-denied", session.set(VOLTAGE, NUMBER))

        self.visit(self.sent(work), SHORT_NAMES, referencing="sn")
        self.assertEqual(self.kinds, ["WriteRequest"])

    def test_a_list_by_short_names_that_makes_no_sense(self) -> None:
        async def work(session: Session) -> None:
            for _ in range(2):
                await self.fails(ServiceError, "read-write-denied", session.set(VOLTAGE, NUMBER))

        self.patch(rights, "ACCESS_RIGHTS_SN", OBJECT_LIST_SN)
        self.visit(work, SHORT_NAMES, referencing="sn")
