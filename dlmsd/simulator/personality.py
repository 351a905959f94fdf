"""Personalities: how the meters of one model behave on the wire, as data."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from attrs import evolve, field, frozen

from dlmsd.config.values import AddressSize, Framing, Referencing
from dlmsd.dlms.acse.context import Mechanism
from dlmsd.dlms.hdlc.negotiation import LinkParameters
from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.manufacturer import AES_ECB, Manufacturer
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.suite import SUITES, SecurityPolicy
from dlmsd.dlms.xdlms.conformance import Conformance
from dlmsd.secret import Secret
from dlmsd.simulator.equipment import Equipment
from dlmsd.simulator.quirks import Quirk
from dlmsd.simulator.security import UNPROTECTED, Security, general, published, signing

Addressing: TypeAlias = Literal["exact", "any-size", "any"]

_SERVICES: Final = (
    Conformance.GET
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.SELECTIVE_ACCESS
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
    | Conformance.PRIORITY_MGMT_SUPPORTED
)
_MODERN: Final = _SERVICES | Conformance.ACCESS | Conformance.EVENT_NOTIFICATION
_SHORT_NAMES: Final = (
    Conformance.READ
    | Conformance.WRITE
    | Conformance.UNCONFIRMED_WRITE
    | Conformance.PARAMETERIZED_ACCESS
    | Conformance.INFORMATION_REPORT
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
)


@frozen
class Client:
    """Who may associate, and by which ``mechanism``: NONE or LOW unless another is given.

    ``password`` is that of low level security, or the secret of mechanisms 2, 3, 4 and 6;
    ``manufacturer`` is mechanism 2.
    ``sees`` are the OBIS codes that it may read, all if empty; with ``writes`` it may also
    write and invoke.
    """

    number: int
    password: Secret | None = None
    mechanism: Mechanism = field()
    sees: tuple[str, ...] = ()
    writes: bool = False
    manufacturer: Manufacturer | None = None

    @mechanism.default
    def _by_password(self) -> Mechanism:
        return Mechanism.NONE if self.password is None else Mechanism.LOW

    @property
    def high(self) -> bool:
        """Whether it has to prove itself by high level security."""
        return self.mechanism not in (Mechanism.NONE, Mechanism.LOW)


_READER: Final = Client(1, Secret("22222222"))
_WRITER: Final = Client(32, Secret("11111111"), writes=True)
_PUBLIC: Final = Client(16)
# Without a proof a meter shows who it is, what time it is, and which counter it expects.
_STRANGER: Final = Client(
    16, sees=("0-0:1.0.0", "0-0:40.0.0", "0-0:42.0.0", "0-0:43.1.0", "0-0:96.1.0")
)
_SECRET: Final = Secret("HighLevelSecret1")


@frozen
class Personality:
    """One model of meter; ``words`` tell what it is for.

    ``addressing``: whether a frame must bear the meter's address octet by octet
    (``exact``), may bear it in another size, or may bear any address at all. With
    ``lists`` false a with-list request is refused, whatever ``conformance`` claims.
    ``max_pdu`` is server-max-receive-pdu-size, ``max_response`` what one response may
    have at most; both in octets, the latter 0 for no limit of the meter's own.
    ``transfer_window`` is how many blocks of general block transfer it takes in one stream.
    ``response_delay`` and ``idle_timeout`` are seconds, 0 for none. ``security`` is for
    clients with high level security, and for no others. ``equipment`` is what its meters
    have built in, ``quirks`` what they do unlike the standard.
    """

    name: str
    words: str = field(default="", kw_only=True)
    framing: Framing = "hdlc"
    port: int = 3333
    logical_device: int = 0
    physical_device: int = 1
    address_size: AddressSize = "auto"
    addressing: Addressing = "any-size"
    clients: tuple[Client, ...] = (_READER, _PUBLIC)
    link: LinkParameters = field(factory=LinkParameters)
    tells_parameters: bool = True
    referencing: Referencing = "ln"
    conformance: Conformance = _SERVICES
    lists: bool = True
    max_pdu: int = 0x0400
    max_response: int = 0
    transfer_window: int = 1
    response_delay: float = 0.0
    idle_timeout: float = 0.0
    one_connection: bool = False
    security: Security = UNPROTECTED
    equipment: Equipment = field(factory=Equipment)
    quirks: frozenset[Quirk] = frozenset()

    def policy(self, client: Client) -> SecurityPolicy:
        """What protection this client's association has."""
        return self.security.policy if client.high else SecurityPolicy.NONE


MICROSTAR: Final = Personality(
    "microstar",
    words="the laboratory unit that its profile reads",
    addressing="exact",
    address_size=1,
    clients=(_READER, _WRITER),
    max_pdu=0x1900,
    response_delay=0.03,
    idle_timeout=180.0,
    one_connection=True,
)
PLAIN: Final = Personality(
    "plain",
    words="any address, and a UA without parameters",
    logical_device=1,
    physical_device=17,
    address_size=2,
    addressing="any",
    tells_parameters=False,
)
WRAPPER: Final = Personality(
    "wrapper",
    words="WRAPPER instead of HDLC, and ACCESS",
    framing="wrapper",
    port=4059,
    logical_device=1,
    physical_device=0,
    conformance=_MODERN,
)
NO_LISTS: Final = Personality("no-lists", words="claims lists and refuses them", lists=False)
ONLY_ACCESS: Final = Personality(
    "only-access",
    words="ACCESS for everything, as in Great Britain",
    clients=(_READER, _WRITER, _PUBLIC),
    conformance=Conformance.ACCESS | Conformance.GENERAL_BLOCK_TRANSFER,
)
SMALL: Final = Personality(
    "small",
    words="segments of 32 octets, blocks of 16",
    link=LinkParameters(32, 32, 1, 1),
    max_pdu=96,
    max_response=16,
)
WINDOW: Final = Personality(
    "window", words="a window of 7 frames", link=LinkParameters(32, 128, 7, 7)
)
SHORT_NAMES: Final = Personality(
    "short-names",
    words="short names instead of logical ones",
    clients=(_READER, _WRITER, _PUBLIC),
    referencing="sn",
    conformance=_SHORT_NAMES,
    max_pdu=256,
    max_response=200,
)
GBT: Final = Personality(
    "gbt",
    words="general block transfer, 6 blocks in a stream",
    conformance=_MODERN | Conformance.GENERAL_BLOCK_TRANSFER,
    max_pdu=256,
    max_response=128,
    transfer_window=6,
)
GBT_WRAPPER: Final = evolve(
    GBT,
    name="gbt-wrapper",
    words="the same over WRAPPER",
    framing="wrapper",
    port=4059,
    logical_device=1,
    physical_device=0,
)


def _secured(name: str, mechanism: Mechanism, security: Security, *, words: str) -> Personality:
    return Personality(
        name,
        words=words,
        clients=(Client(1, mechanism=mechanism, writes=True), _STRANGER),
        conformance=_MODERN | Conformance.GENERAL_PROTECTION,
        security=security,
    )


def _plain_but_proved(name: str, mechanism: Mechanism) -> Personality:
    return Personality(
        name,
        words=f"{mechanism.sentence}, nothing ciphered",
        clients=(Client(1, _SECRET, mechanism, writes=True), _STRANGER),
        conformance=_MODERN,
    )


SECURE: Final = _secured(
    "secure", Mechanism.HIGH_GMAC, published(SUITES[0]), words="GMAC and ciphering, suite 0"
)
SECURE_WRAPPER: Final = evolve(
    SECURE,
    name="secure-wrapper",
    words="the same over WRAPPER",
    framing="wrapper",
    port=4059,
    logical_device=1,
    physical_device=0,
)
HLS_MD5: Final = _plain_but_proved("hls-md5", Mechanism.HIGH_MD5)
HLS_SHA1: Final = _plain_but_proved("hls-sha1", Mechanism.HIGH_SHA1)
HLS_SHA256: Final = _plain_but_proved("hls-sha256", Mechanism.HIGH_SHA256)
SUITE_1: Final = _secured(
    "suite-1", Mechanism.HIGH_GMAC, published(SUITES[1]), words="GMAC and ciphering, suite 1"
)
SUITE_2: Final = _secured(
    "suite-2", Mechanism.HIGH_GMAC, published(SUITES[2]), words="GMAC and ciphering, suite 2"
)
ECDSA: Final = _secured(
    "ecdsa", Mechanism.HIGH_ECDSA, signing(SUITES[1]), words="ECDSA and ciphering, suite 1"
)
ECDSA_2: Final = _secured(
    "ecdsa-suite-2", Mechanism.HIGH_ECDSA, signing(SUITES[2]), words="ECDSA and ciphering, suite 2"
)

HLS_MANUFACTURER: Final = Personality(
    "hls-manufacturer",
    words="high level security with AES-ECB, as IS 15959 has it",
    clients=(
        Client(1, _SECRET, Mechanism.HIGH_MANUFACTURER, writes=True, manufacturer=AES_ECB),
        _STRANGER,
    ),
    conformance=_MODERN,
)


def _general(name: str, form: Form, *, words: str, suite: int = 1) -> Personality:
    return _secured(name, Mechanism.HIGH_GMAC, general(SUITES[suite], form), words=words)


def by_short_names(personality: Personality) -> Personality:
    """The same, but that objects and methods are known by short names."""
    protected = personality.conformance & Conformance.GENERAL_PROTECTION
    return evolve(personality, referencing="sn", conformance=_SHORT_NAMES | protected)


SHORT_SECURE: Final = evolve(
    by_short_names(SECURE),
    name="short-names-secure",
    words="short names, GMAC and ciphering, suite 0",
)
SHORT_ECDSA: Final = evolve(
    by_short_names(ECDSA_2),
    name="short-names-ecdsa",
    words="short names, ECDSA and ciphering, suite 2",
)
SHORT_MD5: Final = evolve(
    by_short_names(HLS_MD5),
    name="short-names-md5",
    words=f"short names, {Mechanism.HIGH_MD5.sentence}, nothing ciphered",
)

GENERAL_GLO: Final = _general("general-glo", Form(general=True), words="general-glo-ciphering")
WRAPPED: Final = _general(
    "wrapped", Form(kind=KeyKind.WRAPPED), words="each APDU under a key that is wrapped"
)
ONE_PASS: Final = _general(
    "one-pass", Form(kind=KeyKind.EPHEMERAL), words="each APDU under a key agreed by C(1e,1s)"
)
STATIC: Final = _general(
    "static", Form(kind=KeyKind.STATIC), words="each APDU under a key agreed by C(0e,2s)"
)
SIGNED: Final = _general("signed", Form(signed=True), words="each APDU ciphered and signed")
WRAPPED_2: Final = _general(
    "wrapped-suite-2", WRAPPED.security.form, words="the same as wrapped, suite 2", suite=2
)
ONE_PASS_2: Final = _general(
    "one-pass-suite-2", ONE_PASS.security.form, words="the same as one-pass, suite 2", suite=2
)
STATIC_2: Final = _general(
    "static-suite-2", STATIC.security.form, words="the same as static, suite 2", suite=2
)
SIGNED_2: Final = _general(
    "signed-suite-2", SIGNED.security.form, words="the same as signed, suite 2", suite=2
)

# Blocks of 100 octets show how they are counted.
_ODD: Final = Personality("", clients=(_READER, _WRITER, _PUBLIC), max_response=100)
_PROVED: Final = frozenset({Quirk.UNPROVED_METER, Quirk.CLEAR_AARQ, Quirk.OTHER_ASSOCIATION})


def _odd(quirk: Quirk) -> Personality:
    base = SECURE if quirk in _PROVED else _ODD
    if quirk is Quirk.PRE_ESTABLISHED:
        base = evolve(base, clients=(Client(102), *base.clients))
    if quirk is Quirk.LONG_ANSWERS:
        base = evolve(base, max_response=0)
    return evolve(base, name=quirk.label, words=quirk.words, quirks=frozenset({quirk}))


ODD: Final = {quirk: _odd(quirk) for quirk in Quirk}

_ALL: Final = (
    *(MICROSTAR, PLAIN, WRAPPER, NO_LISTS, ONLY_ACCESS, SMALL, WINDOW, SHORT_NAMES),
    *(GBT, GBT_WRAPPER, SECURE, SECURE_WRAPPER, HLS_MD5, HLS_SHA1, HLS_SHA256),
    *(SUITE_1, SUITE_2, ECDSA, ECDSA_2, SHORT_SECURE, SHORT_ECDSA, SHORT_MD5),
    *(HLS_MANUFACTURER, GENERAL_GLO, WRAPPED, ONE_PASS, STATIC, SIGNED),
    *(WRAPPED_2, ONE_PASS_2, STATIC_2, SIGNED_2),
    *ODD.values(),
)
PERSONALITIES: Final = {personality.name: personality for personality in _ALL}
