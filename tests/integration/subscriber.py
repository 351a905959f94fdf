"""An independent MQTT client that notes what a broker hands out: paho in its own thread."""

from __future__ import annotations

import threading
import time
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion


class Subscriber:
    """Subscribed to ``topics`` at QoS 1 with a session of its own, until ``close``.

    ``messages`` holds (topic, payload, retain), in order of arrival; ``arrived`` the Unix
    time of each.
    """

    def __init__(self, port: int, *topics: str, **credentials: str) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.arrived: list[float] = []
        self._ready = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=f"subscriber-{id(self)}", clean_session=False
        )
        if credentials:
            self._client.username_pw_set(**credentials)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._message
        wanted = [(topic, 1) for topic in topics or ("#",)]
        self._client.on_connect = lambda *_: self._client.subscribe(wanted)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(60), "no SUBACK"

    def payloads(self, topic: str) -> list[bytes]:
        return [payload for at, payload, _ in self.messages if at == topic]

    def publish(self, topic: str, payload: bytes) -> None:
        """At QoS 1; the broker has it afterwards."""
        self._client.publish(topic, payload, 1).wait_for_publish(60)

    def catch_up(self, topic: str) -> None:
        """All that the broker has taken before is in ``messages``; ``topic`` is subscribed to."""
        told = len(self.messages)
        self.publish(topic, b"{}")
        end = time.monotonic() + 60
        while not any(at == topic for at, _, _ in self.messages[told:]):
            assert time.monotonic() < end, "the broker is behind"
            time.sleep(0.01)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _message(self, client: Any, userdata: Any, message: Any) -> None:
        self.arrived.append(time.time())
        self.messages.append((message.topic, message.payload, message.retain))


def retained(port: int, topic: str) -> dict[str, bytes]:
    """What is retained now, by topic."""
    subscriber = Subscriber(port, topic, "caught-up")
    subscriber.catch_up("caught-up")
    subscriber.close()
    return {topic: payload for topic, payload, retain in subscriber.messages if retain}
