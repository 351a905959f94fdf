"""What a notice says, as the registry keeps it."""

from __future__ import annotations

import msgspec

from dlmsd.store.notices import Change
from dlmsd.watch.finding import Finding
from tests.watch.notify.duty import NOON


def document(finding: Finding) -> str:
    change = Change(
        "raised",
        17,
        finding.rule,
        finding.subject,
        finding.severity,
        None,
        finding.severity,
        "connection",
        finding.subject,
        finding.encode(),
        int(NOON * 1000),
    )
    return msgspec.json.encode(change).decode()
