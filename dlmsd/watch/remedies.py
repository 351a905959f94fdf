"""What is done about a finding: actions, where each is done, and how it is kept from coming back.

Texts are in the catalogues of ``texts``; commands are the same in every language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from dlmsd.watch.finding import Horizon


@frozen
class Remedy:
    """One action: about how long it takes, when it is due and the command, if it is one.

    ``{subject}`` is the finding's and ``{meter}`` its first meter, ``{config}`` the option that
    names the configuration, if one is needed. ``view`` of the page is in the command's place
    for what was added there, and stands in no file.
    """

    horizon: Horizon
    minutes: int
    command: str = ""
    view: str = ""


_CHECK: Final = "dlmsd check{config} && systemctl reload dlmsd"
_EDIT: Final = "#/edit/{meter}"

REMEDIES: Final[Mapping[str, Remedy]] = {
    # At once: it may bring readings back within the hour.
    "test-meter": Remedy("immediate", 2, "dlmsd doctor meter {meter}{config}"),
    # Each login that a meter refuses may be the one that locks it.
    "test-login": Remedy("immediate", 2, "dlmsd doctor meter {meter}{config}"),
    "see-frames": Remedy("immediate", 5, "dlmsd trace {meter}{config}"),
    "check-power": Remedy("immediate", 15),
    "check-cable": Remedy("immediate", 20),
    "check-gateway": Remedy("immediate", 10),
    "check-network": Remedy("immediate", 15, "ip -brief address"),
    "check-name": Remedy("immediate", 5, _CHECK, _EDIT),
    "check-address": Remedy("immediate", 5, _CHECK, _EDIT),
    "check-device": Remedy("immediate", 10, _CHECK, _EDIT),
    "end-other-client": Remedy("immediate", 10),
    "correct-password": Remedy("immediate", 10, _CHECK, _EDIT),
    "check-tls": Remedy("immediate", 15, "dlmsd doctor meter {meter}{config}"),
    "check-port": Remedy("immediate", 10, "ls -l /dev/serial/by-id"),
    "test-sink": Remedy("immediate", 2, "dlmsd doctor mqtt {subject}{config}"),
    "test-notice": Remedy("immediate", 2, "dlmsd notify test {subject}{config}"),
    "start-broker": Remedy("immediate", 5),
    "correct-token": Remedy("immediate", 10, _CHECK, _EDIT),
    "stop-other-user": Remedy("immediate", 10),
    "grant-topic": Remedy("immediate", 10),
    "see-outbox": Remedy("immediate", 2, "dlmsd outbox status{config}"),
    "free-disk": Remedy("immediate", 15, "df -h"),
    "correct-file": Remedy("immediate", 10, "dlmsd check{config}"),
    "correct-added": Remedy("immediate", 10, "", "#/meters"),
    "set-clock": Remedy("immediate", 5, "timedatectl timesync-status"),
    "confirm-meter": Remedy("immediate", 10, "dlmsd read {meter} data/0-0:96.1.0/value{config}"),
    "accept-meter": Remedy("immediate", 2, "dlmsd meters accept {meter}{config}"),
    "raise-files": Remedy("immediate", 5, "systemctl edit dlmsd"),
    "see-refused": Remedy("immediate", 5, "", "#/settings"),
    "start-daemon": Remedy("immediate", 1, "systemctl start dlmsd"),
    "see-log": Remedy("immediate", 5, "journalctl -u dlmsd -n 200"),
    # Within days.
    "replay-quarantine": Remedy("short", 5, "dlmsd outbox replay --quarantined{config}"),
    "correct-list": Remedy("short", 15, "dlmsd browse {meter}{config}"),
    "correct-unit": Remedy("short", 10, _CHECK, _EDIT),
    "longer-interval": Remedy("short", 5, _CHECK, _EDIT),
    "longer-timeout": Remedy("short", 5, _CHECK, _EDIT),
    "smaller-frames": Remedy("short", 5, _CHECK, _EDIT),
    "check-line": Remedy("short", 45),
    "raise-limit": Remedy("short", 15),
    "no-canary": Remedy("short", 5, _CHECK),
    "longer-keepalive": Remedy("short", 5, _CHECK),
    "bigger-outbox": Remedy("short", 10, _CHECK),
    "backup": Remedy("short", 5, "dlmsd backup dlmsd.tar{config}"),
    "set-meter-clock": Remedy("short", 5, "dlmsd clock {meter} --set --yes{config}"),
    "renew-certificate": Remedy("short", 30, "openssl x509 -noout -enddate -in {subject}"),
    "renew-broker": Remedy("short", 30),
    "restart": Remedy("short", 1, "systemctl restart dlmsd"),
    "new-tokens": Remedy("short", 10, "dlmsd token{config} list"),
    "see-keys": Remedy("short", 5, "dlmsd keys {meter}{config}"),
    "report-bug": Remedy("short", 15),
    # Within months.
    "load-profile": Remedy("long", 20, "dlmsd profile {meter} 1-0:99.1.0 --last 1{config}"),
    "own-line": Remedy("long", 240),
    "faster-machine": Remedy("long", 120),
    "new-key": Remedy("long", 60, "dlmsd keys {meter}{config}"),
}


@frozen
class Treatment:
    """Of one rule: an alarm's ``category``, its actions, the first one first, and how to
    prevent it."""

    category: str
    actions: tuple[str, ...]
    preventions: tuple[str, ...] = ()


def _of(category: str, actions: str, preventions: str = "") -> Treatment:
    return Treatment(category, tuple(actions.split()), tuple(preventions.split()))


_REACH: Final = "load-profile"

TREATMENTS: Final[Mapping[str, Treatment]] = {
    "meter-unresolved": _of("connection", "check-name test-meter", "fixed-address"),
    "meter-not-listening": _of(
        "connection", f"check-address test-meter check-gateway {_REACH}", "fixed-address"
    ),
    "meter-unanswered": _of(
        "connection", f"check-power check-cable test-meter check-address {_REACH}", "ups spare"
    ),
    "meter-unreachable": _of("connection", "check-network check-address test-meter", "ups"),
    "meter-busy": _of("connection", "end-other-client test-meter check-gateway", "one-client"),
    "meter-closes": _of(
        "connection", "test-meter end-other-client check-gateway see-frames", "one-client"
    ),
    "meter-mute": _of(
        "connection",
        "check-device test-meter check-cable end-other-client longer-timeout",
        "one-client ups",
    ),
    "meter-refuses-us": _of(
        "connection", "correct-password test-login see-keys", "secret-register"
    ),
    "meter-tls": _of("connection", "check-tls renew-certificate", "certificate-calendar"),
    "meter-port": _of("connection", "check-port", "fixed-port"),
    "meter-gives-nothing": _of("parse", "correct-list see-frames", "test-before"),
    "meter-protocol": _of("hdlc", "see-frames end-other-client smaller-frames", "one-client"),
    "meter-silent": _of("watchdog", f"test-meter see-log {_REACH}", "ups"),
    "line-down": _of("connection", "check-gateway check-power check-cable test-meter", "ups spare"),
    "network-down": _of("connection", "check-network check-gateway check-power", "ups own-network"),
    "hdlc-errors": _of("hdlc", "see-frames check-line smaller-frames own-line", "line-rules"),
    "line-noise": _of("hdlc", "see-frames check-line end-other-client", "line-rules one-client"),
    "sockets-closed": _of("connection", "end-other-client test-meter check-gateway", "one-client"),
    "read-failures": _of("connection", "test-meter see-frames", "test-before"),
    "breaker-open": _of(
        "circuit_breaker", "end-other-client check-gateway check-line test-meter", "one-client"
    ),
    "success-degraded": _of("connection", "test-meter check-line longer-timeout", "line-rules"),
    "success-critical": _of("connection", "test-meter check-line see-frames", "line-rules"),
    "success-down": _of("connection", "test-meter check-power see-frames", "ups"),
    "telemetry-stale": _of("watchdog", "test-meter see-log"),
    "meter-slow": _of("connection", "longer-interval correct-list own-line", "test-before"),
    "unit-wrong": _of("parse", "correct-unit correct-list", "test-before"),
    "values-absent": _of("parse", "correct-list", "test-before"),
    "meter-replaced": _of("meter", "confirm-meter accept-meter check-address", "change-record"),
    "meter-clock": _of("meter", "set-meter-clock", "ntp"),
    "gaps-lost": _of("storage", "see-outbox load-profile bigger-outbox", "disk-watch ups"),
    "sink-credentials": _of("mqtt", "correct-token test-sink", "secret-register"),
    "sink-takeover": _of("mqtt", "stop-other-user correct-token", "unique-token"),
    "sink-refused-topic": _of("mqtt", "grant-topic test-sink", "test-before"),
    "sink-poison": _of("mqtt", "see-outbox grant-topic replay-quarantine", "test-before"),
    "sink-rate": _of("mqtt", "longer-interval raise-limit", "limits"),
    "sink-keepalive": _of("mqtt", "check-network longer-keepalive test-sink", "own-network"),
    "sink-restart": _of("mqtt", "start-broker test-sink", "broker-watch"),
    "sink-unreachable": _of("mqtt", "start-broker check-network test-sink", "broker-watch"),
    "sink-host": _of("mqtt", "raise-files see-log", "test-before"),
    "sink-tls": _of("mqtt", "test-sink renew-certificate", "certificate-calendar"),
    "sink-unknown": _of("mqtt", "test-sink start-broker see-log", "unique-token broker-watch"),
    "sink-unechoed": _of("mqtt", "grant-topic no-canary test-sink", "test-before"),
    "sink-certificate": _of("security", "renew-broker", "certificate-calendar"),
    "sink-stalled": _of("mqtt", "test-sink start-broker see-outbox", "broker-watch"),
    "delivery-stale": _of("mqtt", "see-outbox see-log", "broker-watch"),
    "publish-ratio": _of("mqtt", "stop-other-user see-outbox raise-limit", "unique-token limits"),
    "disk-full": _of("storage", "free-disk see-outbox bigger-outbox", "disk-watch"),
    "disk-low": _of("storage", "free-disk", "disk-watch"),
    "disk-small": _of("storage", "start-broker free-disk see-outbox", "disk-watch"),
    "outbox-full": _of("storage", "start-broker see-outbox bigger-outbox", "disk-watch"),
    "outbox-failing": _of("storage", "free-disk see-log backup", "disk-watch spare"),
    "outbox-damaged": _of("storage", "see-log backup see-outbox", "ups spare"),
    "outbox-pressure": _of("storage", "start-broker see-outbox bigger-outbox", "broker-watch"),
    "outbox-growth": _of("storage", "see-outbox start-broker raise-limit", "broker-watch limits"),
    "readings-dropped": _of("storage", "start-broker see-outbox bigger-outbox", "broker-watch"),
    "quarantine": _of("storage", "see-outbox grant-topic replay-quarantine", "test-before"),
    "host-clock": _of("host", "set-clock", "ntp"),
    "host-unsynchronised": _of("host", "set-clock", "ntp"),
    "tokens-wrong": _of("security", "see-refused new-tokens", "own-network"),
    "security-failing": _of(
        "security", "correct-password test-meter see-keys confirm-meter", "secret-register"
    ),
    "host-slow": _of("host", "see-log faster-machine", "limits"),
    "reload-refused": _of("configuration", "correct-file", "test-before"),
    "meters-refused": _of("configuration", "correct-added", "test-before"),
    "restart-needed": _of("configuration", "restart"),
    "listener-down": _of("connection", "see-log correct-file", "fixed-port"),
    "notice-failing": _of("notice", "test-notice check-network correct-file", "test-before"),
    "certificate-expires": _of("security", "renew-certificate", "certificate-calendar"),
    "certificate-expired": _of("security", "renew-certificate", "certificate-calendar"),
    "counters-low": _of("security", "see-keys new-key", "secret-register"),
    "meter-rebuilt": _of("watchdog", "test-meter see-log report-bug"),
    "sink-rebuilt": _of("watchdog", "test-sink see-log report-bug"),
    "figures-old": _of("process", "free-disk see-log restart", "disk-watch supervised"),
    "daemon-stopped": _of("process", "start-daemon see-log", "supervised"),
}
