"""What is posted on the board is heard by every reader."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.fleet.board import Board, Status
from dlmsd.model import OutboxStatus


class BoardTests(SynchronousTestCase):
    def test_a_reader_that_fails_costs_neither_who_posts_nor_the_others(self) -> None:
        board, heard = Board(), list[Status]()

        def broken(status: Status) -> None:
            raise ZeroDivisionError

        board.subscribe(broken)
        board.subscribe(heard.append)
        status = OutboxStatus()
        board.post(status)
        self.assertEqual(heard, [status])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_no_longer_once_it_has_ended(self) -> None:
        board, heard = Board(), list[Status]()
        end = board.subscribe(heard.append)
        end()
        board.post(OutboxStatus())
        self.assertEqual(heard, [])
