"""The configuration, from its file to frozen values, or all that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from attrs import evolve

from dlmsd.config import later
from dlmsd.config.callers import check_callers
from dlmsd.config.checks import check_all, unique
from dlmsd.config.listen import Listen
from dlmsd.config.listeners import Listener, check_pushing, take_listener
from dlmsd.config.measurements import resolve
from dlmsd.config.meters import Meter, MeterLoader, check
from dlmsd.config.notice import NoticeOptions, WatchOptions
from dlmsd.config.profiles import Profile, load_profiles
from dlmsd.config.receivers import take_receiver
from dlmsd.config.rules import suggestion
from dlmsd.config.secrets import SecretReader
from dlmsd.config.sinks import Sink, take_sink
from dlmsd.config.source import Place, Source
from dlmsd.config.structure import NOTHING, Structure
from dlmsd.config.system import state_dir, system_file
from dlmsd.config.tables import ProfileTable
from dlmsd.config.values import (
    Configuration,
    DaemonOptions,
    DialInOptions,
    MeterOptions,
    OutboxOptions,
    ProfileOptions,
    WebOptions,
)
from dlmsd.errors import ConfigurationError, Problem

SECTIONS: Final = (
    *("daemon", "web", "outbox", "sinks", "push", "dial_in", "watch", "notices"),
    *("profiles", "meters"),
)

T = TypeVar("T")


def find(environ: Mapping[str, str], cwd: Path) -> Path:
    """The file that is used when none is named.

    The system's, then ``etc/dlmsd.toml`` below ``cwd``. Raises ConfigurationError if there is
    neither.
    """
    system = system_file(environ)
    here = cwd / "etc" / "dlmsd.toml"
    for path in (system, here):
        if os.path.exists(path):  # false, not an error, below a folder that is not ours
            return path
    message = f"there is no such file, and no {here}; name one with --config"
    raise ConfigurationError((Problem(str(system), 0, "", message),))


def load_or_find(given: Path | None, *, environ: Mapping[str, str], cwd: Path) -> Configuration:
    """The configuration of the file that was named, or else of the one that is found."""
    return load(given or find(environ, cwd), environ=environ)


def load(path: Path, *, environ: Mapping[str, str]) -> Configuration:
    """The configuration of ``path``; ``environ`` gives secrets and folders.

    Raises ConfigurationError with every problem of the file and of its profiles, in the
    order of their lines.
    """
    return load_source(Source.read(path), path, environ=environ)


def load_source(main: Source, path: Path, *, environ: Mapping[str, str]) -> Configuration:
    """The same of a file that is read already."""
    loading = _Loading(main, path, environ)
    configuration = loading.configuration()
    if loading.problems or configuration is None:
        raise ConfigurationError(_sorted(loading.problems, main.file))
    return configuration


def load_meter(
    table: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    dial_in: Mapping[str, object] = NOTHING,
) -> MeterOptions:
    """One meter that stands in no file, such as one given to a command.

    ``table`` is what ``[[meters]]`` would hold, ``dial_in`` what ``[dial_in]``; secrets and
    ``profiles/`` start at ``cwd``. Raises ConfigurationError with every problem.
    """
    main = Source("the meter", "", {"meters": [table], "dial_in": dict(dial_in)})
    loading = _Loading(main, cwd / "dlmsd.toml", environ)
    configuration = loading.configuration()
    if loading.problems or configuration is None:
        raise ConfigurationError(
            tuple(
                evolve(problem, line=0, key=problem.key.removeprefix("meters[0]."))
                for problem in _sorted(loading.problems, main.file)
            )
        )
    return configuration.meters[0]


def load_read(
    meter: MeterOptions, read: Mapping[str, object], *, environ: Mapping[str, str], cwd: Path
) -> MeterOptions:
    """``meter``, which reads what ``read`` adds to its own measurements too.

    Raises ConfigurationError with every problem.
    """
    place = Place(Source("the meter", "", {"read": read}))
    problems: list[Problem] = []
    structure = Structure(SecretReader(cwd, environ))
    table = structure.take(ProfileTable, place, {"read": read}, problems).value
    base = {one.name: one for one in meter.read}
    if table is not None and table.read is not None:
        base = resolve(table.read, base, place.at("read"), problems)
    if problems:
        raise ConfigurationError(tuple(evolve(one, line=0) for one in problems))
    return evolve(meter, read=tuple(base.values()))


class _Loading:
    """One pass over a file; ``problems`` grows, and nothing stops at the first."""

    def __init__(self, main: Source, path: Path, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._main = main
        self._path = path
        self._environ = environ
        # Absolute, because twistd changes its folder after the configuration is read.
        self._folder = path.absolute().parent
        self._structure = Structure(SecretReader.of(main.table, self._folder, environ))

    def configuration(self) -> Configuration | None:
        """None if a section cannot be known; then there are problems."""
        self._unknown_sections()
        folder = state_dir(self._path, self._environ)
        daemon = self._section("daemon", DaemonOptions, {"state_dir": folder})
        web = self._web()
        outbox = self._section("outbox", OutboxOptions)
        sinks = self._sinks()
        profiles = load_profiles(
            self._main, self._path.parent / "profiles", self._structure, self.problems
        )
        meters = self._meters(profiles)
        listeners = self._listeners()
        check_all(sinks, meters, self.problems)
        check_pushing(listeners, meters, self.problems)
        dial_in = self._dial_in(meters)
        watch = self._section("watch", WatchOptions)
        notices = self._notices(watch)
        if daemon is None or web is None or outbox is None or dial_in is None or watch is None:
            return None
        return Configuration(
            path=self._path,
            daemon=daemon,
            web=web,
            outbox=outbox,
            sinks=tuple(sink.options for sink in sinks),
            meters=tuple(meter.options for meter in meters),
            push=tuple(listener.options for listener in listeners),
            dial_in=dial_in,
            notices=tuple(notices),
            watch=watch,
            profiles={
                name: ProfileOptions(profile.said, profile.read)
                for name, profile in profiles.items()
            },
        )

    def _unknown_sections(self) -> None:
        kept, refused = later.sift(Configuration, self._main.table)
        place = Place(self._main)
        self.problems += [place.at(key).problem(later.MESSAGE) for key in refused]
        for key in kept:
            if key not in SECTIONS:
                message = f"unknown section{suggestion(key, SECTIONS)}"
                self.problems.append(place.at(key).problem(message))

    def _section(
        self, key: str, cls: type[T], otherwise: Mapping[str, object] = NOTHING
    ) -> T | None:
        table = self._main.table.get(key, {})
        place = Place(self._main, (key,))
        taken = self._structure.take(cls, place, table, self.problems, otherwise=otherwise)
        return taken.value

    def _web(self) -> WebOptions | None:
        place = Place(self._main, ("web",))
        table = self._main.table.get("web", {})
        taken = self._structure.take(WebOptions, place, table, self.problems)
        web = taken.value
        if web is None or taken.bad & {"listen", "trust_proxy"}:
            return web
        if web.legacy_open and not (Listen.parse(web.listen).loopback and not web.trust_proxy):
            self.problems.append(
                place.at("legacy_open").problem(
                    "frees changes on loopback alone; listen at 127.0.0.1 without trust_proxy"
                )
            )
        if Listen.parse(web.listen).exposed and not web.trust_proxy:
            self.problems.append(
                place.at("listen").problem(
                    "others would reach this without TLS; use interface=127.0.0.1, or ssl:, "
                    "or trust_proxy = true behind a proxy that speaks TLS"
                )
            )
        return web

    def _dial_in(self, meters: Sequence[Meter]) -> DialInOptions | None:
        place = Place(self._main, ("dial_in",))
        table = self._main.table.get("dial_in", {})
        taken = self._structure.take(DialInOptions, place, table, self.problems)
        judged = None if "listen" in taken.bad else taken.value
        check_callers(judged, meters, self.problems, place)
        return taken.value

    def _sinks(self) -> list[Sink]:
        taken = [
            take_sink(place, table, self._structure, self.problems)
            for place, table in self._tables("sinks")
        ]
        return [sink for sink in taken if sink is not None]

    def _listeners(self) -> list[Listener]:
        taken = [
            take_listener(place, table, self._structure, self.problems)
            for place, table in self._tables("push")
        ]
        return [listener for listener in taken if listener is not None]

    def _notices(self, watch: WatchOptions | None) -> list[NoticeOptions]:
        hosts = None if watch is None else watch.notice_hosts
        taken = [
            take_receiver(place, table, self._structure, hosts, self.problems)
            for place, table in self._tables("notices")
        ]
        found = [one for one in taken if one is not None]
        unique([(one, one.options.name) for one in found], "receiver", self.problems)
        return [one.options for one in found]

    def _meters(self, profiles: Mapping[str, Profile]) -> list[Meter]:
        loader = MeterLoader(self._structure, profiles, self._sink_names(), self.problems)
        meters: list[Meter] = []
        for place, table in self._tables("meters"):
            meter = loader.take(place, table)
            if meter is not None:
                check(meter, self.problems)
                meters.append(meter)
        return meters

    def _sink_names(self) -> list[str]:
        """Also of sinks with problems: a meter that names one of them is not wrong."""
        sinks = self._main.table.get("sinks", ())
        names = [
            table.get("name")
            for table in (sinks if isinstance(sinks, list) else ())
            if isinstance(table, dict)
        ]
        return list(dict.fromkeys(name for name in names if isinstance(name, str)))

    def _tables(self, key: str) -> list[tuple[Place, object]]:
        place = Place(self._main, (key,))
        tables = self._main.table.get(key, [])
        if not isinstance(tables, list):
            self.problems.append(place.problem(f"expected a list of tables: [[{key}]]"))
            return []
        return [(place.at(index), table) for index, table in enumerate(tables)]


def _sorted(problems: list[Problem], main: str) -> tuple[Problem, ...]:
    """Each once (meters of one profile share its problems), the main file's first."""
    return tuple(
        sorted(dict.fromkeys(problems), key=lambda one: (one.file != main, one.file, one.line))
    )
