"""Associations in the states that tests begin with, and assertions on what they say."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import AssociationResult, DiagnosticSource, UserDiagnostic
from dlmsd.dlms.association import Association
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.outcome import Associated, AssociationEvent, Discarded, Refused, RequestFailed
from dlmsd.dlms.quirks import Quirk
from dlmsd.errors import DlmsdError
from tests.vectors import apdu

CLOCK = AttributeDescriptor(8, Obis.parse("0-0:1.0.0"), 2)


def pending(*quirks: Quirk) -> Association:
    """An AARQ is under way."""
    association = Association(Mechanism.NONE, quirks=quirks)
    association.associate()
    return association


def associated(*quirks: Quirk) -> Association:
    """The meter has accepted."""
    association = pending(*quirks)
    assert association.receive(apdu.AARE_ACCEPTED) == [Associated()]
    return association


class AssociationTestCase(SynchronousTestCase):
    """Asserts on an association's events."""

    def aare(
        self, user_information: bytes, context: ApplicationContext = ApplicationContext.LN
    ) -> bytes:
        """An AARE that accepts."""
        return Aare(
            context,
            AssociationResult.ACCEPTED,
            DiagnosticSource.ACSE_SERVICE_USER,
            UserDiagnostic.NULL,
            user_information=user_information,
        ).encode()

    def assert_discarded(self, events: list[AssociationEvent]) -> None:
        self.assertEqual([type(event) for event in events], [Discarded])

    def assert_refused(
        self, events: list[AssociationEvent], kind: type[DlmsdError], words: str = ""
    ) -> None:
        (event,) = events
        assert isinstance(event, Refused), events
        self.assertIs(type(event.error), kind)
        self.assertIn(words, str(event.error))

    def assert_failed(
        self, events: list[AssociationEvent], kind: type[DlmsdError], words: str = ""
    ) -> None:
        (event,) = events
        assert isinstance(event, RequestFailed), events
        self.assertIs(type(event.error), kind)
        self.assertIn(words, str(event.error))
