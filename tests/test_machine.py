"""What the daemon asks of the machine it runs on."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.machine import synchronised


@frozen
class Library:
    """Of C, whose adjtimex answers ``state``."""

    state: int

    def adjtimex(self, _: Any) -> int:
        return self.state


class SynchronisedTests(SynchronousTestCase):
    def test_good_until_the_kernel_says_error(self) -> None:
        for state, wanted in ((0, True), (1, True), (4, True), (5, False)):
            self.assertIs(synchronised(lambda state=state: Library(state)), wanted, state)

    def test_what_may_not_be_asked_is_not_known(self) -> None:
        self.assertIs(synchronised(lambda: Library(-1)), None, "EPERM, as under a seccomp filter")
        self.assertIs(synchronised(object), None, "a library without it")

    def test_the_real_one_answers(self) -> None:
        self.assertIn(synchronised(), (True, False, None))
