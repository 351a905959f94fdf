"""Long bodies: never faster than their reader, never for a reader that is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.model import Reading
from dlmsd.web.api.readings import _csv
from dlmsd.web.flow import STALLED
from dlmsd.web.operation import Answer, Call, Operation, Stream
from tests.web.visitor import Visitor, lose


class FlowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.made = 0
        self.closed = False
        operation = Operation(
            method="GET",
            path="/api/long",
            work=self.work,
            summary="",
            tag="x",
            answers={200: Answer("", list[int])},
        )
        self.visitor = Visitor(operations=[operation])

    async def work(self, call: Call) -> Stream:
        return Stream(self.pieces(), "text/plain")

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            for _ in range(1000):
                self.made += 1
                yield b"x" * 1000
        finally:
            self.closed = True

    def paused(self) -> tuple[Any, Any]:
        """A reader that takes nothing from the first piece on."""
        protocol, transport = self.visitor.connect()
        write = transport.write

        def full(data: bytes) -> None:
            write(data)
            if transport.producer is not None:
                transport.producer.pauseProducing()

        transport.write = full
        transport.writeSequence = lambda data: full(b"".join(data))
        protocol.dataReceived(b"GET /api/long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return protocol, transport

    def test_no_piece_is_made_before_it_is_taken(self) -> None:
        protocol, transport = self.paused()
        self.assertLessEqual(self.made, 2)
        transport.producer.resumeProducing()
        self.assertLessEqual(self.made, 4)
        lose(protocol)

    def test_whoever_takes_it_gets_all(self) -> None:
        answer = self.visitor.ask("/api/long")
        self.assertEqual((len(answer.body), self.closed), (1_000_000, True))

    def test_a_reader_that_goes_ends_it(self) -> None:
        protocol, _ = self.paused()
        lose(protocol)
        self.assertTrue(self.closed)
        self.assertEqual(self.visitor.reactor.getDelayedCalls(), [])

    def test_a_reader_that_takes_nothing_is_dropped(self) -> None:
        _, transport = self.paused()
        self.visitor.reactor.advance(STALLED - 1)
        self.assertFalse(transport.aborted)
        self.visitor.reactor.advance(2)
        self.assertTrue(transport.aborted)
        self.assertTrue(self.closed)


class CsvTests(SynchronousTestCase):
    def test_nothing_becomes_a_formula(self) -> None:
        values = {
            "a": "=1+1",
            "=b": Decimal("-1.50"),
            "c": True,
            "d": '@x"\n,',
            "e": Decimal("NaN"),
            "f": "\t=x",
        }
        pages = self.pages([Reading("m", 1_000, values)])
        text = b"".join(self.all(_csv(pages, ["a", "=b", "c"]))).decode()
        head, row = text.split("\r\n", 1)
        self.assertEqual(head, "time,ts,a,'=b,c,others")
        self.assertTrue(row.startswith("1970-01-01T00:00:01.000Z,1000,'=1+1,-1.50,true,"), row)
        self.assertIn('""@x', row)

    async def pages(self, page: list[Reading]) -> AsyncIterator[list[Reading]]:
        yield page

    def all(self, pieces: AsyncIterator[bytes]) -> list[bytes]:
        found: list[bytes] = []

        async def take() -> None:
            async for piece in pieces:
                found.append(piece)

        try:
            take().send(None)
        except StopIteration:
            return found
        raise AssertionError("it waits")
