"""Replies that no client may accept: forged, replayed and downgraded, from a seed.

The attacker has recorded everything that the meter has ever sent, knows its title, and
holds back the genuine answer until his own has been tried. What he lacks is the keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from attrs import define, evolve, field, frozen

from dlmsd.dlms.security.form import Form
from dlmsd.dlms.security.one_time import KeyKind
from dlmsd.dlms.security.suite import SUITES, SecurityControl, SecurityPolicy, SecuritySuite
from dlmsd.dlms.xdlms.ciphered import DEDICATED_TAGS, GLOBAL_TAGS, Ciphered, GeneralCiphered
from dlmsd.dlms.xdlms.general_ciphering import GeneralCiphering
from dlmsd.dlms.xdlms.protected import decode_protected
from dlmsd.errors import MeterError
from tests.dlms.security.contexts import (
    ANSWER,
    CLIENT,
    GET,
    METER,
    READ,
    READ_ANSWER,
    Pair,
)

STRANGER = b"XXX\x00\x00\x00\x00\x09"
# How many recordings the attacker keeps: as many as differ in what they can show.
_RECORDED = 64
_TAG = 12
# A value, a done action, a limit, a push, an association, a refusal; by short names a value,
# a done write and news.
_PLAIN = (
    *(ANSWER, b"\xc7\x01\xc1\x00\x00", b"\x08\x00", b"\x0f\x00", b"\x61\x00", b"\xd8\x01\x05"),
    *(READ_ANSWER, b"\x0d\x01\x00", b"\x18\x00\x00\x00"),
)
# By referencing: what is asked, and what answers.
_ASKED = {"ln": (GET, ANSWER), "sn": (READ, READ_ANSWER)}


def _other_tags(answer: bytes) -> list[int]:
    """All but those of the answer: the genuine message under them is the genuine message."""
    return [
        tag
        for tags in (GLOBAL_TAGS, DEDICATED_TAGS)
        for plain, tag in tags.items()
        if plain != answer[0]
    ]


@frozen
class Scene:
    """How one association is secured, and in which form the answers come."""

    suite: SecuritySuite
    policy: SecurityPolicy
    form: str
    referencing: str

    def __str__(self) -> str:
        return f"{self.referencing}, suite {self.suite.number}, {self.policy.value}, {self.form}"


SCENES = tuple(
    Scene(suite, policy, form, referencing)
    for referencing in _ASKED
    for suite in SUITES
    for policy in (SecurityPolicy.AUTHENTICATED, SecurityPolicy.AUTHENTICATED_ENCRYPTED)
    for form in ("glo", "ded", "general-glo", "general-ded", "identified", "wrapped")
)


@define
class Tally:
    """What came of it."""

    tried: int = 0
    accepted: int = 0
    genuine_refused: int = 0
    counter_moved: int = 0
    kinds: Counter[str] = field(factory=Counter)
    errors: Counter[str] = field(factory=Counter)
    scenes: Counter[str] = field(factory=Counter)

    @property
    def clean(self) -> bool:
        """Nothing forged was believed, and nothing genuine was lost."""
        return not (self.accepted or self.genuine_refused or self.counter_moved)


class Attack:
    """One scene under attack; the genuine answer follows each attempt."""

    def __init__(self, scene: Scene, random: Random, tally: Tally) -> None:
        options = {
            "dedicated": scene.form.endswith("ded"),
            "form": Form(general=scene.form.startswith("general")),
        }
        self.scene = scene
        self._random = random
        self._tally = tally
        self._pair = Pair(scene.suite, scene.policy, **options)
        # The same meter, with keys that the attacker made up and higher counters.
        self._fake = Pair(scene.suite, scene.policy, seed=99, first=1 << 24, **options)
        self._asked, self._answer = _ASKED[scene.referencing]
        self._tags = _other_tags(self._answer)
        self._request = b""
        self._recorded: list[bytes] = []
        self._kinds: tuple[Callable[[bytes], bytes], ...] = (
            self.flipped,
            self.random_content,
            self.own_keys,
            self.replayed,
            self.replayed_with_a_new_counter,
            self.replayed_in_another_form,
            self.tag_removed,
            self.encryption_removed,
            self.suite_changed,
            self.control_changed,
            self.title_changed,
            self.plain_text,
            self.tag_truncated,
            self.extended,
            self.reflected,
        )

    def round(self) -> None:
        """One attempt, and the genuine answer after it."""
        tally = self._tally
        self._request, genuine = self._exchange()
        attack = self._random.choice(self._kinds)
        forged = attack(genuine)
        if forged == genuine:
            forged = self.flipped(genuine)
        before = dict(self._pair.kept)
        tally.tried += 1
        tally.kinds[attack.__name__] += 1
        tally.scenes[str(self.scene)] += 1
        try:
            self._pair.client.open(forged)
        except MeterError as error:
            tally.errors[type(error).__name__] += 1
        else:
            tally.accepted += 1
        tally.counter_moved += self._pair.kept != before
        try:
            tally.genuine_refused += self._pair.client.open(genuine) != self._answer
        except MeterError:
            tally.genuine_refused += 1
        self._record(genuine)
        self._record(self._request)

    def _record(self, octets: bytes) -> None:
        if len(self._recorded) < _RECORDED:
            self._recorded.append(octets)
        else:
            self._recorded[self._random.randrange(_RECORDED)] = octets

    def _exchange(self) -> tuple[bytes, bytes]:
        client, meter = self._pair.client, self._pair.meter
        if self.scene.form not in ("identified", "wrapped"):
            return client.protect(self._asked), meter.protect(self._answer)
        kind = KeyKind[self.scene.form.upper()]
        head = client.begin()
        request = client.protect_general(self._asked, head, kind)
        answer = meter.answer_to(head.transaction_id)
        return request, meter.protect_general(self._answer, answer, kind)

    def flipped(self, genuine: bytes) -> bytes:
        """One to four bits, anywhere."""
        octets = bytearray(genuine)
        for place in self._random.sample(range(len(octets) * 8), self._random.randint(1, 4)):
            octets[place // 8] ^= 1 << place % 8
        return bytes(octets)

    def random_content(self, genuine: bytes) -> bytes:
        """A good head with a counter of the attacker's choice, and noise."""
        apdu = _parsed(genuine)
        counter = self._random.choice((apdu.counter, apdu.counter + 1, 0xFFFFFFFF, 0))
        return _changed(apdu, counter=counter, content=self._random.randbytes(len(apdu.content)))

    def own_keys(self, genuine: bytes) -> bytes:
        """Perfect, under other keys, with a higher counter."""
        apdu = _parsed(genuine)
        if not isinstance(apdu, GeneralCiphering):
            return self._fake.meter.protect(self._answer)
        kind = KeyKind[self.scene.form.upper()]
        return self._fake.meter.protect_general(self._answer, apdu.transaction, kind)

    def replayed(self, genuine: bytes) -> bytes:
        """What the meter, or the client, sent earlier."""
        return self._random.choice(self._recorded) if self._recorded else self.flipped(genuine)

    def replayed_with_a_new_counter(self, genuine: bytes) -> bytes:
        """An old message with a counter that would be right."""
        apdu = _parsed(self.replayed(genuine) if self._recorded else genuine)
        return _changed(apdu, counter=_parsed(genuine).counter + self._random.randrange(3))

    def replayed_in_another_form(self, genuine: bytes) -> bytes:
        """glo as ded, ded as glo, either as general, and the other way round."""
        apdu = _parsed(self._random.choice((*self._recorded[-4:], genuine)))
        control, counter, content = apdu.control, apdu.counter, apdu.content
        if self._random.random() < 0.5:
            return Ciphered(self._random.choice(self._tags), control, counter, content).encode()
        # The genuine message in another envelope of the same key is the genuine message.
        dedicated = not self.scene.form.endswith("ded")
        return GeneralCiphered(dedicated, METER, control, counter, content).encode()

    def tag_removed(self, genuine: bytes) -> bytes:
        """Downgraded to encryption alone, with or without the tag."""
        apdu = _parsed(genuine)
        content = apdu.content[: self._random.choice((-_TAG, None))]
        return _changed(
            apdu, control=SecurityControl(apdu.control.suite, False, True), content=content
        )

    def encryption_removed(self, genuine: bytes) -> bytes:
        """Downgraded to authentication alone, or to nothing, with a plain text inside."""
        apdu = _parsed(genuine)
        authenticated = self._random.random() < 0.5
        control = SecurityControl(apdu.control.suite, authenticated)
        return _changed(
            apdu, control=control, content=self._answer + b"\x00" + apdu.content[-_TAG:]
        )

    def suite_changed(self, genuine: bytes) -> bytes:
        """Another security suite."""
        apdu = _parsed(genuine)
        suite = (apdu.control.suite + self._random.randint(1, 15)) % 16
        return _changed(apdu, control=SecurityControl.of(int(apdu.control) & 0xF0 | suite))

    def control_changed(self, genuine: bytes) -> bytes:
        """Any other security control: broadcast, compressed, weaker, stronger."""
        apdu = _parsed(genuine)
        control = int(apdu.control) ^ self._random.randint(1, 255)
        return _changed(apdu, control=SecurityControl.of(control))

    def title_changed(self, genuine: bytes) -> bytes:
        """In the name of somebody else, or of the client."""
        apdu = _parsed(genuine)
        title = self._random.choice((STRANGER, CLIENT, METER[::-1]))
        if isinstance(apdu, GeneralCiphering):
            head = apdu.transaction
            changed = type(head)(head.transaction_id, title, head.recipient)
            return _changed(apdu, transaction=changed)
        return GeneralCiphered(
            self.scene.form.endswith("ded"), title, apdu.control, apdu.counter, apdu.content
        ).encode()

    def plain_text(self, genuine: bytes) -> bytes:
        """No ciphering at all."""
        return self._random.choice(_PLAIN)

    def tag_truncated(self, genuine: bytes) -> bytes:
        """From 0 to 11 bytes of the tag."""
        apdu = _parsed(genuine)
        return _changed(apdu, content=apdu.content[: -self._random.randint(1, _TAG)])

    def extended(self, genuine: bytes) -> bytes:
        """More bytes inside, or behind."""
        more = self._random.randbytes(self._random.randint(1, 16))
        if self._random.random() < 0.5:
            return genuine + more
        apdu = _parsed(genuine)
        content = self._random.choice((apdu.content + more, more + apdu.content))
        return _changed(apdu, content=content)

    def reflected(self, genuine: bytes) -> bytes:
        """The client's own request sent back as the answer."""
        apdu = _parsed(self._request)
        if isinstance(apdu, Ciphered):
            tags = DEDICATED_TAGS if apdu.dedicated else GLOBAL_TAGS
            return Ciphered(
                tags[self._answer[0]], apdu.control, apdu.counter, apdu.content
            ).encode()
        return apdu.encode()


def _parsed(octets: bytes) -> Ciphered | GeneralCiphered | GeneralCiphering:
    apdu = decode_protected(octets)
    assert isinstance(apdu, Ciphered | GeneralCiphered | GeneralCiphering)
    return apdu


def _changed(apdu: Ciphered | GeneralCiphered | GeneralCiphering, **changes: object) -> bytes:
    """``apdu`` with other fields, encoded; a counter stays within its four bytes."""
    if isinstance(counter := changes.get("counter"), int):
        changes["counter"] = counter & 0xFFFFFFFF
    return evolve(apdu, **changes).encode()


def run(count: int, seed: int) -> Tally:
    """``count`` attempts, spread over all scenes."""
    random, tally = Random(seed), Tally()
    attacks = [Attack(scene, random, tally) for scene in SCENES]
    for number in range(count):
        attacks[number % len(attacks)].round()
    return tally
