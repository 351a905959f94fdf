"""Batches fit the meter's PDU and keep the order."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.get import GetRequestWithList
from dlmsd.meter.batches import MAX_LIST, batches

ATTRIBUTES = [AttributeDescriptor(3, Obis(bytes((1, 1, n, 7, 0, 255))), 2) for n in range(40)]


class BatchesTests(SynchronousTestCase):
    @given(st.integers(0, 40), st.integers(0, 500), st.booleans())
    def test_every_attribute_once_and_in_order(self, count: int, pdu: int, lists: bool) -> None:
        wanted = ATTRIBUTES[:count]
        self.assertEqual([a for batch in batches(wanted, pdu, lists=lists) for a in batch], wanted)

    @given(st.integers(24, 500))
    def test_each_list_fits_the_meters_pdu(self, pdu: int) -> None:
        for batch in batches(ATTRIBUTES, pdu, lists=True):
            if len(batch) > 1:
                request = GetRequestWithList(0xC1, tuple(batch)).encode()
                self.assertLessEqual(len(request), pdu)

    def test_the_list_is_as_long_as_the_pdu_allows(self) -> None:
        first = next(batches(ATTRIBUTES, 34, lists=True))
        self.assertEqual(len(first), 3)
        self.assertEqual(len(GetRequestWithList(0xC1, tuple(first)).encode()), 34)

    def test_no_limit_of_the_meter_means_ours(self) -> None:
        self.assertEqual(len(next(batches(ATTRIBUTES, 0, lists=True))), MAX_LIST)

    def test_without_lists_one_at_a_time(self) -> None:
        self.assertEqual({len(batch) for batch in batches(ATTRIBUTES, 0, lists=False)}, {1})
