"""Which hosts are hosts: what passes here must not fail in the middle of the night."""

from twisted.trial.unittest import SynchronousTestCase

from dlmsd.config.rules import Refusal, host


class HostTests(SynchronousTestCase):
    def test_good(self) -> None:
        for good in (
            *("192.168.1.127", "localhost", "meter-7.plant.example", "a_b", "x" * 63, "h."),
            *("::1", "fe80::1%eth0", "medidor.compañía.example", "1st.example"),
        ):
            self.assertEqual(host(good), good)

    def test_bad(self) -> None:
        for bad in (
            *("", "a..b", "x" * 64, ".".join(["x" * 60] * 5), "-a", "a-", "[::1]", "a b"),
            *("a\0b", "a/b", "u@h", "300.1.1.1", "1.2.3", "12", "::g", ".", None, 5, True),
        ):
            self.assertIn("host", str(self.assertRaises(Refusal, host, bad)), bad)

    def test_a_port_is_told_apart(self) -> None:
        self.assertIn("its own key", str(self.assertRaises(Refusal, host, "meter:3333")))
