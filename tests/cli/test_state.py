"""The state folder in a command's hands."""

from __future__ import annotations

import os
import time
from pathlib import Path

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from dlmsd.cli.state import HeldError, KeptCounters, Place
from dlmsd.config.load import load
from dlmsd.config.values import Configuration
from dlmsd.errors import StoreError
from dlmsd.store.lock import Lock

NAME = "444C4D30303030/0011223344556677"


class StateTests(TestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        empty = folder / "dlmsd.toml"
        empty.write_text("")
        found = load(empty, environ={})
        self.state = folder / "state"
        self.configuration: Configuration = evolve(
            found, daemon=evolve(found.daemon, state_dir=self.state)
        )

    def kept(self) -> KeptCounters:
        return KeptCounters(Place.of(self.configuration), reactor)

    def free(self) -> None:
        """Nobody holds the folder."""
        lock = Lock(self.state / "dlmsd.lock")
        lock.take()
        lock.release()

    def test_reserved_and_received_outlive_it(self) -> Deferred[None]:
        async def work() -> None:
            async with self.kept() as store:
                self.assertEqual(
                    await store.invocation_counters.reserve_counters(NAME, 0, 10), (0, 10)
                )
                store.invocation_counters.keep_received(NAME, 7)
            self.free()
            async with self.kept() as store:
                self.assertEqual(
                    await store.invocation_counters.reserve_counters(NAME, 0, 10), (10, 20)
                )
                self.assertEqual(await store.invocation_counters.received_counters(), {NAME: 7})

        return Deferred.fromCoroutine(work())

    def test_received_ones_outlive_an_error(self) -> Deferred[None]:
        async def work() -> None:
            with self.assertRaises(ZeroDivisionError):
                async with self.kept() as store:
                    store.invocation_counters.keep_received(NAME, 7)
                    raise ZeroDivisionError
            async with self.kept() as store:
                self.assertEqual(await store.invocation_counters.received_counters(), {NAME: 7})

        return Deferred.fromCoroutine(work())

    def test_one_at_a_time(self) -> Deferred[None]:
        async def work() -> None:
            async with self.kept():
                with self.assertRaises(HeldError) as caught:
                    await self.kept().__aenter__()
            self.assertIn(f"process {os.getpid()} holds {self.state}", str(caught.exception))

        return Deferred.fromCoroutine(work())

    def test_a_file_that_is_none_is_set_aside_as_the_daemon_does(self) -> Deferred[None]:
        async def work() -> None:
            self.state.mkdir()
            (self.state / "outbox.db").write_bytes(b"no database at all" * 1000)
            before = int(time.time())
            async with self.kept() as store:
                first, _ = await store.invocation_counters.reserve_counters("one", 0, 1)
            # Nobody knows which counters were used: the new ones begin beyond any.
            self.assertGreaterEqual(first, before)
            self.assertTrue([each for each in self.state.iterdir() if ".corrupt-" in each.name])
            self.free()

        return Deferred.fromCoroutine(work())

    def test_another_users_folder_gets_no_first_file_of_ours(self) -> Deferred[None]:
        async def work() -> None:
            self.state.mkdir()
            self.patch(os, "geteuid", lambda: self.state.stat().st_uid + 1)
            with self.assertRaises(StoreError) as caught:
                await self.kept().__aenter__()
            self.assertIn("belongs to another user", str(caught.exception))
            self.assertEqual(list(self.state.iterdir()), [])

        return Deferred.fromCoroutine(work())
