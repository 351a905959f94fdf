"""What a broker that was away for a while leaves in the outbox, written between two lives."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from twisted.internet.defer import Deferred

from dlmsd.model import Reading
from dlmsd.store.batch import Batch, Entry, Waiting
from dlmsd.store.ledger import Ledger
from dlmsd.store.values import encode_values

METER = "backlog"
"""No meter of this name is read; that of a meter that is gone is delivered all the same."""

_GROUP = 500


def fill(path: Path, most: int, sink: str) -> None:
    """Until so many deliveries wait for ``sink``; no daemon runs."""
    with closing(Ledger(path, threading.Event())) as ledger:
        waiting = ledger.status().queued.get(sink, 0)
        count = max(0, most - waiting)
        first = max(int(time.time() * 1000), ledger.last_ts().get(METER, 0) + 1)
        for start in range(first, first + count, _GROUP):
            batch = []
            for ts in range(start, min(start + _GROUP, first + count)):
                values = {"voltage_l1": Decimal(ts).scaleb(-1)}
                entry = Entry(Reading(METER, ts, values), (sink,), encode_values(values))
                batch.append(Waiting(entry, Deferred()))
            ledger.commit(Batch(batch), first)
