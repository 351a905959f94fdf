"""From wanted attributes to requests that the meter can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dlmsd.dlms.cosem.attribute import AttributeDescriptor

# Ten items a list is what the field reports every meter with lists to accept.
MAX_LIST: Final = 10
# GET-Request-With-List: tag, choice, invoke-id and count; then nine octets of descriptor
# and one that says "no selective access" for each item.
_HEAD: Final = 4
_ITEM: Final = 10


def batches(
    attributes: Sequence[AttributeDescriptor], max_pdu: int, *, lists: bool
) -> Iterator[Sequence[AttributeDescriptor]]:
    """Slices of ``attributes``, in order, each the content of one request.

    ``max_pdu`` is the meter's limit for a request in octets, 0 for none. Without
    ``lists`` each slice is one attribute.
    """
    size = MAX_LIST if lists else 1
    if lists and max_pdu:
        size = max(1, min(size, (max_pdu - _HEAD) // _ITEM))
    for start in range(0, len(attributes), size):
        yield attributes[start : start + size]
