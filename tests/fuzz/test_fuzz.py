"""Some inputs for every target; and the fuzzer itself, on decoders with bugs in them.

Nothing here is timed: what an input costs is counted in calls and octets, which are the
same on every machine. ``python -m tests.fuzz`` measures.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.errors import DecodeError
from tests.dlms.axdr.calls import counted
from tests.fuzz import campaign, limits
from tests.fuzz.campaign import Campaign
from tests.fuzz.jobs import fuzz
from tests.fuzz.mutator import LIMIT, Mutator
from tests.fuzz.target import Target, pieces
from tests.fuzz.targets import targets

_INPUTS: Final = 1500
# As of the bombs of test_limits, 9, and some more for who calls the decoder of Data.
_CALLS_PER_OCTET: Final = 16


class DecoderTests(SynchronousTestCase):
    def test_only_documented_errors(self) -> None:
        for target in targets():
            campaign = Campaign(target, seed=1, measured=False)
            campaign.run(0, 50 if target.seconds > limits.MAX_SECONDS else _INPUTS)
            found = [(each.octets.hex(), each.detail) for each in campaign.tally.findings]
            self.assertEqual(found, [], target.name)

    def test_what_large_inputs_cost(self) -> None:
        for number, target in enumerate(targets()):
            if target.seconds > limits.MAX_SECONDS or not target.large:
                continue
            # One each, and each another one: all are counted in test_limits of A-XDR.
            octets = target.large[number % len(target.large)]
            name = f"{target.name}: {octets[:16].hex()}"
            self.assertLess(limits.traced(target.run, octets), limits.MAX_OCTETS, name)
            with counted() as calls, contextlib.suppress(*target.refusals):
                target.run(octets)
            self.assertLess(calls.number, _CALLS_PER_OCTET * len(octets), name)


class MutatorTests(SynchronousTestCase):
    def test_inputs_repeat_with_the_seed(self) -> None:
        for seeds in ((b"\x02\x01\x11\x05", b"\xc4\x01"), ()):
            one, same, other = (Mutator(seed, seeds) for seed in ("1", "1", "2"))
            drawn = [one.draw() for _ in range(2000)]
            self.assertEqual(drawn, [same.draw() for _ in range(2000)])
            self.assertNotEqual(drawn, [other.draw() for _ in range(2000)])

    def test_inputs_have_every_size_up_to_64_kib(self) -> None:
        mutator = Mutator("1", (b"\x02\x01\x11\x05",), large=(bytes(LIMIT),))
        sizes = [len(mutator.draw()) for _ in range(40_000)]
        self.assertEqual((min(sizes), max(sizes)), (0, LIMIT))
        self.assertGreater(len(set(sizes)), 60)

    def test_pieces_are_the_stream(self) -> None:
        for octets in (b"", b"a", bytes(range(200)), bytes(LIMIT)):
            self.assertEqual(b"".join(pieces(octets)), octets)
            self.assertLess(len(list(pieces(octets))), 10)


_MAGIC: Final = b"\x02\x02\x11"


def _planted(bug: object) -> Target:
    """A decoder that has a bug behind three octets; all else it refuses."""

    def run(octets: bytes) -> None:
        if octets.startswith(_MAGIC):
            bug(octets)  # type: ignore[operator]
        raise DecodeError("as documented")

    return Target("planted", run, (b"\x02\x02\x10\x05",), harvest=False)


def _broken(octets: bytes) -> None:
    raise KeyError(octets[3:4])


def _recursive(octets: bytes) -> None:
    _recursive(octets)


def _slow(_: bytes) -> None:
    end = time.thread_time() + 1.1 * limits.MAX_SECONDS
    while time.thread_time() < end:
        pass


def _greedy(_: bytes) -> None:
    # Pages that nobody touches cost no time at all.
    assert bytes(limits.MAX_OCTETS + 1)


def _hoarding(octets: bytes, kept: list[bytes] = []) -> None:  # noqa: B006 - that is the bug
    kept.append(octets + bytes(8 << 20))


def _endless(_: bytes) -> None:
    while True:
        pass


def _deadly(_: bytes) -> None:
    os._exit(3)


class OracleTests(SynchronousTestCase):
    """Each kind of bug is found, with an input that shows it."""

    def found(self, bug: object, count: int = 3000) -> set[str]:
        target = _planted(bug)
        tally = fuzz(target, 1, count, 1)
        self.assertTrue(tally.findings)
        first = tally.findings[0]
        if first.octets:  # an input that killed its process could not be told
            self.assertTrue(first.octets.startswith(_MAGIC), first)
            self.assertEqual(Campaign(target, 1).make(first.index), first.octets)
        return {finding.what for finding in tally.findings}

    def test_what_is_uncaught(self) -> None:
        self.assertEqual(self.found(_broken), {"uncaught"})
        self.assertEqual(self.found(_recursive), {"uncaught"})

    def test_what_is_slow(self) -> None:
        self.patch(limits, "_PATIENCE", 0)
        self.assertEqual(self.found(_slow), {"slow"})

    def test_what_takes_memory(self) -> None:
        self.assertEqual(self.found(_greedy), {"memory"})

    def test_what_keeps_memory(self) -> None:
        self.assertEqual(self.found(_hoarding), {"kept"})

    def test_what_never_ends(self) -> None:
        self.patch(campaign, "_ENDLESS", 0.2)
        self.assertIn("endless", self.found(_endless))

    def test_what_kills(self) -> None:
        self.assertEqual(self.found(_deadly), {"died"})

    def test_a_good_decoder(self) -> None:
        tally = fuzz(_planted(lambda octets: None), 1, 3000, 2)
        self.assertEqual((tally.inputs, tally.findings), (3000, []))

    def test_a_small_bug_behind_a_long_way(self) -> None:
        """Ways to an error are learned: octets that no seed has are found one by one."""

        def run(octets: bytes) -> None:
            for place, octet in enumerate(b"\xa5\x5a"):
                if octets[place : place + 1] != bytes((octet,)):
                    _refuse(place)
            raise KeyError

        tally = fuzz(Target("deep", run, (b"\x00" * 3,), harvest=False), 2, 40_000, 1)
        self.assertEqual({each.what for each in tally.findings}, {"uncaught"})


def _refuse(depth: int) -> None:
    if depth:
        _refuse(depth - 1)
    raise DecodeError("no")
