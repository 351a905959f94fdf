"""Whatever a client sends, the stand-in stands: a test must not end by its fault."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.clock import HeapClock
from tests.publish.transport import MemoryTransport
from tests.thingsboard.case import server
from tests.thingsboard.server import ProvisioningProfile
from tests.thingsboard.test_packets import CONNECT_4, CONNECT_5, PUBLISH_4, SUBSCRIBE_5
from tests.thingsboard.visitor import Visitor

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = (
    *("ts", "values", "metadata", "connector", "receivedTs", "publishedTs", "device", "type"),
    *("id", "data", "client", "key", "keys", "method", "params", "clientKeys", "sharedKeys"),
    *("deviceName", "provisionDeviceKey", "provisionDeviceSecret", "credentialsType", "token"),
    *("hash", "username", "gateway"),
)
LIKELY = st.sampled_from(
    ["key", "secret", "meter", "MQTT_BASIC", "X509_CERTIFICATE", "getSessionLimits", 1, True]
)
BODIES = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, LIKELY | JSON)) | JSON
TOPICS = (
    "v1/devices/me/telemetry",
    "v1/devices/me/attributes",
    "v1/devices/me/attributes/request/1",
    "v1/devices/me/rpc/request/1",
    "v1/devices/me/rpc/response/1",
    "v1/gateway/connect",
    "v1/gateway/disconnect",
    "v1/gateway/telemetry",
    "v1/gateway/attributes",
    "v1/gateway/attributes/request",
    "v1/gateway/rpc",
    "/provision/request",
)


class StrangerTests(SynchronousTestCase):
    @given(st.sampled_from(TOPICS), BODIES, st.sampled_from(("gw", "provision")))
    @settings(max_examples=150, deadline=None)
    def test_any_json(self, topic: str, body: Any, username: str) -> None:
        for wrapped in (body, {"A": body}, {"A": [body]}):
            clock = HeapClock()
            board = server(clock)
            board.profiles["key"] = ProvisioningProfile("secret")
            Visitor(board, username=username).publish(topic, json.dumps(wrapped).encode())
            clock.run(120)

    @given(
        st.lists(
            st.sampled_from((CONNECT_4, CONNECT_5, PUBLISH_4, SUBSCRIBE_5)) | st.binary(),
            max_size=4,
        )
    )
    @settings(max_examples=100, deadline=None)
    def test_any_octets(self, pieces: list[bytes]) -> None:
        clock = HeapClock()
        board = server(clock)
        session = board.buildProtocol(None)
        session.makeConnection(Sink(clock, session))
        for piece in pieces:
            session.dataReceived(piece)
        clock.run(700)
        self.assertTrue(session.closed or session.connect is None or session.device is None)


class Sink(MemoryTransport):
    """A transport whose other end takes everything."""

    def __init__(self, clock: Any, protocol: Any) -> None:
        super().__init__(clock, protocol)
        self.peer = self

    def _arrive(self, data: bytes) -> None:
        """Nobody is there."""
