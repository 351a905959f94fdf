"""Data trees for hypothesis: every type, nested, and compact-arrays of every type."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dlmsd.dlms.axdr.clock import ClockStatus, Date, DateTime, Time
from dlmsd.dlms.axdr.compact import CompactArray, TypeDescription
from dlmsd.dlms.axdr.data import BitString, Data, Tag

_octet = st.one_of(st.none(), st.integers(0, 254))
dates = st.builds(Date, st.one_of(st.none(), st.integers(0, 65534)), _octet, _octet, _octet)
times = st.builds(Time, _octet, _octet, _octet, _octet)
date_times = st.builds(
    DateTime,
    dates,
    times,
    st.one_of(st.none(), st.integers(-32767, 32767)),
    st.one_of(st.none(), st.integers(0, 254).map(ClockStatus)),
)


def _signed(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


@st.composite
def _bit_strings(draw: st.DrawFn) -> BitString:
    octets = draw(st.binary(max_size=20))
    unused = draw(st.integers(0, 7)) if octets else 0
    return BitString(octets, 8 * len(octets) - unused)


def _undecodable(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return True
    return False


VALUES: dict[Tag, st.SearchStrategy[Any]] = {
    Tag.NULL_DATA: st.none(),
    Tag.BOOLEAN: st.booleans(),
    Tag.BIT_STRING: _bit_strings(),
    Tag.DOUBLE_LONG: _signed(32),
    Tag.DOUBLE_LONG_UNSIGNED: _unsigned(32),
    Tag.OCTET_STRING: st.binary(max_size=300),
    Tag.VISIBLE_STRING: st.text(st.characters(max_codepoint=255), max_size=200),
    Tag.UTF8_STRING: st.one_of(st.text(max_size=50), st.binary(max_size=9).filter(_undecodable)),
    Tag.BCD: st.binary(min_size=1, max_size=1),
    Tag.INTEGER: _signed(8),
    Tag.LONG: _signed(16),
    Tag.UNSIGNED: _unsigned(8),
    Tag.LONG_UNSIGNED: _unsigned(16),
    Tag.LONG64: _signed(64),
    Tag.LONG64_UNSIGNED: _unsigned(64),
    Tag.ENUM: _unsigned(8),
    Tag.FLOAT32: st.floats(width=32, allow_nan=False),
    Tag.FLOAT64: st.floats(allow_nan=False),
    Tag.DATE_TIME: date_times,
    Tag.DATE: dates,
    Tag.TIME: times,
    Tag.DELTA_INTEGER: _signed(8),
    Tag.DELTA_LONG: _signed(16),
    Tag.DELTA_DOUBLE_LONG: _signed(32),
    Tag.DELTA_UNSIGNED: _unsigned(8),
    Tag.DELTA_LONG_UNSIGNED: _unsigned(16),
    Tag.DELTA_DOUBLE_LONG_UNSIGNED: _unsigned(32),
    Tag.DONT_CARE: st.none(),
}


def leaves(*tags: Tag) -> st.SearchStrategy[Data]:
    """Data of these primitive types."""
    return st.sampled_from(tags).flatmap(
        lambda tag: VALUES[tag].map(lambda value: Data(tag, value))
    )


def _grow(inner: st.SearchStrategy[Data]) -> st.SearchStrategy[Data]:
    elements = st.lists(inner, max_size=5).map(tuple)
    return st.builds(Data, st.sampled_from((Tag.ARRAY, Tag.STRUCTURE)), elements)


def plain(*tags: Tag) -> st.SearchStrategy[Data]:
    """Trees of arrays and structures with leaves of these types."""
    return st.recursive(leaves(*tags), _grow, max_leaves=12)


descriptions: st.SearchStrategy[TypeDescription] = st.recursive(
    st.sampled_from(tuple(VALUES)).map(TypeDescription),
    lambda inner: st.one_of(
        st.builds(TypeDescription, st.just(Tag.STRUCTURE), st.lists(inner, max_size=4).map(tuple)),
        st.builds(
            TypeDescription, st.just(Tag.ARRAY), inner.map(lambda one: (one,)), st.integers(0, 3)
        ),
    ),
    max_leaves=6,
)


def described(description: TypeDescription) -> st.SearchStrategy[Data]:
    """Data of this type."""
    tag = description.tag
    if tag in VALUES:
        return VALUES[tag].map(lambda value: Data(tag, value))
    times = description.number if tag is Tag.ARRAY else 1
    parts = [described(part) for part in description.parts * times]
    return st.tuples(*parts).map(lambda elements: Data(tag, elements))


@st.composite
def compact_arrays(draw: st.DrawFn) -> Data:
    """A compact-array of any type; without elements where they could not be counted."""
    description = draw(descriptions)
    most = 3 if description.least else 0
    elements = draw(st.lists(described(description), max_size=most))
    return Data(Tag.COMPACT_ARRAY, CompactArray(description, tuple(elements)))


trees: st.SearchStrategy[Data] = st.recursive(
    st.one_of(leaves(*VALUES), compact_arrays()), _grow, max_leaves=12
)


def count(data: Data) -> int:
    """How many Data there are, this one and all inside it."""
    elements = data.value
    if isinstance(elements, CompactArray):
        elements = elements.elements
    return 1 + sum(map(count, elements)) if type(elements) is tuple else 1
