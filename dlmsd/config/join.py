"""Meters from elsewhere than the file, such as those added by API, beside those that it has.

The file comes first: what does not go together with it, or is wrong in itself, is left out
and told of, and everything else is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve, field, frozen

from dlmsd.config.broker import Broker
from dlmsd.config.callers import check_callers
from dlmsd.config.checks import check_all
from dlmsd.config.listeners import Listener, check_pushing
from dlmsd.config.measurements import resolve
from dlmsd.config.meters import Meter, MeterLoader, check
from dlmsd.config.profiles import Profile
from dlmsd.config.secrets import SecretReader
from dlmsd.config.sinks import Sink
from dlmsd.config.source import Place, Source
from dlmsd.config.structure import Structure
from dlmsd.config.tables import ProfileTable
from dlmsd.config.values import Configuration, MeterOptions
from dlmsd.errors import Problem


@frozen
class Added:
    """A meter as ``[[meters]]`` would say it, secrets in clear.

    ``read`` comes on top of what the table and its profile read.
    """

    name: str
    table: Mapping[str, object] = field(repr=False)
    read: Mapping[str, object] = field(factory=dict)


@frozen
class Joined:
    """``configuration`` has all meters that are right, ``refused`` why the others are not."""

    configuration: Configuration
    refused: Mapping[str, tuple[Problem, ...]]


def join(
    configuration: Configuration, added: Sequence[Added], environ: Mapping[str, str]
) -> Joined:
    """The configuration with these meters after its own; nothing of it is lost."""
    structure = Structure(SecretReader(configuration.path.absolute().parent, environ))
    problems: dict[str, list[Problem]] = {}
    meters = []
    for one in added:
        source = Source(f"meter {one.name}, added by API", "", {})
        found = problems.setdefault(source.file, [])
        meter = _take(one, Place(source), structure, configuration, found)
        if meter is not None and not found:
            meters.append(meter)
    for problem in _together(configuration, meters):
        problems[problem.file].append(problem)
    right = tuple(one.options for one in meters if not problems[one.place.source.file])
    refused = {
        one.name: tuple(evolve(problem, line=0) for problem in found)
        for one, found in zip(added, problems.values(), strict=False)
        if found
    }
    return Joined(evolve(configuration, meters=configuration.meters + right), refused)


def _take(
    added: Added,
    place: Place,
    structure: Structure,
    configuration: Configuration,
    problems: list[Problem],
) -> Meter | None:
    profiles = {
        name: Profile(place, one.said, one.read, frozenset())
        for name, one in configuration.profiles.items()
    }
    sinks = [sink.name for sink in configuration.sinks]
    loader = MeterLoader(structure, profiles, sinks, problems)
    table = {**added.table, "name": added.name}
    read = _read(added, profiles)
    if "read" not in table and read:
        table["read"], read = read, {}
    meter = loader.take(place, table)
    if meter is None:
        return None
    check(meter, problems)
    if read:
        taken = structure.take(ProfileTable, place, {"read": read}, problems).value
        if taken is not None and taken.read is not None:
            base = {one.name: one for one in meter.options.read}
            found = resolve(taken.read, base, place.at("read"), problems)
            meter = evolve(meter, options=evolve(meter.options, read=tuple(found.values())))
    return meter


def _read(added: Added, profiles: Mapping[str, Profile]) -> dict[str, object]:
    """Without taking away what nobody reads: a measurement that is not enabled yet."""
    profile = profiles.get(str(added.table.get("profile")))
    base = added.table.get("read") or (profile.read if profile is not None else {})
    there = set(base) if isinstance(base, list | Mapping) else set()
    return {name: one for name, one in added.read.items() if one is not False or name in there}


def _together(configuration: Configuration, meters: Sequence[Meter]) -> Iterator[Problem]:
    """What the added meters have with others; the file by itself has no problem."""
    source = Source(str(configuration.path), "", {})
    problems: list[Problem] = []
    sinks = [
        Sink(one, Place(source, ("sinks", index)), Broker.parse(one.url), frozenset())
        for index, one in enumerate(configuration.sinks)
    ]
    listeners = [
        Listener(one, Place(source, ("push", index)), frozenset())
        for index, one in enumerate(configuration.push)
    ]
    own = [_of_file(one, source, index) for index, one in enumerate(configuration.meters)]
    check_all(sinks, [*own, *meters], problems)
    check_pushing(listeners, [*own, *meters], problems)
    check_callers(configuration.dial_in, [*own, *meters], problems, Place(source, ("dial_in",)))
    if len(meters) == 1:  # of two, the one that the file does not have is to blame
        yield from (evolve(problem, file=meters[0].place.source.file) for problem in problems)
    elif all(problem.file != source.file for problem in problems):
        yield from problems
    else:
        for meter in meters:
            yield from _together(configuration, [meter])


def _of_file(options: MeterOptions, source: Source, index: int) -> Meter:
    place = Place(source, ("meters", index))
    return Meter(options, place, None, frozenset(), frozenset())
