"""From wanted attributes to requests that the meter can take."""

from __future__ import annotations

from typing import Final

from dlmsd.meter.carrier import Carrier

# Ten items a list is what the field reports every meter with lists to accept.
MAX_LIST: Final = 10
# Octets of a request, and of each attribute in it. GET-Request-With-List: tag, choice,
# invoke-id and count; the descriptor, and one that says "no selective access". ACCESS: tag,
# long invoke-id, no date-time, and two counts; choice, descriptor and null-data.
_SIZES: Final = {Carrier.LIST: (4, 10), Carrier.ACCESS: (8, 11)}


def batch_size(carrier: Carrier, max_pdu: int) -> int:
    """How many attributes one request for values may have, at least 1.

    ``max_pdu`` is the meter's limit for a request in octets, 0 for none.
    """
    if not carrier.several:
        return 1
    head, item = _SIZES[carrier]
    return max(1, min(MAX_LIST, (max_pdu - head) // item)) if max_pdu else MAX_LIST
