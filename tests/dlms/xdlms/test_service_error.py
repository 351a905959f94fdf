"""Confirmed-Service-Error."""

from __future__ import annotations

from dlmsd.dlms.xdlms.service_error import (
    ERRORS,
    AccessError,
    ConfirmedService,
    ConfirmedServiceError,
    InitiateError,
)
from tests.dlms.xdlms.three_ways import ApduTestCase
from tests.vectors import apdu as vectors


class ConfirmedServiceErrorTests(ApduTestCase):
    def test_published(self) -> None:
        error = ConfirmedServiceError(
            ConfirmedService.INITIATE_ERROR, InitiateError.DLMS_VERSION_TOO_LOW
        )
        self.assert_three_ways(vectors.SERVICE_ERROR, error)
        self.assertIn("initiate-error", str(error))
        self.assertIn("dlms-version-too-low", str(error))

    def test_the_kind_matters(self) -> None:
        octets = bytes.fromhex("0E050501")
        error = ConfirmedServiceError(ConfirmedService.READ, AccessError.SCOPE_OF_ACCESS_VIOLATED)
        self.assert_three_ways(octets, error)
        self.assertIs(type(ConfirmedServiceError.decode(octets).error), AccessError)

    def test_every_error_of_the_standard(self) -> None:
        for choice, kind in ERRORS.items():
            for code in range(9):
                octets = bytes((0x0E, 1, choice, code))
                error = ConfirmedServiceError.decode(octets)
                self.assertIs(type(error.error), kind)
                self.assertEqual(error.encode(), octets)
                self.assertEqual(f"code {code}" in str(error), code not in list(kind))

    def test_unknown_kind(self) -> None:
        octets = bytes.fromhex("0E010B00")
        self.assert_refused(ConfirmedServiceError, octets, "kind of error 11", "at byte 2")
