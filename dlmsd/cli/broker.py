"""The demo's broker: amqtt on the reactor's own asyncio loop, for loopback only."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from amqtt.broker import Broker
from amqtt.client import MQTTClient
from twisted.internet.defer import Deferred

_PLUGINS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


class DemoBroker:
    """A broker on a free port, and a subscriber that shows what arrives at it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.port = _free_port()
        self._loop = loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self._broker: Any = None
        self._reader: Any = None
        self._client: Any = None
        # Its own log would drown the readings.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)

    async def start(self, topic: str, arrived: Callable[[str, bytes], None]) -> None:
        """Listen, and call ``arrived`` with topic and payload of what matches ``topic``."""
        config = {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
            "plugins": _PLUGINS,
        }
        self._broker = Broker(config, loop=self._loop)
        await self._run(self._broker.start())
        self._client = MQTTClient(config={"auto_reconnect": False})
        await self._run(self._client.connect(f"mqtt://127.0.0.1:{self.port}/"))
        await self._run(self._client.subscribe([(topic, 0)]))
        self._reader = self._loop.create_task(self._read(arrived))

    async def stop(self) -> None:
        """Close everything."""
        if self._reader is not None:
            # The daemon's goodbyes are still on their way to the subscriber.
            await self._run(asyncio.sleep(0.2))
            self._reader.cancel()
            await self._run(self._client.disconnect())
        if self._broker is not None:
            await self._run(self._broker.shutdown())

    async def _read(self, arrived: Callable[[str, bytes], None]) -> None:
        while True:
            message = await self._client.deliver_message()
            arrived(message.topic, bytes(message.data))

    async def _run(self, work: Any) -> Any:
        # The loop itself holds its tasks only weakly.
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await Deferred.fromFuture(task)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
