"""Invocation counters at the meter's end: none twice, none believed twice."""

from __future__ import annotations

from random import Random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.security.counter import COUNTER_END
from dlmsd.dlms.security.suite import SecurityPolicy
from dlmsd.dlms.xdlms.ciphered import Ciphered
from dlmsd.simulator.personality import SECURE
from dlmsd.simulator.security import MeterSecurity
from tests.simulator.secure import CIPHERED, CLIENT, GET, METER, Talk, server, with_policy
from tests.simulator.shelf import VALUE


class CounterTests(SynchronousTestCase):
    def test_a_replayed_request_closes_the_connection(self) -> None:
        for personality in CIPHERED:
            for dedicated in (None, bytes(personality.security.suite.key_size)):
                talk = Talk(personality, dedicated=dedicated).open()
                request = talk.end.context.protect(GET)
                self.assertEqual(talk.hear(talk.give(request)).result, VALUE)
                self.assertEqual(talk.give(request), b"")
                self.assertTrue(talk.answer.closes)
                self.assertFalse(talk.meter.associated)
                talk.open()

    def test_a_replayed_association_closes_the_connection(self) -> None:
        talk = Talk(SECURE)
        aarq = talk.aarq()
        talk.associate(aarq)
        self.assertEqual(talk.give(aarq.encode()), b"")
        self.assertTrue(talk.answer.closes)

    def test_counters_outlive_associations_and_clients(self) -> None:
        security = MeterSecurity(SECURE.security, METER, Random(2).randbytes)
        self.assertEqual(security.client_counter, 0)
        first = Talk(SECURE, server(SECURE, security), first=70).open()
        first.ask(GET)
        self.assertEqual(security.client_counter, 73)
        for number, title in ((73, CLIENT), (73, b"OTHERONE"), (1, CLIENT)):
            late = Talk(SECURE, server(SECURE, security), first=number, title=title)
            self.assertEqual(late.give(late.aarq().encode()), b"")
            self.assertTrue(late.answer.closes)
        Talk(SECURE, server(SECURE, security), first=74, title=b"OTHERONE").open()

    def test_dedicated_keys_leave_it_alone(self) -> None:
        security = MeterSecurity(SECURE.security, METER, Random(2).randbytes)
        talk = Talk(SECURE, server(SECURE, security), dedicated=bytes(16)).open()
        before = security.client_counter
        talk.ask(GET)
        self.assertEqual(security.client_counter, before)

    def test_a_proof_in_plain_text_counts(self) -> None:
        personality = with_policy(SecurityPolicy.NONE)
        security = MeterSecurity(personality.security, METER, Random(2).randbytes)
        talk = Talk(personality, server(personality, security), first=500).open()
        self.assertEqual(talk.ask(GET).result, VALUE)
        self.assertEqual(security.client_counter, 500)
        low = Talk(personality, server(personality, security), first=500)
        low.associate()
        low.give(low.proof())
        self.assertTrue(low.answer.closes)

    def test_what_it_has_seen_can_be_set(self) -> None:
        personality = evolve(SECURE, security=evolve(SECURE.security, client_counter=900))
        talk = Talk(personality, first=900)
        talk.give(talk.aarq().encode())
        self.assertTrue(talk.answer.closes)
        Talk(personality, first=901).open()

    def test_the_meters_own_grows_from_where_it_is_told(self) -> None:
        personality = evolve(SECURE, security=evolve(SECURE.security, first_counter=123456))
        security = MeterSecurity(personality.security, METER, Random(2).randbytes)
        seen = []
        for first in (1, 100):
            talk = Talk(personality, server(personality, security), first=first)
            aare = talk.associate()
            seen.append(Ciphered.decode(aare.user_information).counter)
            proved = talk.ask(talk.proof())
            seen.append(int.from_bytes(proved.answer.data.value[1:5], "big"))
            seen.append(Ciphered.decode(talk.answer.apdu).counter)
            talk.ask(GET)
            seen.append(Ciphered.decode(talk.answer.apdu).counter)
        self.assertEqual(seen, list(range(123456, 123464)))

    def test_a_meter_whose_counter_is_used_up_hangs_up(self) -> None:
        personality = evolve(
            SECURE, security=evolve(SECURE.security, first_counter=COUNTER_END - 3)
        )
        talk = Talk(personality).open()
        self.assertEqual(talk.give(talk.end.context.protect(GET)), b"")
        self.assertTrue(talk.answer.closes)
