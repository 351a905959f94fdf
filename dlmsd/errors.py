"""Errors, named by their culprit.

An operator who sees an error asks two things: whose fault is it, and does waiting
help. Every error of dlmsd answers both by its class; ``cause`` is its kind, for those who
count. The docstring of a concrete
class is what the operator reads: a whole sentence, with the next step. ``str(error)``
is the detail of this one case; it never holds a secret.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from attrs import frozen

Culprit = Literal["ours", "meter", "link", "operator", "broker"]
Cause: TypeAlias = Literal[
    "auth",
    "broker",
    "busy",
    "closed",
    "decode",
    "dns",
    "link",
    "operator",
    "ours",
    "port",
    "protocol",
    "refused",
    "replaced",
    "security",
    "service",
    "silence",
    "store",
    "timeout",
    "tls",
    "unreachable",
]
"""What kind of failure it was, for those who count failures."""


class DlmsdError(Exception):
    """Something in dlmsd failed; the log line before this one names the place."""

    culprit: ClassVar[Culprit] = "ours"
    cause: Cause = "ours"
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    @property
    def advice(self) -> str:
        """The class's sentence for the operator, on one line."""
        return " ".join((type(self).__doc__ or "").split())


class LocalError(DlmsdError):
    """dlmsd asked for something that the protocol does not allow; please report this."""


class MeterError(DlmsdError):
    """The meter sent something that the standard does not allow; compare with its manual."""

    culprit = "meter"
    cause: Cause = "protocol"
    retryable = True


class DecodeError(MeterError):
    """The meter sent bytes that do not decode; `dlmsd read --trace` shows them."""

    cause: Cause = "decode"


class RefusedError(MeterError):
    """The meter refused the association; check client, password, keys and authentication."""

    cause: Cause = "auth"
    retryable = False


class PostponedError(MeterError):
    """The meter has no association to give for now; it is tried again by itself."""

    cause: Cause = "busy"


class LinkRefusedError(MeterError):
    """The meter refused the link; another client holds it, or the device address is wrong."""


class ServiceError(MeterError):
    """The meter refused a service; check that this client may use it."""

    cause: Cause = "service"

    def __init__(self, message: str, result: int | None = None) -> None:
        """``result`` is the standard's number for one attribute or method, if it gave one."""
        super().__init__(message)
        self.result = result


class UnservedError(ServiceError):
    """The meter refused a whole request, in a new association too; check that this client may
    use the service."""


class ReadOnlyError(DlmsdError):
    """dlmsd only reads this meter; `writing = true` in its configuration allows more."""

    culprit = "operator"
    cause: Cause = "operator"


class CrowdedError(DlmsdError):
    """This process may open no more files and connections; raise its limit, LimitNOFILE= in
    dlmsd.service, or ulimit -n."""

    culprit = "operator"
    cause: Cause = "operator"
    retryable = True


class UnsynchronisedError(DlmsdError):
    """Start chrony or systemd-timesyncd on this machine first, or force it."""

    culprit = "operator"
    cause: Cause = "operator"


class UnknownClockError(UnsynchronisedError):
    """The kernel does not tell dlmsd; see that this machine's clock is right, and force it, or
    let dlmsd ask: as in etc/dlmsd.service, its sandbox must not forbid adjtimex."""


class TimezoneError(DlmsdError):
    """Name the meter's place, as in `timezone = "America/Bogota"`."""

    culprit = "operator"
    cause: Cause = "operator"


class ReplacedError(DlmsdError):
    """Another meter answers at this one's address: correct host or address, or, if it was
    replaced, accept the new one on its page or by `dlmsd meters accept NAME`."""

    culprit = "operator"
    cause: Cause = "replaced"
    retryable = True


class LinkError(DlmsdError):
    """The connection to the meter failed; check cable, address and port."""

    culprit = "link"
    cause: Cause = "link"
    retryable = True


class UnresolvedError(LinkError):
    """The meter's name has no address; check host, and this machine's name server."""

    cause: Cause = "dns"


class UnreachableError(LinkError):
    """No way leads to the meter; check its address, and the network between."""

    cause: Cause = "unreachable"


class NotListeningError(LinkError):
    """Nobody listens at the meter's address and port; check both, and the meter's module."""

    cause: Cause = "refused"


class SilenceError(LinkError):
    """The meter did not answer in time; check its address, and that nobody else reads it."""

    cause: Cause = "silence"


class UnansweredError(SilenceError):
    """Nothing answers at the meter's address; check host, port, cable, and that it has power."""

    cause: Cause = "timeout"


class ClosedError(LinkError):
    """The connection closed; meters do this when another client reads them."""

    cause: Cause = "closed"


class BusyError(ClosedError):
    """The meter takes connections and closes them; it serves one client: end the other one."""

    cause: Cause = "busy"


class UnsteadyError(LinkError):
    """The meter's association is lost again and again; see cable, gateway and other clients."""

    def __init__(self, losses: int, last: DlmsdError) -> None:
        super().__init__(f"{losses} associations were lost within an hour; the last: {last}")
        self.cause = last.cause


class PortError(LinkError):
    """The serial port cannot be used; check device, its cable, and that dlmsd may open it."""

    cause: Cause = "port"


class TlsError(LinkError):
    """TLS to the meter failed; check tls, ca_file, server_name, and the certificate's dates."""

    cause: Cause = "tls"


class BrokerError(DlmsdError):
    """The MQTT broker cannot be used as configured; check url, credentials and rights."""

    culprit: ClassVar[Culprit] = "broker"
    cause: Cause = "broker"
    retryable = True


class StoreError(DlmsdError):
    """A file of the state folder cannot be used; check disk space and the owner of state_dir."""

    culprit = "operator"
    cause: Cause = "store"
    full: ClassVar[Literal["", "disk", "outbox"]] = ""
    """What has no room left, if that is why."""


@frozen
class Problem:
    """One fault of a configuration: where it is and what is wrong there.

    ``line`` counts from 1; 0 means that the file as a whole is meant. ``key`` is the
    dotted path of the option, such as ``meters[2].host``.
    """

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigurationError(DlmsdError):
    """The configuration has errors; nothing was started or changed."""

    culprit = "operator"
    cause: Cause = "operator"
    exit_code = 78  # EX_CONFIG

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
