"""What a session can ask of a meter besides reading, against virtual meters in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from dlmsd.dlms.axdr.clock import DateTime
from dlmsd.dlms.axdr.data import Data, Tag, decode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access import AccessAction, AccessGet, AccessSet, ActionDone, SetDone
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.selective import EntryDescriptor
from dlmsd.errors import ClosedError, DlmsdError, MeterError, ReadOnlyError, ServiceError
from dlmsd.meter.security import secured
from dlmsd.meter.session import Session
from dlmsd.meter.visit import Visit
from dlmsd.secret import Secret
from dlmsd.simulator.faults import Fault, FaultKind
from dlmsd.simulator.personality import (
    GBT,
    GBT_WRAPPER,
    MICROSTAR,
    SECURE,
    SHORT_NAMES,
    SMALL,
    WINDOW,
    WRAPPER,
    Personality,
)
from tests.meter.fleet import FleetCase

T = TypeVar("T")
CLOCK = AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2)
ZONE = AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 3)
SHIFT = MethodDescriptor(8, Obis.parse("0-0:1.0.0"), 6)
NOWHERE = MethodDescriptor(8, Obis.parse("0-0:99.0.0"), 6)
OBJECTS = AttributeDescriptor(15, Obis.parse("0-0:40.0.0"), 2)
SERIAL = AttributeDescriptor(1, Obis.parse("0-0:96.1.0"), 2)
NOTHING = AttributeDescriptor(3, Obis.parse("1-1:99.9.9"), 2)
BUFFER = AttributeDescriptor(7, Obis.parse("1-0:99.1.0"), 2)
LAST_ROWS = EntryDescriptor(1, 50).access
MINUTES = Data(Tag.LONG, 60)
# SMALL with a client that may write, who is otherwise the same.
SMALL_WRITER = evolve(SMALL, clients=(MICROSTAR.clients[1],))
MODERN = evolve(MICROSTAR, conformance=WRAPPER.conformance)
_KEYS = SECURE.security.client
# How the client of SECURE comes.
CIPHERED = {
    "authentication": "high-gmac",
    "security": "authenticated-encrypted",
    "system_title": b"DLMSDCLT",
    "encryption_key": _KEYS.encryption,
    "authentication_key": _KEYS.authentication,
}


class ServiceCase(FleetCase):
    """``visit`` a virtual meter as its writer and do ``work`` there."""

    def visit(
        self,
        work: Callable[[Session], Awaitable[T]],
        personality: Personality = MICROSTAR,
        **changes: Any,
    ) -> T:
        self.simulate(personality=personality)
        return self.again(work, **changes)

    def again(self, work: Callable[[Session], Awaitable[T]], **changes: Any) -> T:
        """To the meter that was visited before."""
        (options,) = self.options(
            **{"client": 32, "password": Secret("11111111"), "writing": True} | changes
        )

        async def errand() -> T:
            security = secured(options, self.counters, self.draw)
            async with Visit(options, self.network, security=security) as session:
                return await work(session)

        done = Deferred.fromCoroutine(errand())
        self.network.run(120)
        return self.successResultOf(done)

    async def fails(self, kind: type[DlmsdError], words: str, work: Awaitable[object]) -> None:
        try:
            await work
        except DlmsdError as error:
            self.assertIs(type(error), kind)
            self.assertIn(words, str(error))
        else:
            self.fail(f"{words!r} was not raised")


class WritingTests(ServiceCase):
    def test_a_value_that_is_set_is_read_back(self) -> None:
        async def work(session: Session) -> Data:
            await session.set(ZONE, MINUTES)
            return await session.get(ZONE)

        for personality in (MICROSTAR, SMALL_WRITER):
            with self.subTest(personality=personality.name):
                self.setUp()
                self.assertEqual(self.visit(work, personality), MINUTES)
                self.end()

    def test_several_in_one_request(self) -> None:
        async def work(session: Session) -> object:
            return await session.set_many((ZONE, CLOCK), (MINUTES, MINUTES))

        done, refused = DataAccessResult.SUCCESS, DataAccessResult.TYPE_UNMATCHED
        self.assertEqual(self.visit(work), (done, refused))

    def test_a_method_changes_the_meter(self) -> None:
        async def work(session: Session) -> tuple[Data, Data]:
            before = await session.get(CLOCK)
            self.assertIsNone(await session.action(SHIFT, Data(Tag.LONG, 600)))
            return before, await session.get(CLOCK)

        before, after = (DateTime.decode(data.value).to_datetime() for data in self.visit(work))
        assert before is not None
        assert after is not None
        self.assertEqual(round((after - before).total_seconds()), 600)

    def test_several_methods_in_one_request(self) -> None:
        async def work(session: Session) -> list[ActionResult]:
            answers = await session.action_many((SHIFT, NOWHERE), (Data(Tag.LONG, 60), None))
            return [answer.result for answer in answers]

        expected = [ActionResult.SUCCESS, ActionResult.OBJECT_UNDEFINED]
        self.assertEqual(self.visit(work), expected)

    def test_reading_writing_and_invoking_in_one_request(self) -> None:
        async def work(session: Session) -> None:
            items = (AccessGet(SERIAL), AccessSet(ZONE), AccessAction(SHIFT))
            results = await session.access(items, (None, MINUTES, Data(Tag.LONG, 60)))
            self.assertEqual(results[0][0], await session.get(SERIAL))
            self.assertEqual(results[1][1], SetDone(DataAccessResult.SUCCESS))
            self.assertEqual(results[2][1], ActionDone(ActionResult.SUCCESS))
            self.assertEqual(await session.get(ZONE), MINUTES)

        self.visit(work, MODERN)

    def test_what_the_meter_refuses_is_a_sentence_and_the_session_goes_on(self) -> None:
        async def work(session: Session) -> None:
            await self.fails(ServiceError, "type-unmatched", session.set(CLOCK, MINUTES))
            await self.fails(ServiceError, "no such object", session.action(NOWHERE))
            await session.get(CLOCK)

        self.visit(work)

    def test_off_unless_the_configuration_allows_it(self) -> None:
        async def work(session: Session) -> None:
            nothing: Data = Data(Tag.NULL_DATA, None)
            for attempt in (
                session.set(ZONE, MINUTES),
                session.action(SHIFT, MINUTES),
                session.access((AccessGet(CLOCK),), (nothing,)),
            ):
                await self.fails(ReadOnlyError, "writing is off", attempt)
            await session.get(CLOCK)

        self.visit(work, writing=False)

        async def zone(session: Session) -> Data:
            return await session.get(ZONE)

        self.assertNotEqual(self.again(zone), MINUTES)

    def test_ciphered(self) -> None:
        changes = {"client": 1, **CIPHERED}

        async def work(session: Session) -> Data:
            await session.set(ZONE, MINUTES)
            await session.action(SHIFT, Data(Tag.LONG, 60))
            return await session.get(ZONE)

        self.assertEqual(self.visit(work, SECURE, **changes), MINUTES)


class StreamTests(ServiceCase):
    def test_octets_come_as_the_blocks_do(self) -> None:
        async def work(session: Session) -> tuple[list[bytes], Data]:
            pieces: list[bytes] = []
            await session.stream(OBJECTS, None, pieces.append)
            return pieces, await session.get(OBJECTS)

        for personality, least in ((MICROSTAR, 1), (SMALL_WRITER, 100)):
            with self.subTest(personality=personality.name):
                self.setUp()
                pieces, whole = self.visit(work, personality)
                self.assertGreaterEqual(len(pieces), least)
                self.assertEqual(decode(b"".join(pieces))[0], whole)
                self.end()

    def test_a_consumer_that_cannot_go_on(self) -> None:
        async def work(session: Session) -> None:
            taken: list[bytes] = []

            def consume(octets: bytes) -> None:
                taken.append(octets)
                if len(taken) == 3:
                    raise MeterError("the third makes no sense")

            await self.fails(MeterError, "the third", session.stream(OBJECTS, None, consume))
            self.assertEqual(len(taken), 3)
            self.assertFalse(session.associated)
            await session.open()
            await session.get(CLOCK)

        self.visit(work, SMALL_WRITER)

    def test_what_is_refused_gives_nothing(self) -> None:
        async def work(session: Session) -> None:
            taken: list[bytes] = []
            nowhere = AttributeDescriptor(7, Obis.parse("1-0:99.9.9"), 2)
            await self.fails(ServiceError, "object", session.stream(nowhere, None, taken.append))
            self.assertEqual(taken, [])

        self.visit(work)

    def test_a_line_that_breaks(self) -> None:
        async def work(session: Session) -> None:
            self.simulation.inject([Fault(FaultKind.RESET, every=1)])
            await self.fails(ClosedError, "", session.stream(OBJECTS, None, bytes))

        self.visit(work, SMALL_WRITER)


class FormTests(ServiceCase):
    """The same services over other names, other blocks and other windows."""

    async def all_services(self, session: Session) -> None:
        await session.set(ZONE, MINUTES)
        await session.action(SHIFT, Data(Tag.LONG, 60))
        results = await session.get_many((ZONE, CLOCK, NOTHING))
        self.assertEqual(results[0], MINUTES)
        self.assertIs(results[2], DataAccessResult.OBJECT_UNDEFINED)
        pieces: list[bytes] = []
        await session.stream(BUFFER, LAST_ROWS, pieces.append)
        rows, end = decode(b"".join(pieces))
        self.assertEqual(end, len(b"".join(pieces)))
        self.assertEqual(len(rows.value), 50)
        self.assertEqual(rows, await session.get(BUFFER, LAST_ROWS))

    def test_short_names(self) -> None:
        self.visit(self.all_services, SHORT_NAMES, referencing="sn")

    def test_general_block_transfer(self) -> None:
        for personality in (GBT, GBT_WRAPPER):
            for window in (1, 4, 63):
                with self.subTest(personality=personality.name, window=window):
                    self.setUp()
                    self.visit(
                        self.all_services,
                        evolve(personality, clients=(MICROSTAR.clients[1],)),
                        framing=personality.framing,
                        gbt_window=window,
                    )
                    self.end()

    def test_general_blocks_that_get_lost(self) -> None:
        async def work(session: Session) -> None:
            self.simulation.inject([Fault(FaultKind.LOST_BLOCK, every=7)])
            await self.all_services(session)

        personality = evolve(GBT_WRAPPER, clients=(MICROSTAR.clients[1],))
        self.visit(work, personality, framing="wrapper", gbt_window=4)

    def test_windows_of_frames(self) -> None:
        personality = evolve(WINDOW, clients=(MICROSTAR.clients[1],))
        for window in (1, 3, 7):
            with self.subTest(window=window):
                self.setUp()
                self.visit(self.all_services, personality, window=window)
                self.end()


class ToldTests(ServiceCase):
    def test_what_a_meter_says_while_it_is_read(self) -> None:
        """It costs no answer, and whoever wants hears of it."""

        async def work(session: Session) -> Data:
            self.simulation.report("virtual-001", [CLOCK])
            return await session.get(ZONE)

        heard: list[str] = []

        def log(event: dict[str, Any]) -> None:
            if "told unasked" in (event.get("log_format") or ""):
                heard.append(event["apdu"])

        globalLogPublisher.addObserver(log)
        self.addCleanup(globalLogPublisher.removeObserver, log)
        self.assertEqual(self.visit(work, MODERN).tag, Tag.LONG)
        self.assertEqual(len(heard), 1)
        self.assertIn("0-0:1.0.0", heard[0])
