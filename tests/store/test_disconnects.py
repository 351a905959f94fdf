"""Ends of connections in the registry."""

from __future__ import annotations

from attrs import evolve

from dlmsd.store.disconnects import LIMIT, Disconnect, Return
from dlmsd.store.retention import DAY
from tests.store.registry_case import RegistryCase

END = Disconnect("tb", 0, 1000, "restart", "closed", ("1 of 1 connections",), 5000)


class DisconnectTests(RegistryCase):
    def write(self, *rows: Disconnect) -> None:
        self.done(self.registry.disconnects.write(rows))

    def list(self, **asked: object) -> list[Disconnect]:
        return list(self.done(self.registry.disconnects.list(**asked)))

    def test_a_row_is_written_and_then_what_became_of_it(self) -> None:
        self.write(END)
        self.assertEqual(self.list(), [evolve(END, id=1)])
        self.assertEqual(self.done(self.registry.disconnects.standing()), (evolve(END, id=1),))
        over = evolve(END, cause="takeover", attempts=3, over_at=9000, back=True)
        self.write(over)
        self.assertEqual(self.list(), [evolve(over, id=1)])
        self.assertEqual(self.done(self.registry.disconnects.standing()), ())
        returns = self.registry.disconnects.returns
        self.assertEqual(self.done(returns(0, 9000)), ())
        self.assertEqual(self.done(returns(9000, 9001)), (Return("tb", 0, 9000),))

    def test_what_never_stood_or_was_left_is_no_return(self) -> None:
        first = evolve(END, stood=None, over_at=1, back=True)
        left = evolve(END, at=2, over_at=3, back=False)
        own = evolve(END, sink="", meter=1, over_at=3, back=True)
        self.write(first, left, own)
        self.assertEqual(self.done(self.registry.disconnects.returns(0, 10)), ())

    def test_which_are_listed(self) -> None:
        rows = [evolve(END, at=number, meter=number % 2) for number in range(6)]
        self.write(*rows, evolve(END, sink="", meter=1, at=9))
        self.assertEqual([one.id for one in self.list(limit=2)], [7, 6])
        self.assertEqual([one.id for one in self.list(before=3)], [2, 1])
        self.assertEqual([one.at for one in self.list(meter=1)], [9, 5, 3, 1])
        self.assertEqual([one.at for one in self.list(sink="", meter=1)], [9])
        self.assertEqual([one.at for one in self.list(sink="tb", since=4)], [5, 4])

    def test_long_texts_and_damage(self) -> None:
        self.write(evolve(END, message="x" * 5000, evidence=("y" * 5000,) * 20))
        (found,) = self.list()
        self.assertEqual((len(found.message), len(found.evidence)), (1024, 8))
        self.assertEqual(len(found.evidence[0]), 512)
        spoil = "UPDATE disconnects SET evidence = 'no list'"
        self.done(self.registry._file.change(lambda database: database.execute(spoil)))
        self.assertEqual(self.list()[0].evidence, ())

    def test_old_ones_go_but_for_what_lasts(self) -> None:
        now = int(self.now * 1000)
        old = now - LIMIT.keep - DAY
        over = evolve(END, over_at=now, back=True)
        self.write(evolve(END, at=old), evolve(over, at=old + 1), evolve(over, at=now))
        self.done(self.registry.sweep())
        self.assertEqual([one.at for one in self.list()], [now, old])
