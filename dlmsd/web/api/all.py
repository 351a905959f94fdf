"""All operations of REST, in the order in which the documentation tells of them."""

from __future__ import annotations

from dlmsd.web.api.control import Control
from dlmsd.web.api.measurements import Measurements
from dlmsd.web.api.meters import Meters
from dlmsd.web.api.parts import Parts
from dlmsd.web.api.views import Views
from dlmsd.web.operation import Operation


def operations(parts: Parts) -> list[Operation]:
    """Those that work with ``parts``."""
    views = Views(parts)
    return [
        *Meters(parts, views).operations(),
        *Control(parts, views).operations(),
        *Measurements(parts, views).operations(),
    ]
