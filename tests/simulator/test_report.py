"""What virtual meters tell unasked, on demand, heard by dlmsd's own client."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.association_sn import READING_SN, AssociationSN
from dlmsd.dlms.axdr.data import Data
from dlmsd.dlms.cosem.short_names import OBJECT_LIST_SN, ShortNames
from dlmsd.dlms.xdlms.notification import EventNotificationRequest
from dlmsd.dlms.xdlms.short_name import InformationReport
from dlmsd.simulator.personality import (
    MICROSTAR,
    SECURE,
    SHORT_NAMES,
    SHORT_SECURE,
    WRAPPER,
    Personality,
)
from tests.simulator.client import PASSWORD, Client, World, register
from tests.simulator.secure import ClientEnd

VOLTAGE, CURRENT = register("1-1:32.7.0"), register("1-1:31.7.0")
MISSING = register("1-1:99.9.9")


class ReportTests(SynchronousTestCase):
    def client(self, personality: Personality, **options: Any) -> Client:
        self.world = World(personality=personality).start()
        return self.world.client(**options).open()

    def told(self, client: Client, *attributes: Any) -> list[Any]:
        """What is told before the next answer, which is not disturbed by it."""
        self.world.simulation.report("virtual-001", attributes)
        (value,) = client.get(VOLTAGE)
        self.assertIs(type(value), Data)
        found, client.told = client.told, []
        return found

    def test_logical_names(self) -> None:
        secured = ClientEnd(SECURE).association()
        for personality, options in (
            (MICROSTAR, {}),
            (WRAPPER, {"wrapper": 1}),
            (SECURE, {"association": secured}),
        ):
            client = self.client(personality, **options)
            first, second = self.told(client, VOLTAGE, MISSING, CURRENT)
            assert isinstance(first, EventNotificationRequest)
            self.assertEqual((first.attribute, second.attribute), (VOLTAGE, CURRENT))
            self.assertTrue(2200 < first.value.value < 2400)
            self.assertEqual(self.told(client), [])

    def test_short_names(self) -> None:
        plain = AssociationSN(Mechanism.LOW, PASSWORD, proposed=READING_SN)
        for personality, association in (
            (SHORT_NAMES, plain),
            (SHORT_SECURE, ClientEnd(SHORT_SECURE).association()),
        ):
            client = self.client(personality, association=association)
            association.names = names = ShortNames.of(client.get(OBJECT_LIST_SN)[0])
            (report,) = self.told(client, VOLTAGE, MISSING, CURRENT)
            assert isinstance(report, InformationReport)
            expected = [names.attribute(one) for one in (VOLTAGE, CURRENT)]
            self.assertEqual([one.name for one in report.variables], expected)
            self.assertTrue(2200 < report.values[0].value < 2400)
            self.assertEqual(self.told(client, MISSING), [])

    def test_recorded(self) -> None:
        client = self.client(MICROSTAR)
        (report,) = self.told(client, VOLTAGE)
        told, _ = self.world.entries
        self.assertEqual(told.results, (("1-1:32.7.0", 2, str(report.value.value)),))

    def test_nobody_is_told_without_an_association(self) -> None:
        for personality, options in ((MICROSTAR, {}), (WRAPPER, {"wrapper": 1})):
            client = self.client(personality, **options)
            client.release()
            client.transport.clear()
            self.world.simulation.report("virtual-001", [VOLTAGE])
            self.assertEqual(client.transport.value(), b"")
        world = World().start()
        world.connect()
        world.simulation.report("virtual-001", [VOLTAGE])
        self.assertEqual(world.entries, [])
