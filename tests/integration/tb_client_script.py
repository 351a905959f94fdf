"""What ThingsBoard's own Python client does in a test; runs where that client is installed.

``python tb_client_script.py PART PORT`` prints one line of JSON. It imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from tb_device_mqtt import TBDeviceMqttClient  # type: ignore[import-not-found]
from tb_gateway_mqtt import TBGatewayMqttClient  # type: ignore[import-not-found]

HOST = "127.0.0.1"
VALUES = {"power": 136.5, "energy": 9007199254740993, "on": True}


def wait(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def device(port: int) -> dict[str, Any]:
    """Telemetry, attributes both ways, requests and RPC both ways."""
    client, got = TBDeviceMqttClient(HOST, port, "meter"), {}
    client.set_server_side_rpc_request_handler(
        lambda number, body: client.send_rpc_reply(number, {"echo": body})
    )
    client.connect()
    wait(lambda: client.is_connected() and client.rate_limits_received)
    got["payload"] = client.max_payload_size
    got["telemetry"] = client.send_telemetry({"ts": 1000, "values": VALUES}).get()
    got["attributes"] = client.send_attributes({"serial": "ISK-7", "model": "x"}).get()
    client.subscribe_to_attribute("interval", lambda body, *_: got.update(update=body))
    client.send_rpc_call("ready", {"n": 1}, lambda number, body, *_: got.update(rpc=body))
    wait(lambda: "update" in got and "rpc" in got)
    client.request_attributes(
        client_keys=["serial"],
        shared_keys=["interval"],
        callback=lambda body, *_: got.update(requested=body),
    )
    wait(lambda: "requested" in got)
    client.send_rpc_call("done", {}, lambda number, body, *_: got.update(done=body))
    wait(lambda: "done" in got)
    client.disconnect()
    return got


def gateway(port: int, token: str = "gw") -> dict[str, Any]:
    """A sub-device: connect, telemetry, attributes both ways, requests, RPC."""
    client, got = TBGatewayMqttClient(HOST, port, token), {}
    client.gw_set_server_side_rpc_request_handler(
        lambda client, body: client.gw_send_rpc_reply(
            body["device"], body["data"]["id"], {"echo": body["data"]["method"]}
        )
    )
    client.connect()
    wait(lambda: client.is_connected() and client.rate_limits_received)
    got["connect"] = client.gw_connect_device("A", "DLMS meter").get()
    got["telemetry"] = client.gw_send_telemetry("A", {"ts": 1000, "values": VALUES}).get()
    got["attributes"] = client.gw_send_attributes("A", {"serial": "ISK-7"}).get()
    client.gw_subscribe_to_attribute("A", "interval", lambda body, *_: got.update(update=body))
    client.send_rpc_call("ready", {}, lambda number, body, *_: got.update(rpc=body))
    wait(lambda: "update" in got and "rpc" in got)
    for name, ask in (
        ("shared", client.gw_request_shared_attributes),
        ("client", client.gw_request_client_attributes),
    ):
        keys = ["interval"] if name == "shared" else ["serial", "none"]
        ask("A", keys, lambda body, *_, name=name: got.update({name: body}))
        wait(lambda name=name: name in got)
    client.send_rpc_call("done", {}, lambda number, body, *_: got.update(done=body))
    wait(lambda: "done" in got)
    got["disconnect"] = client.gw_disconnect_device("A").get()
    client.disconnect()
    return got


def provision(port: int) -> dict[str, Any]:
    """A gateway that provisions itself, then connects with what it got."""
    found: dict[str, Any] = TBDeviceMqttClient.provision(
        HOST, "key", "secret", port=port, device_name="new gateway", gateway=True
    )
    client = TBGatewayMqttClient(HOST, port, found["credentialsValue"])
    client.connect()
    wait(client.is_connected)
    found["telemetry"] = client.gw_send_telemetry("B", {"ts": 1, "values": {"p": 1}}).get()
    client.disconnect()
    wrong = TBDeviceMqttClient.provision(HOST, "key", "wrong", port=port, device_name="other")
    return {**found, "wrong": wrong}


def limited(port: int) -> dict[str, Any]:
    """A gateway that the server cuts off: the reason of its PUBACK."""
    client, reasons = TBGatewayMqttClient(HOST, port, "gw"), []
    publish = client._client.on_publish
    client._client.on_publish = lambda *given: (reasons.append(given[3].value), publish(*given))
    client.connect()
    wait(lambda: client.is_connected() and client.rate_limits_received)
    for ts in (1, 2):
        client._client.publish("v1/gateway/telemetry", json.dumps({"A": [{"p": ts}]}), 1)
    wait(lambda: not client.is_connected() or len(reasons) > 10)
    client.stop()
    return {"reasons": reasons[-2:]}


if __name__ == "__main__":
    parts = {"device": device, "gateway": gateway, "provision": provision, "limited": limited}
    print(json.dumps(parts[sys.argv[1]](int(sys.argv[2]))), flush=True)
