"""Which service carries a request, and that results are the same whichever does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, decode
from dlmsd.dlms.quirks import NO_ACCESS
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action_result import ActionResult
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.errors import ServiceError, UnservedError
from dlmsd.meter.carrier import Carrier, Carriers
from dlmsd.meter.session import Session
from dlmsd.simulator.personality import (
    GBT,
    MICROSTAR,
    NO_LISTS,
    ONLY_ACCESS,
    SECURE,
    WRAPPER,
    Personality,
)
from tests.meter.test_services import (
    CIPHERED,
    CLOCK,
    MINUTES,
    MODERN,
    NOTHING,
    NOWHERE,
    SERIAL,
    SHIFT,
    ZONE,
    ServiceCase,
)

GET, ACCESS, LISTS = Conformance.GET, Conformance.ACCESS, Conformance.MULTIPLE_REFERENCES
WRITER = (MICROSTAR.clients[1],)
UNLISTED = evolve(MODERN, conformance=MODERN.conformance & ~LISTS)
REFUSING = evolve(NO_LISTS, clients=WRITER, conformance=WRAPPER.conformance)
PLAINEST = evolve(MICROSTAR, conformance=MICROSTAR.conformance & ~LISTS)
KINDS = {0xC0: "get", 0xC1: "set", 0xC3: "action", 0xD9: "access"}


class ChoiceTests(SynchronousTestCase):
    def test_of_what_is_offered(self) -> None:
        for offered, one, several in (
            (GET, Carrier.ONE, Carrier.ONE),
            (GET | LISTS, Carrier.ONE, Carrier.LIST),
            (GET | LISTS | ACCESS, Carrier.ONE, Carrier.LIST),
            (GET | ACCESS, Carrier.ONE, Carrier.ACCESS),
            (ACCESS, Carrier.ONE_ACCESS, Carrier.ACCESS),
            (ACCESS | LISTS, Carrier.ONE_ACCESS, Carrier.ACCESS),
            (Conformance(0), Carrier.ONE, Carrier.ONE),
        ):
            with self.subTest(offered=offered):
                carriers = Carriers()
                self.assertIs(carriers.choose(offered, GET, 1), one)
                self.assertIs(carriers.choose(offered, GET, 2), several)

    def test_what_was_refused_is_not_tried_again(self) -> None:
        carriers = Carriers()
        carriers.refused(Carrier.LIST)
        self.assertIs(carriers.choose(GET | LISTS | ACCESS, GET, 2), Carrier.ACCESS)
        carriers.refused(Carrier.ACCESS)
        for _ in range(2):
            self.assertIs(carriers.choose(GET | LISTS | ACCESS, GET, 2), Carrier.ONE)
            self.assertIs(carriers.choose(ACCESS, GET, 2), Carrier.ONE_ACCESS)
            carriers.took(Carrier.ONE)
            carriers.parted()

    def test_by_who_refuses_one_by_one_as_well_it_is_tried_again(self) -> None:
        carriers = Carriers()
        carriers.refused(Carrier.LIST)
        carriers.acquit()
        self.assertIs(carriers.choose(GET | LISTS, GET, 2), Carrier.LIST)

    def test_with_a_lost_association_it_is_not_refused(self) -> None:
        """But where the association was lost for it, and again the next time."""
        carriers = Carriers()

        def lost() -> Carrier:
            carriers.refused(Carrier.LIST)
            carriers.parted()
            self.assertIs(carriers.choose(GET | LISTS, GET, 2), Carrier.ONE)
            carriers.took(Carrier.ONE)
            return carriers.choose(GET | LISTS, GET, 2)

        for _ in range(3):
            self.assertIs(lost(), Carrier.LIST)
            carriers.took(Carrier.LIST)
        self.assertIs(lost(), Carrier.LIST)
        self.assertIs(lost(), Carrier.ONE)


class CarrierCase(ServiceCase):
    """What is asked of a meter, and in which services."""

    def sent(
        self,
        work: Callable[[Session], Any],
        personality: Personality,
        **changes: Any,
    ) -> tuple[Any, list[str]]:
        """The result of ``work``, and the requests that it took."""
        kinds: list[str] = []

        def witness(direction: str, apdu: bytes, plain: bytes | None) -> None:
            tag = (plain or apdu)[0]
            if direction == "sent" and tag in KINDS:
                kinds.append(KINDS[tag])

        async def seen(session: Session) -> Any:
            with session.shown(lambda direction, octets: None, witness):
                return await work(session)

        self.setUp()
        try:
            return self.visit(seen, personality, **changes), kinds
        finally:
            self.end()


class ReadingTests(CarrierCase):
    @staticmethod
    async def all_of_it(session: Session) -> Sequence[Any]:
        return await session.get_many((ZONE, NOTHING, SERIAL) * 4)

    def test_the_same_results_in_as_few_requests(self) -> None:
        for personality, changes, expected in (
            (MICROSTAR, {}, ["get"] * 2),
            (PLAINEST, {}, ["get"] * 12),
            (MODERN, {}, ["get"] * 2),
            (UNLISTED, {}, ["access"] * 2),
            (UNLISTED, {"quirks": frozenset({NO_ACCESS})}, ["get"] * 12),
            (ONLY_ACCESS, {}, ["access"] * 2),
            # Twelve in lists, then by the way that is left.
            (REFUSING, {}, ["get", "access", "access"]),
        ):
            with self.subTest(personality=personality.name, changes=changes):
                results, kinds = self.sent(self.all_of_it, personality, **changes)
                self.assertEqual(kinds, expected)
                self.assertIs(results[0].tag, Tag.LONG)
                self.assertIs(results[1], DataAccessResult.OBJECT_UNDEFINED)
                self.assertIs(results[2].tag, Tag.OCTET_STRING)
                self.assertEqual(results[3:], results[:3] * 3)

    def test_who_only_reads_may_too(self) -> None:
        results, kinds = self.sent(self.all_of_it, UNLISTED, writing=False)
        self.assertEqual(kinds, ["access"] * 2)
        self.assertEqual(len(results), 12)

    def test_an_answer_that_is_too_long_for_one_is_asked_for_one_by_one(self) -> None:
        results, kinds = self.sent(self.all_of_it, evolve(UNLISTED, max_response=40))
        self.assertEqual(kinds[:2], ["access", "get"])
        self.assertEqual(len(results), 12)

    def test_in_general_blocks(self) -> None:
        personality = evolve(GBT, clients=WRITER, conformance=GBT.conformance & ~LISTS)
        results, kinds = self.sent(self.all_of_it, personality, gbt_window=4)
        self.assertEqual(kinds, ["access"] * 2)
        self.assertEqual(len(results), 12)

    def test_ciphered(self) -> None:
        changes = {"client": 1, **CIPHERED}
        personality = evolve(SECURE, conformance=SECURE.conformance & ~LISTS)
        results, kinds = self.sent(self.all_of_it, personality, **changes)
        self.assertEqual(kinds, ["access"] * 2)
        self.assertIs(results[1], DataAccessResult.OBJECT_UNDEFINED)

    def test_one_value_where_there_is_no_get(self) -> None:
        async def work(session: Session) -> tuple[Data, bytes]:
            octets: list[bytes] = []
            await session.stream(SERIAL, None, octets.append)
            await self.fails(ServiceError, "no such object", session.get(NOTHING))
            return await session.get(SERIAL), b"".join(octets)

        (serial, streamed), kinds = self.sent(work, ONLY_ACCESS)
        self.assertEqual(kinds, ["access"] * 3)
        self.assertEqual(decode(streamed)[0], serial)


class ChangingTests(CarrierCase):
    def test_a_result_for_each(self) -> None:
        async def work(session: Session) -> tuple[Any, Any, Data]:
            written = await session.set_many((ZONE, CLOCK), (MINUTES, MINUTES))
            invoked = await session.action_many((SHIFT, NOWHERE), (MINUTES, None))
            return tuple(written), [one.result for one in invoked], await session.get(ZONE)

        for personality, expected in (
            (MODERN, ["set", "action"]),
            (UNLISTED, ["access", "access"]),
            (PLAINEST, ["set", "set", "action", "action"]),
            (ONLY_ACCESS, []),
        ):
            with self.subTest(personality=personality.name):
                (written, invoked, zone), kinds = self.sent(work, personality)
                reading = "access" if personality is ONLY_ACCESS else "get"
                self.assertEqual([one for one in kinds if one != reading], expected)
                self.assertEqual(
                    written, (DataAccessResult.SUCCESS, DataAccessResult.TYPE_UNMATCHED)
                )
                self.assertEqual(invoked, [ActionResult.SUCCESS, ActionResult.OBJECT_UNDEFINED])
                self.assertEqual(zone, MINUTES)

    def test_what_is_too_long_together_goes_one_by_one(self) -> None:
        async def work(session: Session) -> Sequence[DataAccessResult]:
            return await session.set_many((ZONE, ZONE), (MINUTES, MINUTES))

        results, kinds = self.sent(work, evolve(UNLISTED, max_pdu=30))
        # The rights are too long to ask for, which is no sign of another association.
        self.assertEqual([one for one in kinds if one != "get"], ["set", "set"])
        self.assertEqual(set(results), {DataAccessResult.SUCCESS})

    def test_a_refusal_of_all_is_no_reason_to_do_it_again(self) -> None:
        async def work(session: Session) -> None:
            again = session.action_many((SHIFT, SHIFT), (MINUTES, MINUTES))
            await self.fails(UnservedError, "", again)
            await session.action_many((SHIFT, SHIFT), (MINUTES, MINUTES))

        _, kinds = self.sent(work, REFUSING)
        self.assertEqual([one for one in kinds if one != "get"], ["action", "access"])
