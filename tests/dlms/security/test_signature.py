"""ECDSA against RFC 6979, NSA's Suite B guide and the Green Book."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.errors import KeyAgreementError, KeyLengthError, SignatureError
from dlmsd.dlms.security.signature import load_private, load_public, public_octets, sign, verify
from dlmsd.dlms.security.suite import SUITES
from dlmsd.errors import LocalError
from dlmsd.secret import Secret
from tests.vectors import security as vectors

# RFC 6979, A.2.5 (P-256 with SHA-256) and A.2.6 (P-384 with SHA-384): private key, public
# key, and r and s of the messages "sample" and "test".
RFC_6979 = (
    (
        SUITES[1],
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
        "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
        "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
        (
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
            "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
        ),
    ),
    (
        SUITES[2],
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA"
        "60D2EDF5",
        "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A25451"
        "5480BC13"
        "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD25"
        "33264720",
        (
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36"
            "DD1E80FABE46"
            "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82"
            "C71A38628AC8",
            "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB0542A7F0812998DA8F1D"
            "D3CA3CF023DB"
            "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E06A739F040649A667BF3B"
            "828246BAA5A5",
        ),
    ),
)
# NSA, Suite B Implementer's Guide to FIPS 186-3, D.1 and D.2.
SUITE_B_MESSAGE = b"This is only a test message. It is 48 bytes long"
SUITE_B = (
    (
        SUITES[1],
        "8101ECE47464A6EAD70CF69A6E2BD3D88691A3262D22CBA4F7635EAFF26680A8"
        "D8A12BA61D599235F67D9CB4D58F1783D3CA43E78F0A5ABAA624079936C0C3A9",
        "7214BC9647160BBD39FF2F80533F5DC6DDD70DDF86BB815661E805D5D4E6F27C"
        "7D1FF961980F961BDAA3233B6209F4013317D3E3F9E1493592DBEAA1AF2BC367",
    ),
    (
        SUITES[2],
        "1FBAC8EEBD0CBF35640B39EFE0808DD774DEBFF20A2A329E91713BAF7D7F3C3E81546D883730BEE7E48678F8"
        "57B02CA0"
        "EB213103BD68CE343365A8A4C3D4555FA385F5330203BDD76FFAD1F3AFFB95751C132007E1B240353CB0A4CF"
        "1693BDF9",
        "A0C27EC893092DEA1E1BD2CCFED3CF945C8134ED0C9F81311A0F4A05942DB8DBED8DD59F267471D5462AA14F"
        "E72DE856"
        "20AB3F45B74F10B6E11F96A2C8EB694D206B9DDA86D3C7E331C26B22C987B7537726577667ADADF168EBBE80"
        "3794A402",
    ),
)


class SignatureTests(SynchronousTestCase):
    def test_rfc_6979(self) -> None:
        for suite, scalar, point, signatures in RFC_6979:
            private = load_private(suite, Secret(bytes.fromhex(scalar)))
            self.assertEqual(public_octets(suite, private.public_key()).hex().upper(), point)
            public = load_public(suite, bytes.fromhex(point))
            for message, signature in zip((b"sample", b"test"), signatures, strict=True):
                self.assertEqual(sign(suite, private, message).hex().upper(), signature)
                verify(suite, public, message, bytes.fromhex(signature))

    def test_suite_b(self) -> None:
        for suite, point, signature in SUITE_B:
            public, octets = load_public(suite, bytes.fromhex(point)), bytes.fromhex(signature)
            verify(suite, public, SUITE_B_MESSAGE, octets)
            for end in range(len(octets)):
                self.assertRaises(
                    SignatureError, verify, suite, public, SUITE_B_MESSAGE, octets[:end]
                )
            for spoiled in (octets + b"\x00", octets[:-1] + b"\x03", bytes(len(octets))):
                self.assertRaises(SignatureError, verify, suite, public, SUITE_B_MESSAGE, spoiled)
            self.assertRaises(SignatureError, verify, suite, public, b"another", octets)

    def test_green_book_annex_c(self) -> None:
        client = load_public(SUITES[1], vectors.SIGNING_CLIENT_PUBLIC)
        server = load_public(SUITES[1], vectors.SIGNING_SERVER_PUBLIC)
        # The method key_agreement signs its key-id too, general-ciphering does not.
        message = b"\x00" + vectors.EPHEMERAL_CLIENT_PUBLIC
        verify(SUITES[1], client, message, vectors.EPHEMERAL_CLIENT_SIGNATURE)
        message = vectors.ONE_PASS_CLIENT_PUBLIC
        verify(SUITES[1], client, message, vectors.ONE_PASS_CLIENT_SIGNATURE)
        verify(SUITES[1], server, vectors.ANSWER_PUBLIC, vectors.ANSWER_SIGNATURE)
        for secret, point in (
            (vectors.SIGNING_CLIENT, vectors.SIGNING_CLIENT_PUBLIC),
            (vectors.SIGNING_SERVER, vectors.SIGNING_SERVER_PUBLIC),
        ):
            public = load_private(SUITES[1], secret).public_key()
            self.assertEqual(public_octets(SUITES[1], public), point)

    @settings(max_examples=20, deadline=None)
    @given(st.sampled_from(SUITES[1:]), st.integers(1, 1 << 250), st.binary(max_size=99))
    def test_round_trip(self, suite, scalar, message) -> None:
        private = load_private(suite, Secret(scalar.to_bytes(suite.field_size, "big")))
        signature = sign(suite, private, message)
        self.assertEqual(len(signature), 2 * suite.field_size)
        verify(suite, private.public_key(), message, signature)


class KeyTests(SynchronousTestCase):
    def test_bad_private_keys(self) -> None:
        order = bytes.fromhex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551")
        for scalar in (bytes(32), bytes(31), order, b"\xff" * 32):
            error = self.assertRaises(KeyLengthError, load_private, SUITES[1], Secret(scalar))
            self.assertNotIn(str(int.from_bytes(scalar, "big") or "none"), str(error))
            self.assertIsNone(error.__cause__)

    def test_bad_public_keys(self) -> None:
        good = vectors.SIGNING_CLIENT_PUBLIC
        for point in (b"", good[:-1], good[:-1] + b"\x00", bytes(64), good + b"\x00", b"\xff" * 64):
            self.assertRaises(KeyAgreementError, load_public, SUITES[1], point)

    def test_suite_0_has_none(self) -> None:
        self.assertRaises(LocalError, load_private, SUITES[0], Secret(bytes(32)))
