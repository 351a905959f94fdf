"""A sink in real time, to a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from twisted.internet import reactor

from dlmsd.config.values import SinkOptions
from dlmsd.model import SinkStatus
from dlmsd.publish.build import build
from dlmsd.publish.connection import Connect
from dlmsd.publish.endpoint import endpoint
from dlmsd.publish.sink import Sink
from dlmsd.publish.source import Outbox
from tests.publish.bench import meter
from tests.publish.orders import MemoryOrders


def real_sink(
    options: SinkOptions,
    names: Iterable[str],
    outbox: Outbox,
    *,
    connect: Connect | None = None,
    device: Mapping[str, Any] | None = None,
    post: Callable[[SinkStatus], None] = lambda status: None,
) -> Sink:
    """For the meters of these names, with options ``device``; ``connect`` is how the broker is
    reached if not directly.
    """
    return build(
        options,
        [meter(name, **(device or {})) for name in names],
        outbox=outbox,
        clock=reactor,  # type: ignore[arg-type]
        reach=lambda one: connect or endpoint(reactor, one),
        wall=time.time,
        random=Random(1),
        post=post,
        published=lambda meter, octets: None,
        linked=lambda _: None,
        instance_id="host-1a2b",
        orders=MemoryOrders(),
    )
