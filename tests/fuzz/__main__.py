"""``python -m tests.fuzz``: every decoder of dlmsd against any octets.

Nothing may come out but the errors that a decoder documents, and no input of up to 64 KiB
may take more than 50 ms or 32 MiB. The exit status is 1 if one did. A finding is shown
with its seed, its index and its octets; ``--replay TARGET HEX`` tries these again, and
``--make INDEX`` with the target and the seed tells them for an index.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from tests.fuzz import limits
from tests.fuzz.campaign import Campaign, Finding, Tally
from tests.fuzz.jobs import fuzz
from tests.fuzz.target import Target
from tests.fuzz.targets import targets

# What is shown of an input; the whole is in the file of findings.
_SHOWN: Final = 64


def _show(target: Target, seed: int, finding: Finding, file: Path | None) -> None:
    octets = finding.octets
    shown = octets[:_SHOWN].hex() + ("..." if len(octets) > _SHOWN else "")
    print(f"  {finding.what}: seed {seed}, index {finding.index}, {len(octets)} octets: {shown}")
    print("    " + finding.detail.rstrip().replace("\n", "\n    "))
    if file is not None:
        with file.open("a") as lines:
            lines.write(f"{target.name} {octets.hex()}\n")


def _replay(target: Target, octets: bytes) -> int:
    """One input again, with what it costs."""
    spent, most = limits.seconds(target.run, octets), limits.peak(target.run, octets)
    print(f"{len(octets)} octets, {spent * 1000:.3f} ms, {most / 1048576:.2f} MiB")
    try:
        target.run(octets)
    except target.refusals as error:
        print(f"refused: {type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 - shown as it is, whatever it is
        traceback.print_exc()
        return 1
    else:
        print("taken")
    return int(spent > target.seconds or most > limits.MAX_OCTETS)


def _row(name: str, tally: Tally, elapsed: float) -> str:
    taken = tally.taken / max(tally.inputs, 1)
    return (
        f"{name:20} {tally.inputs:>12,} {taken:>6.0%} {elapsed:>9.0f} "
        f"{tally.seconds * 1000:>9.1f} {tally.octets / 1048576:>7.1f} "
        f"{tally.grown / 1048576:>7.1f} {len(tally.findings):>9}"
    )


_HEAD: Final = (
    f"{'target':20} {'inputs':>12} {'taken':>6} {'seconds':>9} "
    f"{'worst ms':>9} {'MiB':>7} {'grown':>7} {'findings':>9}"
)


def main() -> int:
    """Fuzz, or replay one input."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all of them")
    parser.add_argument("--count", type=int, default=100_000, help="inputs for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--list", action="store_true", help="the names of all targets")
    parser.add_argument("--make", type=int, metavar="INDEX", help="the input of an index, in hex")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "HEX"), help="one input again")
    parser.add_argument("--findings", type=Path, metavar="FILE", help="gets a line for each")
    options = parser.parse_args()
    known = {target.name: target for target in targets()}
    names = [options.replay[0]] if options.replay else options.targets
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no target {unknown[0]}; --list tells them")
    if options.list:
        print("\n".join(known))
        return 0
    if options.replay:
        return _replay(known[options.replay[0]], bytes.fromhex(options.replay[1]))
    chosen = [known[name] for name in names] or list(known.values())
    if options.make is not None:
        print(*(Campaign(target, options.seed).make(options.make).hex() for target in chosen))
        return 0
    found = 0
    print(_HEAD, flush=True)
    for target in chosen:
        begin = time.perf_counter()
        tally = fuzz(target, options.seed, options.count, options.jobs)
        print(_row(target.name, tally, time.perf_counter() - begin), flush=True)
        for finding in tally.findings:
            _show(target, options.seed, finding, options.findings)
        found += len(tally.findings)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
