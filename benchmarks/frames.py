"""Microseconds for one HDLC frame: to encode it, to find it whole, octet by octet, in noise.

``python -m benchmarks.frames``. The best of many short rounds is printed, so that other work
on the machine disturbs little.
"""

from __future__ import annotations

from collections.abc import Callable
from timeit import repeat

from dlmsd.dlms.hdlc.frame import Frame
from dlmsd.dlms.hdlc.reassembly import FrameReassembly

ROUNDS = 40
CALLS = 1000

# An answer to a GET of one register, and the longest frame that a length field can tell.
ANSWER = Frame(b"\x21", b"\x03", 0x30, bytes(range(30)))
LONGEST = Frame(b"\x21", b"\x03", 0x30, bytes(2047 - 9))
NOISE = bytes(range(1, 126)) * 8


def microseconds(action: Callable[[], object], calls: int = CALLS) -> float:
    """The time that one call of ``action`` takes, in the best round."""
    return min(repeat(action, number=calls, repeat=ROUNDS)) / calls * 1e6


def bytewise(octets: bytes) -> Callable[[], object]:
    """Feeds ``octets`` to a reassembly one by one."""
    feed = FrameReassembly().feed
    slices = [octets[place : place + 1] for place in range(len(octets))]

    def action() -> None:
        for one in slices:
            feed(one)

    return action


def whole(octets: bytes) -> Callable[[], object]:
    """Feeds ``octets`` to a reassembly at once."""
    feed = FrameReassembly().feed
    return lambda: feed(octets)


def main() -> None:
    """Print the table."""
    answer, longest = ANSWER.encode(), LONGEST.encode()
    rows: list[tuple[str, Callable[[], object], int]] = [
        (f"encode {len(answer)} octets", ANSWER.encode, CALLS),
        (f"find {len(answer)} octets whole", whole(answer), CALLS),
        (f"find {len(answer)} octets one by one", bytewise(answer), 50),
        (f"find {len(answer)} octets behind {len(NOISE)} of noise", whole(NOISE + answer), CALLS),
        (f"encode {len(longest)} octets", LONGEST.encode, 100),
        (f"find {len(longest)} octets whole", whole(longest), 100),
        (f"find {len(longest)} octets one by one", bytewise(longest), 1),
    ]
    for name, action, calls in rows:
        print(f"{microseconds(action, calls):10.2f} µs  {name}")


if __name__ == "__main__":
    main()
