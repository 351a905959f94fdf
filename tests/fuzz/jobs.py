"""Processes that share the inputs of one target, each in an address space that cannot grow."""

from __future__ import annotations

import faulthandler
import mmap
import multiprocessing
from multiprocessing.connection import Connection
from typing import Final

from tests.fuzz import limits
from tests.fuzz.campaign import CHUNK, Campaign, Finding, Tally
from tests.fuzz.target import Target

_FORK: Final = multiprocessing.get_context("fork")


def _work(
    target: Target, seed: int, chunks: list[tuple[int, int]], at: memoryview, out: Connection
) -> None:
    """One process: its share of the chunks, in an address space that cannot grow."""
    faulthandler.enable()
    campaign = Campaign(target, seed, at)
    campaign.watch()
    limits.limit_memory()
    before = limits.address_space()
    for chunk, count in chunks:
        campaign.run(chunk, count)
        if campaign.tally.findings:
            break
    campaign.tally.grown = limits.address_space() - before
    out.send(campaign.tally)


def fuzz(target: Target, seed: int, count: int, jobs: int) -> Tally:
    """``count`` inputs, shared by ``jobs`` processes."""
    chunks = [(chunk, min(CHUNK, count - chunk * CHUNK)) for chunk in range(-(-count // CHUNK))]
    running = []
    for job in range(min(jobs, len(chunks))):
        at = memoryview(mmap.mmap(-1, 8)).cast("Q")
        reading, writing = _FORK.Pipe(duplex=False)
        share = chunks[job::jobs]
        process = _FORK.Process(target=_work, args=(target, seed, share, at, writing))
        process.start()
        writing.close()
        running.append((process, reading, at))
    total = Tally()
    for process, reading, at in running:
        try:
            total.add(reading.recv())
        except EOFError:
            process.join()
            detail = f"exit status {process.exitcode}; --make {at[0]} tells the input"
            total.findings.append(Finding("died", at[0], b"", detail))
        process.join()
    return total
