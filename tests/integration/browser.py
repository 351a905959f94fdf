"""The page in a real browser, headless Chromium: on a WebService here, or on a daemon."""

from __future__ import annotations

import atexit
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from attrs import evolve, make_class
from twisted.internet import reactor
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from dlmsd.config.values import WebOptions
from dlmsd.fleet.board import Board, Status
from dlmsd.model import MeterState, OutboxStatus, Reading
from dlmsd.secret import Secret
from dlmsd.tokens import Tokens
from dlmsd.web.kinds import said, text
from dlmsd.web.operation import Answer, Call, Operation, Reply
from dlmsd.web.site import WebService
from dlmsd.web.status import StatusDocument
from tests.integration.mosquitto import free_port
from tests.web.visitor import METER, SINK

# Of the page, in ms; the machine may be busy.
PATIENCE = 30_000

try:
    from playwright.sync_api import Page, expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
except ImportError:
    Page = expect = sync_playwright = None  # type: ignore[assignment,misc]

__all__ = ["Page", "expect"]

T = TypeVar("T")

CHROMIUM = shutil.which("chromium")
HOSTILE = '=cmd|"<script>document.title=1</script>"'
NARROW = {"width": 390, "height": 844}
# What waits is late whenever the test looks.
OUTBOX = OutboxStatus(committed=10, delivered=7, queued={"tb": 3}, oldest_queued_ts=1)


def now() -> int:
    """Unix ms."""
    return int(time.time() * 1000)


def need_browser() -> None:
    """Skips the test where there is none; where CI=true nothing may lack."""
    missing = ""
    if sync_playwright is None:
        missing = "needs the package playwright (pip install playwright)"
    elif not CHROMIUM:
        missing = "needs chromium (apt install chromium)"
    if missing and os.environ.get("CI") == "true":
        raise AssertionError(missing)
    if missing:
        raise SkipTest(missing)


class Browser:
    """One Chromium for all tests, in a thread of its own, until the process ends."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def run(self, job: Callable[[], T]) -> T:
        """What ``job`` gives, in the browser's thread; within it :func:`browsing` works."""
        if self._thread is None:
            self._thread = Thread(target=self._live, name="browser", daemon=True)
            self._thread.start()
            atexit.register(self._end)
        done: Future[T] = Future()
        self._jobs.put((job, done))
        return done.result()

    def _live(self) -> None:
        with sync_playwright() as playwright:
            self.chromium = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            while (taken := self._jobs.get()) is not None:
                job, done = taken
                try:
                    done.set_result(job())
                except BaseException as error:  # noqa: BLE001 - it is the waiting test's
                    done.set_exception(error)
            self.chromium.close()

    def _end(self) -> None:
        assert self._thread is not None
        self._jobs.put(None)
        self._thread.join(10)


BROWSER = Browser()


@contextmanager
def browsing(**options: Any) -> Iterator[tuple[Page, list[str]]]:
    """A page, and the errors and warnings that it logs meanwhile; in the browser's thread."""
    wrong: list[str] = []
    context = BROWSER.chromium.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda line: line.type in ("error", "warning") and wrong.append(line.text),
    )
    try:
        yield page, wrong
    finally:
        context.close()


class PageCase(TestCase):
    """A WebService on a board of three meters, of which one is down and one has a bad name."""

    timeout = 120

    async def setUp(self) -> None:
        need_browser()
        self.plan: dict[str, Any] = {}
        self.board = Board()
        self.board.post(self.meter("planta-a"))
        self.board.post(
            self.meter(
                "planta-b",
                state=MeterState.DOWN,
                recent=0.0,
                error="no answer in 5.0 s",
                advice="Check its address.",
            )
        )
        self.board.post(self.meter(HOSTILE))
        self.board.post(SINK)
        self.board.post(OUTBOX)

    def meter(self, name: str, volts: str = "230.0", **more: Any) -> Status:
        """One of this name that has just been read."""
        values = {"voltage_l1": Decimal(volts), "energy": Decimal("12345678901234567890")}
        units = {"voltage_l1": "V", "energy": "Wh"}
        reading = Reading(name, now(), values)
        return evolve(METER, name=name, reading=reading, values=values, units=units, **more)

    async def look(self, look: Callable[[Page, str], None], **options: Any) -> None:
        """Runs ``look`` in a thread of its own, with a page that may log no error.

        ``forgive`` is part of a line that it may log; ``proxy`` makes the token needed.
        """
        forgive = options.pop("forgive", None)
        proxy = options.pop("proxy", False)
        service = self.service = WebService(
            WebOptions(trust_proxy=proxy, listen=f"tcp:{free_port()}:interface=127.0.0.1"),
            self.board,
            StatusDocument(self.board, time.time, "1.2.3"),
            reactor=reactor,
            ready=lambda: True,
            tokens=Tokens(Secret("geheim"), Path("no-list"), time.time),
            language="en",
            version="1.2.3",
            operations=[self.planning()],
        )
        await service.startService()

        def browse() -> list[str]:
            with browsing(**options) as (page, wrong):
                look(page, service.address)
            return wrong

        try:
            wrong = await deferToThread(BROWSER.run, browse)
        finally:
            await service.stopService()
        self.assertEqual([line for line in wrong if not (forgive and forgive in line)], [])

    def planning(self) -> Operation:
        """What the watch would tell; ``self.plan`` is in it."""

        async def work(call: Call) -> Reply:
            empty: dict[str, Any] = {"findings": [], "immediate": [], "short": [], "long": []}
            return Reply(empty | self.plan)

        query = make_class("Query", {"language": said(text(8), None)}, frozen=True)
        return Operation(
            method="GET",
            path="/api/diagnosis/plan",
            work=work,
            summary="",
            tag="",
            query=query,
            answers={200: Answer("", dict)},
        )

    def post(self, status: Status) -> None:
        """From the thread of ``look``."""
        blockingCallFromThread(reactor, self.board.post, status)
