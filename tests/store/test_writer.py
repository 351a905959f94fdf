"""What every writer promises; the fake must promise no more than the thread."""

from __future__ import annotations

import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from dlmsd.errors import LocalError
from dlmsd.store.writer import Writer, WriterThread
from tests.store.immediate import ImmediateWriter


class Promises:
    """Mixed into a TestCase that makes the writer."""

    writer: Any

    def make(self) -> Writer:
        raise NotImplementedError

    def setUp(self) -> None:
        self.writer = self.make()
        self.writer.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.writer.stop()))  # type: ignore[attr-defined]

    async def test_in_order(self: Any) -> None:
        ran: list[int] = []
        heard: list[int] = []
        jobs = [
            self.writer.run(lambda n=n: ran.append(n) or n).addCallback(heard.append)
            for n in range(50)
        ]
        await gatherResults(jobs)
        self.assertEqual(ran, list(range(50)))
        self.assertEqual(heard, list(range(50)))

    async def test_what_a_callback_asks_comes_later(self: Any) -> None:
        heard: list[str] = []
        inner: list[Deferred[None]] = []

        def first(result: None) -> None:
            inner.append(self.writer.run(lambda: None).addCallback(lambda _: heard.append("inner")))
            heard.append("first")

        self.hold()
        self.writer.run(lambda: None).addCallback(first)
        second = self.writer.run(lambda: None).addCallback(lambda _: heard.append("second"))
        self.release()
        await second
        await inner[0]
        self.assertEqual(heard, ["first", "second", "inner"])

    async def test_error(self: Any) -> None:
        with self.assertRaises(ZeroDivisionError):
            await self.writer.run(lambda: 1 // 0)
        self.assertEqual(await self.writer.run(lambda: 7), 7)

    async def test_stop_finishes(self: Any) -> None:
        ran: list[int] = []
        heard: list[None] = []
        for number in range(20):
            self.writer.run(lambda n=number: ran.append(n)).addCallback(heard.append)
        await self.writer.stop()
        self.assertEqual(ran, list(range(20)))
        self.assertEqual(len(heard), 20)
        await self.writer.stop()

    async def test_only_while_it_runs(self: Any) -> None:
        await self.writer.stop()
        self.assertRaises(LocalError, self.writer.run, lambda: None)
        self.assertRaises(LocalError, self.make().run, lambda: None)


class WriterThreadTests(Promises, TestCase):
    def make(self) -> Writer:
        return WriterThread(reactor)

    def hold(self) -> None:
        """A thread's results wait for the reactor anyway."""

    release = hold

    async def test_one_other_thread(self) -> None:
        names = await gatherResults([self.writer.run(threading.get_ident) for _ in range(10)])
        self.assertEqual(len(set(names)), 1)
        self.assertNotEqual(names[0], threading.get_ident())


class ImmediateWriterTests(Promises, TestCase):
    def make(self) -> Writer:
        return ImmediateWriter()

    def hold(self) -> None:
        self.writer.hold()

    def release(self) -> None:
        self.writer.release()

    async def test_hold(self) -> None:
        self.hold()
        job = self.writer.run(lambda: 7)
        self.assertNoResult(job)
        self.release()
        self.assertEqual(await job, 7)
