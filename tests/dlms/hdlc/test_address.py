"""Addresses of one, two and four octets, and which of them mean the same meter."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dlmsd.dlms.hdlc.address import ServerAddress, Size, address_end, client_address
from dlmsd.errors import LocalError


class ClientAddressTests(SynchronousTestCase):
    def test_one_octet(self) -> None:
        self.assertEqual(client_address(1), b"\x03")
        self.assertEqual(client_address(16), b"\x21")
        self.assertEqual(client_address(127), b"\xff")

    def test_out_of_range(self) -> None:
        for client in (-1, 0, 128):
            self.assertRaises(LocalError, client_address, client)


class ServerAddressTests(SynchronousTestCase):
    def test_octets(self) -> None:
        """1/17 in two and four octets is of the published SNRM frames."""
        cases: list[tuple[int, int, Size, str]] = [
            (0, 1, "auto", "03"),
            (0, 127, "auto", "ff"),
            (1, 0, "auto", "0201"),
            (1, 17, "auto", "0223"),
            (0, 128, "auto", "00000201"),
            (127, 127, "auto", "feff"),
            (128, 1, "auto", "02000003"),
            (1, 2836, "auto", "00022c29"),
            (0, 1, 1, "03"),
            (1, 0, 1, "03"),
            (0, 1, 2, "0003"),
            (1, 17, 2, "0223"),
            (1, 17, 4, "00020023"),
            (0, 1, 4, "00000003"),
            (16383, 16383, 4, "fefefeff"),
        ]
        for logical, physical, size, octets in cases:
            server = ServerAddress(logical, physical, size)
            self.assertEqual(server.octets.hex(), octets, server)

    def test_what_does_not_fit(self) -> None:
        cases: list[tuple[int, int, Size]] = [
            (1, 1, 1),
            (0, 128, 1),
            (128, 0, 1),
            (128, 1, 2),
            (1, 128, 2),
            (16384, 0, 4),
            (0, 16384, "auto"),
            (-1, 1, 1),
            (0, -1, "auto"),
        ]
        for logical, physical, size in cases:
            self.assertRaises(LocalError, ServerAddress, logical, physical, size)

    def test_matches_in_every_size(self) -> None:
        """A meter that was asked in two octets may answer in four, or in one."""
        for devices in ((0, 1), (0, 127), (1, 0), (1, 17), (127, 127), (1, 2836)):
            sizes: list[Size] = []
            for size in (1, 2, 4):
                try:
                    ServerAddress(*devices, size)
                except LocalError:
                    continue
                sizes.append(size)
            for ours, theirs in product(sizes, repeat=2):
                server = ServerAddress(*devices, ours)
                self.assertTrue(server.matches(ServerAddress(*devices, theirs).octets))

    def test_another_meter_does_not_match(self) -> None:
        server = ServerAddress(1, 17)
        for other in ("03", "23", "0221", "0023", "00020021", "00000023", "22020003", "fe02feff"):
            self.assertFalse(server.matches(bytes.fromhex(other)), other)
        self.assertFalse(ServerAddress(0, 1).matches(bytes.fromhex("0201")))

    @given(st.integers(0, 16383), st.integers(0, 16383), st.integers(0, 16383))
    def test_four_octets_are_compared_in_parts(self, logical: int, one: int, two: int) -> None:
        received = ServerAddress(logical, two, 4).octets
        self.assertEqual(ServerAddress(logical, one, 4).matches(received), one == two)
        self.assertEqual(
            ServerAddress(one, logical).matches(received), (one, logical) == (logical, two)
        )


class AddressEndTests(SynchronousTestCase):
    def test_legal_ends(self) -> None:
        for octets, end in (("03", 1), ("0203", 2), ("00020023", 4)):
            address = bytes.fromhex(octets)
            self.assertEqual(address_end(address + b"\x00", 0, len(address) + 1), end)
            self.assertEqual(address_end(b"\x00\x00" + address, 2, len(address) + 2), end + 2)

    def test_three_octets_and_none_that_ends(self) -> None:
        for octets in ("000203", "00020002", "0000000003"):
            self.assertEqual(address_end(bytes.fromhex(octets), 0, len(octets) // 2), -1, octets)

    def test_cut_short(self) -> None:
        for size in range(4):
            self.assertEqual(address_end(bytes.fromhex("00020023"), 0, size), 0)
