"""Meters, each joined with its profile, and what can be wrong in one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from dlmsd.config import quirks, security, transport
from dlmsd.config.credentials import KEYS as CREDENTIALS
from dlmsd.config.measurements import resolve
from dlmsd.config.profiles import Profile, said
from dlmsd.config.recovery import joined
from dlmsd.config.rules import suggestion
from dlmsd.config.source import Place
from dlmsd.config.structure import Structure
from dlmsd.config.tables import MeterTable
from dlmsd.config.values import Measurement, MeterOptions
from dlmsd.dlms.hdlc.address import ServerAddress
from dlmsd.errors import LocalError, Problem

ADDRESS: Final = frozenset({"framing", "address_size", "logical_device", "physical_device"})

# What cannot be judged without the profile.
_PROFILED: Final = frozenset(("read",)) | security.SECURITY | transport.TRANSPORT | ADDRESS


@frozen(eq=False)
class Meter:
    """A meter with its place, and the keys, its profile's too, that cannot be judged."""

    options: MeterOptions
    place: Place
    profile: Profile | None
    own: frozenset[str]
    bad: frozenset[str]

    @property
    def said(self) -> frozenset[str]:
        """The keys that it or its profile says."""
        return self.own.union(self.profile.said if self.profile is not None else ())

    def says(self, *keys: str) -> Place:
        """Where the first of ``keys`` that is written is written; else the meter's first."""
        for key in keys:
            if key in self.own:
                return self.place.at(key)
        for key in keys:
            if self.profile is not None and key in self.profile.said:
                return self.profile.place.at(key)
        return self.place.at(keys[0])


class MeterLoader:
    """Takes meters, one after the other."""

    def __init__(
        self,
        structure: Structure,
        profiles: Mapping[str, Profile],
        sinks: Sequence[str],
        problems: list[Problem],
    ) -> None:
        self._structure = structure
        self._profiles = profiles
        self._sinks = tuple(sinks)
        self._problems = problems

    def take(self, place: Place, table: object) -> Meter | None:
        """The meter that ``table`` describes; None if it is no table."""
        taken = self._structure.take(MeterTable, place, table, self._problems)
        if taken.value is None:
            return None
        values = said(taken.value)
        own = frozenset(values)
        bad = set(taken.bad)
        if "name" not in own and "name" not in bad:
            self._problems.append(place.at("name").problem("is required"))
            bad.add("name")
        profile = self._profile(values.get("profile"), place, bad)
        recovery = values.pop("recovery", None)
        if profile is not None:
            bad |= profile.bad - own
            values = {**profile.said, **values}
        values["recovery"] = joined(values.get("recovery"), recovery)
        pushes = values.get("transport") == "push"
        values["read"] = self._read(values.pop("read", None), profile, place, bad, pushes)
        if pushes:
            # It is asked for nothing, so nobody proves anything to it.
            values["authentication"] = "none"
        values["sinks"] = self._routes(values.get("sinks"), place, bad)
        name = values.setdefault("name", "")
        required = {"host": "", "profile": "", "device_name": name}
        return Meter(MeterOptions(**(required | values)), place, profile, own, frozenset(bad))

    def _profile(self, name: str | None, place: Place, bad: set[str]) -> Profile | None:
        if "profile" in bad:
            bad |= _PROFILED
        if name is None:
            return None
        profile = self._profiles.get(name)
        if profile is None:
            near = suggestion(name, self._profiles)
            self._problems.append(place.at("profile").problem(f"no such profile{near}"))
            bad |= {"profile", *_PROFILED}
        return profile

    def _read(
        self, read: object, profile: Profile | None, place: Place, bad: set[str], pushes: bool
    ) -> tuple[Measurement, ...]:
        base = profile.read if profile is not None else {}
        if read is not None:
            before = len(self._problems)
            base = resolve(read, base, place.at("read"), self._problems)  # type: ignore[arg-type]
            if len(self._problems) > before:
                bad.add("read")
        if not base and "read" not in bad and not pushes:
            message = "nothing to read; name a profile, or list measurements here"
            self._problems.append(place.at("read").problem(message))
        return tuple(base.values())

    def _routes(
        self, names: tuple[str, ...] | None, place: Place, bad: set[str]
    ) -> tuple[str, ...]:
        if names is None:
            return self._sinks
        for index, name in enumerate(names):
            if name not in self._sinks:
                near = suggestion(name, self._sinks)
                self._problems.append(place.at("sinks", index).problem(f"no such sink{near}"))
                bad.add("sinks")
        return tuple(name for name in names if name in self._sinks)


def check(meter: Meter, problems: list[Problem]) -> None:
    """What must fit together within one meter."""
    options = meter.options
    all_misfits = (
        *transport.misfits(options),
        *security.misfits(options, meter.said),
        *quirks.misfits(options),
    )
    for misfit in all_misfits:
        if not meter.bad & misfit.depends:
            problems.append(meter.says(misfit.key).problem(misfit.message))
    for key, message in options.credentials.misfits():
        if not meter.bad & set(CREDENTIALS):
            problems.append(meter.place.at(key).problem(message))
    if options.framing == "hdlc" and not meter.bad & ADDRESS:
        try:
            server(options)
        except LocalError as error:
            place = meter.says("logical_device", "physical_device", "address_size")
            problems.append(place.problem(str(error)))


def server(options: MeterOptions) -> ServerAddress:
    """The meter's HDLC address; raises LocalError when its parts do not fit."""
    return ServerAddress(options.logical_device, options.physical_device, options.address_size)
