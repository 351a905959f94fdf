"""Whatever is written or invoked, a meter answers, and goes on answering."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.axdr.data import Data, Tag, encode
from dlmsd.dlms.cosem.attribute import AttributeDescriptor
from dlmsd.dlms.cosem.method import MethodDescriptor
from dlmsd.dlms.xdlms.access_result import DataAccessResult
from dlmsd.dlms.xdlms.action import ActionAnswer
from dlmsd.simulator.cosem.registry import INSTANCES
from dlmsd.simulator.cosem.schedule import run_due
from dlmsd.simulator.equipment import Equipment, ProfileOptions
from dlmsd.simulator.meter import VirtualMeter
from tests.dlms.axdr.trees import trees
from tests.simulator.client import NOON

# One of each pair of channels is enough.
OBJECTS = [one for one in INSTANCES.values() if one.obis.raw[:2] != b"\x01\x01"]
WRITABLE = [
    AttributeDescriptor(one.class_id, one.obis, index)
    for one in OBJECTS
    for index, attribute in one.attributes.items()
    if attribute.write
]
METHODS = [
    MethodDescriptor(one.class_id, one.obis, index) for one in OBJECTS for index in one.methods
]
NUMBERS = {
    Tag.INTEGER: (-128, 127),
    Tag.LONG: (-32768, 32767),
    Tag.UNSIGNED: (0, 255),
    Tag.LONG_UNSIGNED: (0, 65_535),
    Tag.DOUBLE_LONG_UNSIGNED: (0, 0xFFFFFFFF),
    Tag.ENUM: (0, 255),
}


def alike(data: Data) -> st.SearchStrategy[Data]:
    """Of the same types all the way down, with any values."""
    if data.tag in NUMBERS:
        return st.builds(Data, st.just(data.tag), st.integers(*NUMBERS[data.tag]))
    if isinstance(data.value, bytes):
        size = len(data.value)
        octets = st.binary(min_size=size, max_size=size)
        return st.builds(Data, st.just(data.tag), st.just(data.value) | octets)
    if data.tag is Tag.STRUCTURE and isinstance(data.value, tuple):
        parts = st.tuples(*map(alike, data.value))
        return st.builds(Data, st.just(data.tag), parts)
    if data.tag is Tag.ARRAY and isinstance(data.value, tuple) and data.value:
        some = st.lists(alike(data.value[0]), max_size=3).map(tuple)
        return st.builds(Data, st.just(data.tag), some)
    return st.just(data)


class HostileTests(SynchronousTestCase):
    @given(st.data())
    def test_no_value_brings_it_down(self, draw: st.DataObject) -> None:
        meter = VirtualMeter(0, 1, Equipment(profile=ProfileOptions(entries=3)))
        t = NOON
        for _ in range(6):
            if draw.draw(st.booleans()):
                attribute = draw.draw(st.sampled_from(WRITABLE))
                before = meter.read(attribute, t)
                values = trees if isinstance(before, DataAccessResult) else alike(before)
                written = meter.write(attribute, t, draw.draw(values | trees))
                self.assertIsInstance(written, DataAccessResult)
            else:
                method = draw.draw(st.sampled_from(METHODS))
                answer = meter.invoke(method, t, draw.draw(trees))
                self.assertIsInstance(answer, ActionAnswer)
            t += draw.draw(st.sampled_from([0, 1, 900, 86_400]))
            run_due(meter, t)
        for one in OBJECTS:
            if one.class_id != 3:
                for index in one.attributes:
                    found = meter.read(AttributeDescriptor(one.class_id, one.obis, index), t)
                    assert isinstance(found, Data)
                    encode(found)
