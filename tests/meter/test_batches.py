"""Batches fit the meter's PDU."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.obis import Obis
from dlmsd.dlms.xdlms.access import AccessGet, AccessRequest
from dlmsd.dlms.xdlms.get import GetRequestWithList
from dlmsd.meter.batches import MAX_LIST, batch_size
from dlmsd.meter.carrier import Carrier

ATTRIBUTES = tuple(
    AttributeDescriptor(3, Obis(bytes((1, 1, n, 7, 0, 255))), 2) for n in range(MAX_LIST + 1)
)
NOTHING = Data(Tag.NULL_DATA, None)


def octets(carrier: Carrier, size: int) -> int:
    """Of the request for so many."""
    wanted = ATTRIBUTES[:size]
    if carrier is Carrier.LIST:
        return len(GetRequestWithList(0xC1, wanted).encode())
    items = tuple(map(AccessGet, wanted))
    return len(AccessRequest(0xC0000001, items, (NOTHING,) * size).encode())


class BatchesTests(SynchronousTestCase):
    @given(st.sampled_from((Carrier.LIST, Carrier.ACCESS)), st.integers(1, 500))
    def test_as_many_as_fit_the_meters_pdu(self, carrier: Carrier, pdu: int) -> None:
        size = batch_size(carrier, pdu)
        if size > 1:
            self.assertLessEqual(octets(carrier, size), pdu)
        if size < MAX_LIST:
            self.assertGreater(octets(carrier, size + 1), pdu)

    def test_no_limit_of_the_meter_means_ours(self) -> None:
        self.assertEqual(batch_size(Carrier.LIST, 0), MAX_LIST)
        self.assertEqual(batch_size(Carrier.ACCESS, 0), MAX_LIST)

    def test_without_lists_one_at_a_time(self) -> None:
        self.assertEqual({batch_size(one, 500) for one in (Carrier.ONE, Carrier.ONE_ACCESS)}, {1})
