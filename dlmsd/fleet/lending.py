"""Whether a change would send a secret that is kept to another place than before.

Who may change things without a token (``[web] legacy_open``) could else have it sent to himself:
a password to a host of his own, a token to a broker of his own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Final

from dlmsd.config.values import MeterOptions, SinkOptions
from dlmsd.errors import DlmsdError
from dlmsd.fleet.platform import Platform
from dlmsd.store.own import OwnMeter

BROKERS: Final = frozenset(("token", "mqtt_password"))
"""The secrets that ThingsBoard is sent; all others are the meter's."""


class LentSecretError(DlmsdError):
    """Give these secrets again, or a token of role admin: without one, no secret that is kept goes
    to another place than before."""

    culprit = "operator"

    def __init__(self, meter: str, keys: Sequence[str]) -> None:
        super().__init__(f"{meter}: {', '.join(keys)}")
        self.keys = keys


def not_lent(
    old: OwnMeter,
    new: OwnMeter,
    before: MeterOptions | None,
    after: MeterOptions | None,
    file: Sequence[SinkOptions],
) -> None:
    """Raises LentSecretError where ``new`` takes what is secret of ``old`` elsewhere.

    ``before`` and ``after`` are how the two are read, None for not at all; ``file`` are sinks that
    the operator's file names, where any token may go.
    """
    # The same, not equal: who says it again knows it, and who guesses must not be told.
    kept = {key for key, one in new.secrets.items() if one is old.secrets.get(key)}
    lent = set()
    if before is None or _meter(before) != (after and _meter(after)):
        lent |= kept - BROKERS
    if not set(_brokers(new, file)) <= set(_brokers(old, file)):
        lent |= kept & BROKERS
    if lent:
        raise LentSecretError(new.name, sorted(lent))


def _meter(options: MeterOptions) -> Hashable:
    return options.line, options.tls


def _brokers(meter: OwnMeter, file: Sequence[SinkOptions]) -> Iterator[str]:
    """Those that the file does not name; also while the meter does not publish, since it may be
    told to."""
    named = meter.options.get("sinks", ())
    assert isinstance(named, list | tuple)
    yield from {*named} - {one.name for one in file}
    platform = Platform.of(meter)
    if not any(platform.fits(one) for one in file):
        yield platform.url
