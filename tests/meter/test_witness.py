"""Who looks on sees every APDU, opened where we can, and no password."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from dlmsd.dlms.describe.apdu import STARS, describe_apdu
from dlmsd.meter.security import secured
from dlmsd.meter.timekeeping import TIME
from dlmsd.meter.visit import Visit
from dlmsd.secret import Secret
from dlmsd.simulator.personality import GBT, MICROSTAR, SECURE, SMALL, Personality
from tests.meter.fleet import FleetCase


class WitnessTests(FleetCase):
    def watch(self, personality: Personality, **changes: Any) -> list[str]:
        """What reading the clock looks like: a line for each APDU, with what is below."""
        self.simulate(personality=personality)
        seen: list[tuple[str, bytes, bytes | None]] = []
        self.seen = seen
        (options,) = self.options(**changes)

        async def errand() -> None:
            security = secured(options, self.counters, self.draw)
            visit = Visit(
                options, self.network, security=security, witness=lambda *of: seen.append(of)
            )
            async with visit as session:
                await session.get(TIME)

        done = Deferred.fromCoroutine(errand())
        self.network.run(60)
        self.successResultOf(done)
        return [
            f"{direction} " + " | ".join(describe_apdu(apdu, plain).lines())
            for direction, apdu, plain in seen
        ]

    def test_without_security_and_without_the_password(self) -> None:
        for personality in (MICROSTAR, SMALL):
            with self.subTest(personality=personality.name):
                self.setUp()
                told = self.watch(personality)
                self.assertTrue(told[0].startswith("sent AARQ"))
                self.assertTrue(told[1].startswith("received AARE"))
                self.assertIn("8/0-0:1.0.0/2 Clock time", told[2])
                self.assertTrue(told[-1].startswith("received get-response"))
                for _, apdu, plain in self.seen:
                    self.assertNotIn(b"22222222", apdu + (plain or b""))
                self.end()

    def test_ciphered_ones_are_opened(self) -> None:
        keys = SECURE.security.client
        told = self.watch(
            SECURE,
            authentication="high-gmac",
            security="authenticated-encrypted",
            system_title=b"DLMSDCLT",
            encryption_key=keys.encryption,
            authentication_key=keys.authentication,
            dedicated_key=True,
        )
        (proposed,) = [line for line in told if "sent glo-initiate" in line]
        self.assertIn(f"dedicated-key: {STARS}", proposed)
        (granted,) = [line for line in told if "received glo-initiate" in line]
        self.assertIn("initiate-response | ", granted)
        (asked,) = [line for line in told if "sent ded-get-request" in line]
        self.assertIn("8/0-0:1.0.0/2 Clock time", asked)
        self.assertRegex(told[-1], r"received ded-get-response: .* counter \d+ .*octet-string")
        everything = b"".join(apdu + (plain or b"") for _, apdu, plain in self.seen)
        self.assertIn(b"*" * 16, everything)
        for key in (keys.encryption, keys.authentication):
            assert isinstance(key, Secret)
            self.assertNotIn(key.reveal(), everything)

    def test_blocks_of_general_block_transfer(self) -> None:
        told = self.watch(GBT, gbt_window=3)
        self.assertTrue(any("get-response" in line for line in told))
