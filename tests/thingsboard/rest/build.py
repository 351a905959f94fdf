"""The site, with everything that it answers."""

from __future__ import annotations

from tests.thingsboard.rest import devices, imports, telemetry
from tests.thingsboard.rest.site import Rest
from tests.thingsboard.server import ThingsBoard

ANSWERS = (devices, imports, telemetry)


def rest(server: ThingsBoard) -> Rest:
    """A Resource, for a Site or for treq's StubTreq."""
    return Rest(server)
