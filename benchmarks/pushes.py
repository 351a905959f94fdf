"""Pushes a second that one process takes, from octets to the reading that is committed.

``python -m benchmarks.pushes``. The outbox is left out: a commit that succeeds at once. Each
line is the best of many short rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from timeit import repeat

from tests.push.desk import Room
from tests.push.pushes import meter
from tests.push.test_meter import power
from tests.push.test_security import METER, protect
from tests.vectors import push as vectors

ROUNDS = 20
CALLS = 50


def plain(octets: bytes, *lines: str) -> Callable[[], object]:
    """The same push again and again."""
    room = Room(meter(*lines))

    def action() -> None:
        room.send(octets)
        room.readings.clear()

    return action


def ciphered() -> Callable[[], object]:
    """One value, with a tag, each under the next counter."""
    room = Room(METER)
    waiting = [protect(power(1), number) for number in range(ROUNDS * CALLS, 0, -1)]

    def action() -> None:
        room.send_apdu(waiting.pop())

    return action


def main() -> None:
    """Print the table."""
    rows: list[tuple[str, Callable[[], object]]] = [
        ("Aidon, HDLC, 13 values with units", plain(vectors.AIDON_3)),
        ("Kaifa, HDLC, a list of 18", plain(vectors.KAIFA_18, 'profile = "kaifa-han"')),
        ("Landis+Gyr, 5 blocks, object list of 20", plain(vectors.LANDIS_GYR_CYPRUS)),
        ("one value, suite 0 with a tag", ciphered()),
    ]
    for name, action in rows:
        best = min(repeat(action, number=CALLS, repeat=ROUNDS)) / CALLS
        print(f"{best * 1e6:8.0f} µs  {1 / best:8.0f} a second  {name}")


if __name__ == "__main__":
    main()
