"""Nothing but the composition root takes time, chance, names, threads or a reactor by itself.

So that a storm replays from its seed, and a test gives its own (STYLE: arguments).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

import dlmsd

ROOT: Final = Path(dlmsd.__file__).parent
# What constructs everything else, and the commands, which are a composition root each.
FREE: Final = ("machine.py", "tap.py", "cli/")

AMBIENT: Final = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"},
    "random": {"random", "uniform", "randint", "randrange", "choice", "randbytes", "seed"},
    "random.SystemRandom": {""},
    "os": {"urandom", "getrandom"},
    "secrets": {"token_bytes", "token_hex", "token_urlsafe", "randbelow", "choice"},
    "uuid": {"uuid1", "uuid4"},
    "datetime.datetime": {"now", "utcnow", "today"},
    "datetime.date": {"today"},
    "socket": {"getaddrinfo", "gethostbyname", "gethostname", "create_connection", "socket"},
    "threading": {"Thread", "Timer"},
    "threading.Thread": {""},
    "twisted.internet": {"reactor"},
    "twisted.internet.threads": {"deferToThread"},
    "twisted.internet.reactor": {""},
    "asyncio": {"sleep", "get_event_loop", "new_event_loop"},
}
FORBIDDEN: Final = {
    f"{module}.{name}".rstrip(".") for module in AMBIENT for name in AMBIENT[module]
}

# What Machine makes, and a test makes otherwise: a thread for each file, and the way to systemd.
ALLOWED: Final = {
    ("store/writer.py", "threading.Thread"),
    ("watch/systemd.py", "socket.socket"),
}


def ambient(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of each use of what is forbidden."""
    tree = ast.parse(source)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                full = one.name if one.asname else one.name.partition(".")[0]
                known[one.asname or full] = full
        elif isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                known[one.asname or one.name] = f"{node.module}.{one.name}"
                if f"{node.module}.{one.name}" in FORBIDDEN:
                    yield node.lineno, f"{node.module}.{one.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := _full(node, known)) in FORBIDDEN:
            yield node.lineno, name


def _full(node: ast.expr, known: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_full(node.value, known)}.{node.attr}"
    return known.get(node.id, "?") if isinstance(node, ast.Name) else "?"


class AmbientTests(SynchronousTestCase):
    def test_nothing_is_taken_from_around(self) -> None:
        found = {
            f"dlmsd/{name}:{line}: {what}"
            for path in sorted(ROOT.rglob("*.py"))
            if not (name := path.relative_to(ROOT).as_posix()).startswith(FREE)
            for line, what in ambient(path.read_text())
            if (name, what) not in ALLOWED
        }
        self.assertEqual(sorted(found), [])

    def test_each_way_of_taking_it_is_found(self) -> None:
        for source in (
            "import time\ndef f(wall=time.time): ...",
            "from time import monotonic",
            "import datetime\nnow = datetime.datetime.now(datetime.UTC)",
            "from datetime import datetime\nnow = datetime.now()",
            "import random as dice\ndice.choice([1])",
            "import random\nR = random.SystemRandom()",
            "def f():\n    from twisted.internet import reactor",
            "from twisted.internet.threads import deferToThread",
            "import socket\nsocket.getaddrinfo('a', 1)",
        ):
            self.assertEqual(len(list(ambient(source))), 1, source)
        for source in (
            "def f(random): return random.choice([1])",
            "from random import Random\nr = Random(7)",
            "def f(reactor): reactor.callLater(0, f)",
            "import datetime\ndatetime.datetime.fromtimestamp(0, datetime.UTC)",
        ):
            self.assertEqual(list(ambient(source)), [], source)
