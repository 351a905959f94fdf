"""dlms-cosem 21.3.2 as independent judge of the ACSE APDUs.

What it cannot judge, and why:

* lengths above 127, and so long passwords: it writes and reads one length byte only
* short names: it refuses their contexts
* a challenge or password as bitstring: it takes the byte of unused bits for a part of it
* an AARQ without user-information, or an RLRQ or RLRE without any field: it refuses them
* unknown results, diagnostics and reasons, diagnostics 15 and 16, protocol-version and
  garbled refusals: it refuses them
"""

from __future__ import annotations

from dlms_cosem import enumerations
from dlms_cosem.protocol import acse, xdlms
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.acse.aare import Aare
from dlmsd.dlms.acse.aarq import Aarq
from dlmsd.dlms.acse.context import ApplicationContext, Mechanism
from dlmsd.dlms.acse.diagnostic import (
    DIAGNOSTICS,
    AssociationResult,
    DiagnosticSource,
    UserDiagnostic,
)
from dlmsd.dlms.acse.release import ReleaseRequestReason, ReleaseResponseReason, Rlre, Rlrq
from dlmsd.dlms.xdlms.apdu import decode_apdu
from tests.vectors import apdu as vectors

REQUEST = acse.UserInformation(xdlms.InitiateRequest.from_bytes(vectors.INITIATE_REQUEST))
RESPONSE = acse.UserInformation(xdlms.InitiateResponse.from_bytes(vectors.INITIATE_RESPONSE))
ERROR = acse.UserInformation(xdlms.ConfirmedServiceError.from_bytes(vectors.SERVICE_ERROR))

TITLES = st.none() | st.binary(min_size=8, max_size=8)
# All of an APDU with 32 bytes fits into its one length byte.
VALUES = st.binary(min_size=1, max_size=32)
CONTEXTS = st.sampled_from((ApplicationContext.LN, ApplicationContext.LN_CIPHERED))


class JudgeTests(SynchronousTestCase):
    def assert_agree(self, ours: object, theirs: object) -> None:
        """Both write the same bytes, and each reads those of the other."""
        octets = bytes(theirs.to_bytes())
        self.assertEqual(ours.encode().hex(), octets.hex())
        self.assertEqual(decode_apdu(octets), ours)
        self.assertEqual(type(theirs).from_bytes(ours.encode()), theirs)

    @given(CONTEXTS, st.sampled_from(Mechanism), VALUES, TITLES)
    def test_aarq(
        self,
        context: ApplicationContext,
        mechanism: Mechanism,
        value: bytes,
        title: bytes | None,
    ) -> None:
        none = mechanism is Mechanism.NONE
        theirs = acse.ApplicationAssociationRequest(
            REQUEST,
            system_title=title,
            authentication=None if none else enumerations.AuthenticationMechanism(int(mechanism)),
            ciphered=context is ApplicationContext.LN_CIPHERED,
            authentication_value=None if none else value,
        )
        password = b"" if none else value
        ours = Aarq(context, mechanism, password, vectors.INITIATE_REQUEST, title)
        self.assert_agree(ours, theirs)

    @given(
        CONTEXTS,
        st.sampled_from(AssociationResult),
        st.sampled_from(DiagnosticSource),
        st.integers(0, 14),
        st.sampled_from(Mechanism),
        VALUES,
        TITLES,
        st.sampled_from((RESPONSE, ERROR, None)),
    )
    def test_aare(
        self,
        context: ApplicationContext,
        result: AssociationResult,
        source: DiagnosticSource,
        number: int,
        mechanism: Mechanism,
        value: bytes,
        title: bytes | None,
        information: acse.UserInformation | None,
    ) -> None:
        user = source is DiagnosticSource.ACSE_SERVICE_USER
        number = number if user else number % 3
        kind = (
            enumerations.AcseServiceUserDiagnostics
            if user
            else enumerations.AcseServiceProviderDiagnostics
        )
        none = mechanism is Mechanism.NONE
        theirs = acse.ApplicationAssociationResponse(
            enumerations.AssociationResult(int(result)),
            kind(number),
            ciphered=context is ApplicationContext.LN_CIPHERED,
            authentication=None if none else enumerations.AuthenticationMechanism(int(mechanism)),
            system_title=title,
            authentication_value=value,
            user_information=information,
        )
        content = bytes(information.content.to_bytes()) if information else b""
        diagnostic = DIAGNOSTICS[source](number)
        self.assert_agree(
            Aare(context, result, source, diagnostic, mechanism, value, content, title), theirs
        )

    def test_the_published_ones(self) -> None:
        requests = ("AARQ_NONE", "AARQ_LOW", "AARQ_HIGH", "AARQ_CIPHERED")
        responses = ("AARE_ACCEPTED", "AARE_CONTEXT", "AARE_VERSION", "AARE_HIGH", "AARE_CIPHERED")
        for names, kind in (
            (requests, acse.ApplicationAssociationRequest),
            ((*responses, "AARE_REFUSED"), acse.ApplicationAssociationResponse),
        ):
            for name in names:
                octets = getattr(vectors, name)
                self.assertEqual(kind.from_bytes(octets).to_bytes().hex(), octets.hex(), name)

    def test_the_names_of_the_diagnostics(self) -> None:
        theirs = {code.name: int(code) for code in enumerations.AcseServiceUserDiagnostics}
        theirs["AUTHENTICATION_FAILURE"] = theirs.pop("AUTHENTICATION_FAILED")
        ours = {code.name: int(code) for code in UserDiagnostic if code <= 14}
        self.assertEqual(ours, theirs)

    def test_release(self) -> None:
        for information, content in ((REQUEST, vectors.INITIATE_REQUEST), (None, b"")):
            for request in ReleaseRequestReason:
                theirs = acse.ReleaseRequest(
                    enumerations.ReleaseRequestReason[request.name], information
                )
                self.assert_agree(Rlrq(request, content), theirs)
        for information, content in ((RESPONSE, vectors.INITIATE_RESPONSE), (None, b"")):
            for response in ReleaseResponseReason:
                theirs = acse.ReleaseResponse(
                    enumerations.ReleaseResponseReason[response.name], information
                )
                self.assert_agree(Rlre(response, content), theirs)
