"""Which release of ThingsBoard is stood in for, and what it can."""

from __future__ import annotations

from attrs import frozen


@frozen
class Release:
    """A version such as 3.8 or 4.2.1, as numbers."""

    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Release:
        return cls(tuple(int(part) for part in text.split(".")))

    @property
    def codes_of_version_5(self) -> bool:
        """N1"""
        return self.numbers >= (3, 5)

    @property
    def answers_while_provisioning(self) -> bool:
        """P7"""
        return self.numbers >= (3, 5)

    @property
    def says_why(self) -> bool:
        """N2"""
        return self.numbers >= (3, 7)

    @property
    def session_limits(self) -> bool:
        """L3"""
        return self.numbers >= (3, 8)

    @property
    def acknowledges_packs(self) -> bool:
        """N3, N4"""
        return self.numbers >= (4, 2, 1)

    @property
    def api_keys(self) -> bool:
        """N5"""
        return self.numbers >= (4, 3)


LATEST = Release((4, 3))
