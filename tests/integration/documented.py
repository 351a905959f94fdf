"""The REST calls of the earlier system: what its documentation says, and what is sent for each.

``DOCUMENTED`` and ``ROUTES`` are its own words, one call a line; a test holds them against
``CALLS``, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import field, frozen

# Its README: these work word for word.
DOCUMENTED: Final = """
GET    /api/meters
GET    /api/meters/{id}
POST   /api/meters
PUT    /api/meters/{id}
DELETE /api/meters/{id}
GET    /api/system/health
GET    /api/system/status
GET    /api/metrics/{meter_id}
GET    /api/network/metrics
GET    /api/alarms
POST   /api/alarms/{id}/ack
GET    /api/config/{meter_id}
PUT    /api/config/{meter_id}
"""
# Its code: these, which its README does not name, are the same below /api.
ROUTES: Final = """
GET    /
GET    /health
GET    /meters
GET    /meters/active
GET    /meters/{id}
POST   /meters
PATCH  /meters/{id}
DELETE /meters/{id}
POST   /meters/{id}/start
POST   /meters/{id}/stop
POST   /meters/{id}/restart
GET    /meters/{id}/status
GET    /meters/{id}/config
POST   /meters/{id}/config
GET    /meters/{id}/thingsboard
PUT    /meters/{id}/thingsboard
GET    /meters/{id}/thingsboard/test
POST   /scan/network
GET    /scan/subnet/{subnet}
GET    /meters/{id}/metrics?limit=100
GET    /meters/{id}/network_stats
GET    /network_stats
GET    /metrics/summary
GET    /alarms?acknowledged&severity&meter_id&limit=100
POST   /alarms/{id}/acknowledge
DELETE /alarms/{id}
DELETE /alarms?category&meter_id&older_than_hours&delete_all
"""

METER: Final = frozenset(
    (
        *("id", "name", "ip_address", "port", "client_id", "server_id", "status", "last_seen"),
        *("last_error", "error_count", "tb_enabled", "tb_host", "tb_port", "tb_device_name"),
        *("model", "serial_number", "firmware_version", "created_at", "updated_at"),
    )
)
CONFIG: Final = frozenset(
    ("measurement_name", "obis_code", "enabled", "sampling_interval", "tb_key", "meter_id")
)
ALARM: Final = frozenset(
    ("id", "meter_id", "severity", "category", "message", "acknowledged", "timestamp")
)
FIGURES: Final = frozenset(
    (
        *("avg_read_time", "min_read_time", "max_read_time", "total_reads", "successful_reads"),
        *("failed_reads", "success_rate", "messages_sent", "messages_buffered"),
        "mqtt_reconnections",
    )
)
METRICS: Final = FIGURES | {"meter_id", "cache_hits", "cache_misses", "cache_hit_rate"}
NETWORK: Final = frozenset(
    (
        *("dlms_requests_sent", "dlms_responses_recv", "dlms_bytes_sent", "dlms_bytes_recv"),
        *("mqtt_messages_sent", "mqtt_bytes_sent", "bandwidth_tx_bps", "bandwidth_rx_bps"),
    )
)
PLATFORM: Final = frozenset(("tb_enabled", "tb_host", "tb_port", "tb_device_name"))
# What the body of its documentation leaves out.
DEFAULTS: Final[Mapping[str, Any]] = {
    "status": "active",
    "client_id": 1,
    "server_id": 1,
    "tb_host": "localhost",
    "tb_port": 1883,
    "tb_device_name": "medidor_planta_A",
}


@frozen
class Documented:
    """One call, sent to the path of its documentation with ``query`` behind it.

    ``body`` may be made of the documented meter (``{"of": "meter", ...}`` adds what else it
    says). The answer has ``status``, each object in it the ``fields`` and these values
    (``holds``), and ``count`` of them where it is a list.
    """

    call: str
    body: Any = None
    query: str = ""
    status: int = 200
    fields: frozenset[str] = frozenset()
    holds: Mapping[str, Any] = field(factory=dict)
    count: int | None = None

    @property
    def method(self) -> str:
        return self.call.split()[0]

    def path(self, meter: int, alarm: int) -> str:
        """With the ids of a meter and an alarm that are there."""
        path = self.call.split()[1]
        number = alarm if path.startswith("/api/alarms") else meter
        path = path.replace("{id}", str(number)).replace("{meter_id}", str(meter))
        return path.replace("{subnet}", "127.0.0.1/32") + self.query


_ONE: Final = {"measurement_name": "voltage_l2", "sampling_interval": 60, "tb_key": "second"}
_SEARCH: Final = {"start_ip": "127.0.0.1", "end_ip": "127.0.0.1", "ports": [3333, 4059]}

# In this order: the first adds the meter, the last are rid of all that there is.
CALLS: Final = (
    Documented("POST /api/meters", {"of": "meter"}, status=201, fields=METER, holds=DEFAULTS),
    Documented("GET /api/meters", fields=METER, holds=DEFAULTS, count=1),
    Documented("GET /api/meters/{id}", fields=METER, holds=DEFAULTS),
    Documented("GET /api/meters/active", fields=METER, holds=DEFAULTS, count=1),
    Documented("GET /api", holds={"name": "dlmsd"}),
    Documented("GET /api/health", holds={"meters": {"healthy": 1}}),
    Documented("GET /api/system/health", holds={"meters": {"healthy": 1}}),
    Documented("GET /api/system/status", holds={"total_meters": 1, "active_meters": 1}),
    Documented("GET /api/metrics/{meter_id}", fields=METRICS, holds={"success_rate": 100}),
    Documented(
        "GET /api/meters/{id}/metrics",
        query="?limit=100",
        fields=FIGURES | {"meter_id"},
        holds={"success_rate": 100},
    ),
    Documented("GET /api/metrics/summary", fields=FIGURES, holds={"success_rate": 100}, count=1),
    Documented("GET /api/network/metrics", fields=NETWORK),
    Documented("GET /api/network_stats", fields=NETWORK),
    Documented("GET /api/meters/{id}/network_stats", fields=NETWORK),
    Documented("GET /api/config/{meter_id}", fields=CONFIG),
    Documented("GET /api/meters/{id}/config", fields=CONFIG),
    Documented("POST /api/meters/{id}/config", _ONE, status=201, fields=CONFIG, holds=_ONE),
    Documented("PUT /api/config/{meter_id}", [{"measurement_name": "active_power"}], fields=CONFIG),
    Documented("POST /api/meters/{id}/stop", holds={"status": "inactive"}),
    Documented("GET /api/meters/{id}/status", holds={"status": "inactive", "state": "inactive"}),
    Documented("POST /api/meters/{id}/start", holds={"status": "active"}),
    Documented("POST /api/meters/{id}/restart", holds={"status": "active"}),
    Documented("GET /api/meters/{id}/thingsboard", fields=PLATFORM, holds={"tb_enabled": True}),
    Documented(
        "PUT /api/meters/{id}/thingsboard",
        {"tb_enabled": True, "tb_host": "127.0.0.1", "tb_port": 1, "tb_token": "another"},
        fields=PLATFORM,
        holds={"tb_host": "127.0.0.1", "tb_port": 1},
    ),
    Documented("GET /api/meters/{id}/thingsboard/test", holds={"success": False}),
    Documented("POST /api/scan/network", _SEARCH, status=202),
    Documented("GET /api/scan/subnet/{subnet}", holds={"status": "done", "total": 1}),
    Documented("GET /api/alarms", fields=ALARM, holds={"acknowledged": False}),
    Documented(
        "GET /api/alarms",
        query="?acknowledged=false&severity=error&limit=1",
        fields=ALARM,
        holds={"severity": "error"},
        count=1,
    ),
    Documented("GET /api/alarms", query="?meter_id=77", count=0),
    Documented("POST /api/alarms/{id}/ack", fields=ALARM, holds={"acknowledged": True}),
    Documented("POST /api/alarms/{id}/acknowledge", fields=ALARM, holds={"acknowledged": True}),
    Documented("DELETE /api/alarms", status=400),
    Documented("DELETE /api/alarms", query="?category=none", holds={"deleted": 0}),
    Documented("DELETE /api/alarms", query="?meter_id=77", holds={"deleted": 0}),
    Documented("DELETE /api/alarms", query="?older_than_hours=1", holds={"deleted": 0}),
    Documented("DELETE /api/alarms/{id}", status=204),
    Documented("DELETE /api/alarms", query="?delete_all=true"),
    Documented(
        "PATCH /api/meters/{id}",
        {"name": "b", "ip_address": "127.0.0.1", "port": 9, "status": "inactive", "error_count": 0},
        fields=METER,
        holds={"name": "b", "port": 9, "status": "inactive"},
    ),
    Documented(
        "PUT /api/meters/{id}",
        {"of": "meter", "tb_device_name": "other"},
        fields=METER,
        holds={"name": "medidor_planta_A", "tb_device_name": "other"},
    ),
    Documented("DELETE /api/meters/{id}", status=204),
    Documented(
        "POST /api/meters",
        {"name": "c", "ip_address": "127.0.0.1", "port": 9, "client_id": 1, "server_id": 1},
        status=201,
        fields=METER,
        holds={"name": "c", "tb_enabled": False},
    ),
)


def promised() -> set[str]:
    """Every call of the texts, as ``CALLS`` names it."""
    routes = (line.split() for line in ROUTES.strip().splitlines())
    below = {f"{method} /api{path.partition('?')[0].rstrip('/')}" for method, path in routes}
    return below | {" ".join(line.split()) for line in DOCUMENTED.strip().splitlines()}


def forgotten(calls: Iterable[Documented]) -> set[str]:
    """What is promised and not among ``calls``, or the other way round."""
    return promised() ^ {one.call for one in calls}
