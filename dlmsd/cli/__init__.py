"""The ``dlmsd`` command."""
