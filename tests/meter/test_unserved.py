"""Meters that refuse a whole request: an association that is lost, or a service they lack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from dlmsd.dlms.xdlms.exception_response import ExceptionResponse, ServiceError, StateError
from dlmsd.simulator.answer import Answer
from dlmsd.simulator.association import ServerAssociation
from dlmsd.simulator.personality import MICROSTAR, SECURE_WRAPPER, WRAPPER, Personality
from tests.meter.fleet import FleetCase
from tests.meter.test_services import CIPHERED

AARQ, ONE, LIST = "aarq", "one", "list"
KINDS = {b"\x60": AARQ, b"\xc0\x01": ONE, b"\xc0\x03": LIST}
REFUSAL = ExceptionResponse(
    StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE
).encode()
UNLISTED = evolve(WRAPPER, lists=False)


class UnservedTests(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str] = []
        self.server: ServerAssociation | None = None
        self.strange: Callable[[str, ServerAssociation], bool] = lambda kind, server: False
        real = ServerAssociation.receive

        def receive(server: ServerAssociation, client: int, apdu: bytes, **more: bool) -> Answer:
            kind = KINDS.get(apdu[:1]) or KINDS.get(apdu[:2], "")
            self.asked.append(kind)
            self.server = server
            if self.strange(kind, server):
                return Answer(REFUSAL)
            return real(server, client, apdu, **more)

        self.patch(ServerAssociation, "receive", receive)

    def poll(self, personality: Personality, **changes: Any) -> None:
        self.simulate(personality=personality)
        self.read(self.options(framing=personality.framing, **changes))

    def since(self, seconds: float) -> list[str]:
        """What the meter is asked in the next ones."""
        before = len(self.asked)
        self.run_for(seconds)
        return self.asked[before:]

    def lose(self) -> None:
        """As a meter does that starts behind its module, whose connections stand."""
        assert self.server is not None
        self.server.abort()

    def lost(self, personality: Personality, **changes: Any) -> None:
        """It is opened again in the same cycle, and nothing else is learned from it."""
        self.poll(personality, **changes)
        self.run_for(62)
        usual = self.since(5)
        self.lose()
        before = len(self.readings)
        self.assertEqual(self.since(5).count(AARQ), 1)
        self.assertEqual(len(self.readings), before + 1)
        self.assertEqual(self.since(600), usual * 120)
        (status,) = self.statuses.values()
        self.assertEqual((status.failed, status.connects, status.error), (0, 1, ""))

    def test_a_lost_association(self) -> None:
        self.lost(WRAPPER)

    def test_a_lost_association_over_hdlc(self) -> None:
        self.lost(MICROSTAR)

    def test_a_lost_association_of_one_without_lists(self) -> None:
        self.lost(UNLISTED)

    def test_a_lost_association_with_ciphering(self) -> None:
        self.lost(SECURE_WRAPPER, **CIPHERED)

    def test_one_that_refuses_everything_is_associated_once_a_cycle(self) -> None:
        self.strange = lambda kind, server: kind != AARQ
        self.poll(WRAPPER)
        self.run_for(62)
        for _ in range(20):
            self.assertEqual(self.since(5).count(AARQ), 1)
        self.assertEqual(self.readings, [])
        (status,) = self.statuses.values()
        self.assertIn("associate again", status.error)
        self.strange = lambda kind, server: False
        self.run_for(20)
        self.assertEqual(self.since(50), [LIST] * 10, "it never refused a list alone")

    def test_what_it_refuses_item_by_item_is_no_lost_association(self) -> None:
        blind = evolve(WRAPPER.clients[0], sees=("0-0:42.0.0",))
        self.poll(evolve(WRAPPER, clients=(blind, *WRAPPER.clients[1:])))
        self.run_for(62)
        (status,) = self.statuses.values()
        self.assertGreater(status.failed, 10)
        self.assertEqual(self.asked.count(AARQ), 1)

    def test_lists_that_are_refused_are_not_sent_again(self) -> None:
        self.poll(UNLISTED)
        self.run_for(62)
        self.assertEqual(self.asked.count(LIST), 1)
        self.assertEqual(self.asked.count(AARQ), 1)

    def test_lists_that_end_the_association_are_not_sent_for_ever(self) -> None:
        def refuse(kind: str, server: ServerAssociation) -> bool:
            if kind == LIST:
                server.abort()
            return kind == LIST

        self.strange = refuse
        self.poll(WRAPPER)
        self.run_for(62)
        self.assertEqual(self.asked.count(LIST), 2)
        (status,) = self.statuses.values()
        self.assertLessEqual(status.failed, 2, "of scalers, and of values")
        self.assertEqual(self.since(5), [ONE] * 5)
