"""How a command ends when it does not end with 0; errors have exit codes of their own."""

from typing import Final

FAILED: Final = 1
MISUSED: Final = 64  # EX_USAGE
