"""Invoke-Id-And-Priority."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.xdlms.invoke import encode_invoke, invoke_id, is_confirmed, is_high_priority


class InvokeTests(SynchronousTestCase):
    def test_the_usual_byte(self) -> None:
        self.assertEqual(encode_invoke(1), 0xC1)
        self.assertEqual(encode_invoke(1, high_priority=False), 0x41)
        self.assertEqual(encode_invoke(1, confirmed=False, high_priority=False), 0x01)

    def test_every_byte_comes_apart(self) -> None:
        for invoke in range(256):
            again = encode_invoke(
                invoke_id(invoke),
                confirmed=is_confirmed(invoke),
                high_priority=is_high_priority(invoke),
            )
            self.assertEqual(again, invoke & 0xCF)

    def test_the_invoke_id_counts_modulo_16(self) -> None:
        self.assertEqual(encode_invoke(17), encode_invoke(1))
