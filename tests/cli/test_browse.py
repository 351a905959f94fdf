"""What ``dlmsd browse`` bears of a meter's list of objects."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.cli.browse import _objects
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.errors import DecodeError

ENTRY = bytes.fromhex("0204120003110009060101010800FF00")


class Blocks:
    """A session whose meter answers in blocks of seven octets."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    async def stream(
        self, attribute: AttributeDescriptor, access: None, consume: Callable[[bytes], object]
    ) -> None:
        for start in range(0, len(self._octets), 7):
            consume(self._octets[start : start + 7])


class ObjectListTests(SynchronousTestCase):
    def objects(self, octets: bytes) -> list[str]:
        found = self.successResultOf(Deferred.fromCoroutine(_objects(Blocks(octets))))
        return [str(one.obis) for one in found]

    def test_a_list_with_a_wrong_count(self) -> None:
        """Iskraemeco MT880 tells another number of objects than it sends."""
        for count in (1, 2, 3, 100):
            octets = bytes((1, count)) + 2 * ENTRY
            self.assertEqual(self.objects(octets), ["1-1:1.8.0"] * 2)

    def test_what_is_no_list(self) -> None:
        coroutine = _objects(Blocks(b"\x09\x01\x00"))
        self.failureResultOf(Deferred.fromCoroutine(coroutine), DecodeError)
