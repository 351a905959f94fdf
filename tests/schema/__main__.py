"""``python -m tests.schema``: schemathesis at large, by every role."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.schema.campaign import ROLES, Stage, run


def main() -> int:
    """Print what was tried; 1 if an answer or the daemon's state was not as it should be."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.schema",
        description=main.__doc__,
        epilog="Example: python -m tests.schema --max-examples 1000 --roles admin",
    )
    parser.add_argument("--max-examples", type=int, default=1000, help="of each operation")
    parser.add_argument("--roles", nargs="+", choices=ROLES, default=ROLES)
    parser.add_argument("--paths", default="", help="a regular expression; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument("--minutes", type=int, default=240, help="the most for each role")
    given = parser.parse_args()
    broken = 0
    with TemporaryDirectory() as folder:
        for role in given.roles:
            stage = Stage(Path(folder) / role)
            try:
                stage.start()
                outcome = run(
                    stage,
                    role,
                    examples=given.max_examples,
                    seed=given.seed,
                    phases=given.phases,
                    patience=given.minutes * 60,
                    paths=given.paths,
                )
            finally:
                stage.stop()
            print(outcome, *outcome.wrong, sep="\n", flush=True)
            broken += len(outcome.wrong)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
