"""One trouble, one finding: what another finding explains is left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from dlmsd.model import MeterState, MeterStatus
from dlmsd.store.diagnostics import RANKS
from dlmsd.watch.finding import Finding, named
from dlmsd.watch.rules.reach import REACH, SHARED

# So many meters at so many addresses, and nearly all: it is the network or this machine.
_MANY: Final = 5
_NEARLY_ALL: Final = 0.8

SHARES: Final = frozenset({"success-degraded", "success-critical", "success-down"})
_WORSE: Final = frozenset({"hdlc-errors", "sockets-closed", "line-noise", "breaker-open"})

HIDES: Final[Mapping[str, frozenset[str]]] = {
    **{
        rule: SHARES | {"read-failures", "telemetry-stale", "sockets-closed", "meter-slow"}
        for rule in REACH
    },
    "breaker-open": REACH | SHARES | {"read-failures", "sockets-closed", "telemetry-stale"},
    "security-failing": REACH | SHARES | {"read-failures", "telemetry-stale"},
    # It does answer, and what it answers is damaged.
    "hdlc-errors": SHARES
    | {"read-failures", "meter-mute", "sockets-closed", "meter-slow", "line-noise"},
    "meter-slow": SHARES | {"read-failures"},
    "sockets-closed": SHARES | {"read-failures"},
    **{rule: frozenset({"read-failures"}) for rule in SHARES},
    "publish-ratio": frozenset({"delivery-stale"}),
    "disk-full": frozenset({"disk-low", "disk-small", "outbox-pressure", "outbox-growth"}),
    "outbox-full": frozenset({"outbox-pressure", "outbox-growth"}),
    "outbox-pressure": frozenset({"outbox-growth"}),
    "disk-small": frozenset({"outbox-growth"}),
}
"""By rule: the rules that it explains, of the same subject."""

_NO_STORE: Final = frozenset({"disk-full", "outbox-full", "outbox-failing"})
_STREAMS: Final = frozenset({"delivery-stale", "publish-ratio"})
# They tell of the same link from the other end.
_OF_LINE: Final = REACH | SHARES | _WORSE | {"read-failures", "telemetry-stale"}


def grouped(found: Iterable[Finding], meters: Mapping[str, MeterStatus]) -> list[Finding]:
    """Without what is explained; many meters of one line, or of all lines, as one finding."""
    kept = _explained(list(found))
    kept = _lines(kept, meters)
    return _stores(_sinks(_network(kept, meters)))


def _explained(found: list[Finding]) -> list[Finding]:
    hidden = {
        (rule, one.subject) for one in found for rule in HIDES.get(one.rule, ()) if rule != one.rule
    }
    return [one for one in found if (one.rule, one.subject) not in hidden]


def _lines(found: list[Finding], meters: Mapping[str, MeterStatus]) -> list[Finding]:
    """A gateway that is down: of each of its active meters there is a finding."""
    down: dict[str, list[Finding]] = defaultdict(list)
    for one in found:
        if one.rule in SHARED or one.rule == "breaker-open":
            down[meters[one.subject].address].append(one)
    active: dict[str, set[str]] = defaultdict(set)
    for name, status in meters.items() if down else ():
        if status.state is not MeterState.INACTIVE:
            active[status.address].add(name)
    for address, members in down.items():
        names = {one.subject for one in members}
        if len(names) > 1 and names == active[address]:
            found = _replaced(found, names, _summary("line-down", address, members))
    return found


def _network(found: list[Finding], meters: Mapping[str, MeterStatus]) -> list[Finding]:
    """Everything is down at once."""
    active = [one for one in meters.values() if one.state is not MeterState.INACTIVE]
    addresses = {one.address for one in active}
    down = [one for one in found if one.rule in SHARED or one.rule == "line-down"]
    lost = {one.subject if one.rule == "line-down" else meters[one.subject].address for one in down}
    if len(lost) < _MANY or len(lost) < _NEARLY_ALL * len(addresses):
        return found
    names = {one.name for one in active if one.address in lost}
    return _replaced(found, names | lost, _summary("network-down", "network", down, len(names)))


def _summary(rule: str, subject: str, members: list[Finding], count: int = 0) -> Finding:
    first = Counter(quote for one in members for quote in one.quotes[:1]).most_common(1)
    return Finding(
        rule,
        subject,
        max((one.severity for one in members), key=RANKS.__getitem__),
        0.9,
        {
            "count": count or len(members),
            "seconds": max(int(one.numbers.get("seconds", 0)) for one in members),
        },
        tuple(quote for quote, _ in first),
        named([name for one in members for name in one.meters]),
    )


def _replaced(found: list[Finding], subjects: set[str], summary: Finding) -> list[Finding]:
    rest = [
        one
        for one in found
        if not (one.subject in subjects and one.rule in _OF_LINE | {"line-down"})
    ]
    return [*rest, summary]


def _sinks(found: list[Finding]) -> list[Finding]:
    """A sink that is down explains what its meters' readings wait for, and so does the disk."""
    down = {one.subject for one in found if one.rule.startswith("sink-")}
    kept = [one for one in found if not (one.rule in _STREAMS and str(one.numbers["sink"]) in down)]
    if down:
        kept = [one for one in kept if one.rule != "outbox-growth"]
    return kept


def _stores(found: list[Finding]) -> list[Finding]:
    """While nothing can be stored, no meter gives a reading that counts."""
    if not any(one.rule in _NO_STORE for one in found):
        return found
    hidden = SHARES | _STREAMS | {"read-failures", "telemetry-stale", "meter-slow"}
    return [one for one in found if one.rule not in hidden]
