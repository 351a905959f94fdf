"""``python -m dlmsd``: the ``dlmsd`` command."""

from dlmsd.cli.command import main

main()
